package jetcapture_test

import (
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/nats-io/nats.go/jetstream"
)

func TestArchiveOnce(t *testing.T) {
	r := newRig(t)
	r.publish(1000)
	s := capture(r, r.options())
	a := r.wantAll()
	want := jetcapture.Stats{
		Messages: 1000, Rows: 1000, Cuts: 1, Blocks: 4, Reasons: map[string]int64{"once": 1}, Cut: 2,
		LastSeq: 1000, StoredSeq: 1000, Target: 1000, State: jetcapture.StateLastCut,
	}
	got := jetcapture.Stats{ // what does not depend on time and machine
		Messages: s.Messages, Rows: s.Rows, Dead: s.Dead, Skipped: s.Skipped, Lost: s.Lost, Absent: s.Absent,
		Unwitnessed: s.Unwitnessed, Cuts: s.Cuts, CutsLost: s.CutsLost, Redone: s.Redone, Blocks: s.Blocks, Cut: s.Cut,
		Reasons: s.Reasons, Incarnations: s.Incarnations, Repositions: s.Repositions, Retries: s.Retries,
		StoreError: s.StoreError, OpenBlocks: s.OpenBlocks, Lag: s.Lag, Unread: s.Unread, LastSeq: s.LastSeq,
		StoredSeq: s.StoredSeq, StartSeq: s.StartSeq, ResumedSeq: s.ResumedSeq, Target: s.Target, State: s.State,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("stats %+v, want %+v", got, want)
	}
	name := regexp.MustCompile(`^s\.[0-3]/\d{4}/\d\d/\d\d/\d\d/00/S-[0-9a-f]{8}-\d{20}-\d{20}\.ndjson\.gz$`)
	for _, f := range a.Files(false) {
		if !name.MatchString(f.Name) || len(f.Key) != 1 || !strings.HasPrefix(f.Name, f.Key[0]+"/") {
			t.Errorf("file %q of key %q, want a name like %s", f.Name, f.Key, name)
		}
		if want := f.Window.Format("2006/01/02/15/04"); !strings.Contains(f.Name, want) {
			t.Errorf("file %s is of the window %s", f.Name, want)
		}
	}
}

func TestResume(t *testing.T) {
	r := newRig(t)
	for run := range 4 {
		r.publish(100 * run) // nothing for the first run
		capture(r, r.options())
		r.wantAll()
		capture(r, r.options()) // nothing new
		r.wantAll()
	}
	if a := r.archive("S"); a.To() != 600 || len(a.Files(false)) != 12 {
		t.Errorf("stored up to %d in %d files", a.To(), len(a.Files(false)))
	}
}

func TestResumeAfterAStop(t *testing.T) {
	r := newRig(t)
	r.publish(50)
	o := with(r.options(), func(o *options) { o.Once = false })
	for range 3 {
		c := start(r, r.nc, o)
		r.publish(50)
		c.untilRead(r.last)
		c.finish()
		if a := r.wantAll(); a.To() != r.last {
			t.Errorf("stored up to %d, want %d", a.To(), r.last)
		}
	}
	c := start(r, r.nc, o) // stopped with nothing to store
	c.untilState(jetcapture.StateReading)
	c.finish()
	if reasons := strings.Join(r.wantAll().Reasons(), " "); reasons != "open shutdown shutdown shutdown" {
		t.Errorf("cuts for %s", reasons)
	}
}

func TestEmptyStreamOnce(t *testing.T) {
	r := newRig(t)
	s := capture(r, r.options())
	if a := r.wantAll(); len(a.Cuts) != 1 || s.Cuts != 0 || s.Messages != 0 {
		t.Errorf("cuts %+v, stats %+v", a.Cuts, s)
	}
}

func TestPurgedStreamOnce(t *testing.T) {
	r := newRig(t)
	r.publish(20)
	if err := r.stream().Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := capture(r, r.options())
	// Messages that were gone before the start are not lost.
	if a := r.archive("S"); len(a.Cuts) != 1 || s.Messages != 0 || s.Lost != 0 {
		t.Errorf("cuts %+v, stats %+v", a.Cuts, s)
	}
	r.held = nil
	r.publish(7)
	capture(r, r.options())
	r.wantAll()
}

func TestStart(t *testing.T) {
	r := newRig(t)
	r.publish(40)
	middle, err := r.stream().GetMsg(t.Context(), 31)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		capture string
		start   jetcapture.Start
		first   uint64
	}{
		{"all", jetcapture.Start{}, 1},
		{"new", jetcapture.Start{New: true}, 41},
		{"seq", jetcapture.Start{Seq: 17}, 17},
		{"beyond", jetcapture.Start{Seq: 41}, 41},
		{"time", jetcapture.Start{Time: middle.Time}, 31},
		{"past", jetcapture.Start{Time: middle.Time.Add(-time.Hour)}, 1},
	} {
		o := with(r.options(), func(o *options) { o.Archive.Capture, o.Start = c.capture, c.start })
		capture(r, o)
		r.wantFrom(c.capture, c.first)
	}
	r.publish(10)
	for _, name := range []string{"new", "seq", "beyond"} { // an existing capture goes on, whatever Start says
		capture(r, with(r.options(), func(o *options) { o.Archive.Capture, o.Start = name, jetcapture.Start{Seq: 3} }))
	}
	r.wantFrom("new", 41)
	r.wantFrom("seq", 17)
	r.wantFrom("beyond", 41)
}

// TestStartToCome: a capture that is to begin at a time to come waits for it, and leaves out what is stored before. A
// stop while it waits is a good end.
func TestStartToCome(t *testing.T) {
	r := newRig(t)
	r.publish(10)
	log := &lines{out: t.Output()}
	o := with(r.options(), func(o *options) {
		o.Once, o.Logger, o.Start.Time = false, log.logger(), time.Now().Add(time.Hour)
	})
	c := start(r, r.nc, o)
	log.until(t, "INFO", "waiting for the time at which the capture is to begin")
	c.finish()
	wantEqual(t, "objects", len(r.names()), 0)

	o.Start.Time = time.Now().Add(2 * time.Second)
	c = start(r, r.nc, o)
	r.publish(10)
	c.untilState(jetcapture.StateReading)
	if now := time.Now(); now.Before(o.Start.Time) {
		t.Errorf("reading began at %v, want not before %v", now, o.Start.Time)
	}
	r.publish(10)
	c.untilRead(30)
	c.finish()
	r.wantFrom("S", 21)
}

func TestStartWithinAPurgedStream(t *testing.T) {
	r := newRig(t)
	r.publish(40)
	if err := r.stream().Purge(t.Context(), jetstream.WithPurgeSequence(31)); err != nil {
		t.Fatal(err)
	}
	for name, start := range map[string]jetcapture.Start{"all": {}, "seq": {Seq: 5}, "late": {Seq: 35}} {
		s := capture(r, with(r.options(), func(o *options) { o.Archive.Capture, o.Start = name, start }))
		if s.Lost != 0 || s.Absent != 0 {
			t.Errorf("capture %s: lost %d, absent %d", name, s.Lost, s.Absent)
		}
	}
	r.wantFrom("all", 31)
	r.wantFrom("seq", 31)
	r.wantFrom("late", 35)
}

func TestFilterSubjects(t *testing.T) {
	r := newRig(t)
	r.publish(100, "s.a", "s.b", "s.c.x", "s.c.y")
	o := with(r.options(), func(o *options) { o.FilterSubjects = []string{"s.c.*", "s.a"} })
	s := capture(r, o)
	mine := r.held[:0:0]
	for _, m := range r.held {
		if m.Subject != "s.b" {
			mine = append(mine, m)
		}
	}
	a := r.archive("S")
	r.held = mine
	r.wantAll()
	wantEqual(t, "messages", s.Messages, 75)
	wantEqual(t, "absent in the archive", a.Absent(), 25)
	wantEqual(t, "absent in Stats", s.Absent, 25)
	wantEqual(t, "lost", s.Lost, 0)
	// The order of the subjects does not matter, but the filter is fixed.
	capture(r, with(o, func(o *options) { o.FilterSubjects = []string{"s.a", "s.c.*"} }))
	_, err := tryCapture(r, with(o, func(o *options) { o.FilterSubjects = []string{"s.a"} }))
	wantError[*cutlog.MismatchError](t, err, "another filter")
	_, err = tryCapture(r, r.options())
	wantError[*cutlog.MismatchError](t, err, "no filter")
}

func TestAnotherStreamIsRefused(t *testing.T) {
	r := newRig(t)
	r.publish(10)
	capture(r, r.options())
	before := r.names()
	other := jetstream.StreamConfig{Name: "T", Subjects: []string{"t.>"}}
	if _, err := r.js().CreateStream(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	_, err := tryCapture(r, with(r.options(), func(o *options) { o.NATSStreamName, o.Archive.Capture = "T", "S" }))
	wantError[*cutlog.MismatchError](t, err, "another stream")
	if err != nil && !strings.Contains(err.Error(), "capture") {
		t.Errorf("error %v does not say to name another capture", err)
	}
	if after := r.names(); len(after) != len(before) {
		t.Errorf("a refused capture has put %d objects", len(after)-len(before))
	}
}

// wantError checks the type of an error.
func wantError[E error](t *testing.T, err error, what string) {
	t.Helper()
	if _, ok := errorAs[E](err); !ok {
		t.Errorf("%s: error %v (%T), want a %T", what, err, err, *new(E))
	}
}

func TestCaptureNames(t *testing.T) {
	r := newRig(t)
	r.publish(20)
	for _, name := range []string{"a", "b.c", "../S", "_jetcapture", "is it ours?"} {
		capture(r, with(r.options(), func(o *options) { o.Archive.Capture = name }))
		escaped := cutlog.EscapeSegment(name)
		r.wantFrom(escaped, 1)
	}
	_, err := tryCapture(r, with(r.options(), func(o *options) { o.Archive.Capture = strings.Repeat("long", 17) }))
	wantText(t, err, "64")
}

// TestSubjectNotUTF8 starts again on a subject that is not UTF-8. The server's JSON replaces such bytes, so anchors
// must be compared in that form, or the stream would seem to be rolled back at every start.
func TestSubjectNotUTF8(t *testing.T) {
	r := newRig(t)
	for range 3 {
		r.publish(2, "s.\xff\xfe.x")
		if s := capture(r, r.options()); s.Incarnations != 0 || s.Messages != 2 {
			t.Fatalf("%d new incarnations, %d messages, want 0 and 2", s.Incarnations, s.Messages)
		}
	}
	r.wantAll()
}

// TestArchiveOnDisk is an archive in a folder, with its log.
func TestArchiveOnDisk(t *testing.T) {
	r := newRig(t)
	r.publish(100)
	dir, err := bucket.OpenDir(filepath.Join(t.TempDir(), "archive"))
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	r.bucket = dir
	for range 2 {
		capture(r, r.options())
		r.wantAll()
		r.publish(30)
	}
}
