package jetcapture_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// TestHooks compares what the hooks hear with the archive and with Stats.
func TestHooks(t *testing.T) {
	r := newRig(t)
	r.publishMixed(100)
	if err := r.stream().DeleteMsg(t.Context(), 50); err != nil {
		t.Fatal(err)
	}
	r.held = slices.Delete(r.held, 49, 50)
	var (
		running int
		mu      sync.Mutex
		blocks  = map[string]jetcapture.BlockStored{}
		cuts    []jetcapture.CutDone
		poison  int
	)
	once := func(f func()) { // hooks are called one at a time
		mu.Lock()
		running++
		if running > 1 {
			t.Error("two hooks run at the same time")
		}
		mu.Unlock()
		f()
		mu.Lock()
		running--
		mu.Unlock()
	}
	o := r.lines(&counted{}, direct)
	o.Poison, o.MaxMessages = jetcapture.PoisonDeadLetter, 10
	o.Hooks = jetcapture.Hooks{
		BlockStored: func(e jetcapture.BlockStored) { once(func() { blocks[e.Location] = e }) },
		CutDone:     func(e jetcapture.CutDone) { once(func() { cuts = append(cuts, e) }) },
		Poison:      func(jetcapture.PoisonMessage) { once(func() { poison++ }) },
		Lost:        func(e jetcapture.Lost) { t.Errorf("hook heard of a loss: %+v", e) },
	}
	s := capture(r, o)
	a := r.wantLines()
	files := append(a.Files(false), a.Files(true)...)
	if len(blocks) != len(files) || int64(len(files)) != s.Blocks {
		t.Errorf("heard of %d files, there are %d, stats %+v", len(blocks), len(files), s)
	}
	var size, messages, rows int64
	for _, f := range files {
		e, ok := blocks["memory/"+f.Name]
		size += int64(len(f.Stored))
		messages += int64(len(f.Seqs))
		rows += f.Rows
		if !ok || e.Dead != f.Dead || e.Size != int64(len(f.Stored)) || e.Messages != int64(len(f.Seqs)) || e.Rows != f.Rows || !e.Window.Equal(f.Window) ||
			e.First != f.Seqs[0] || e.Last != f.Seqs[len(f.Seqs)-1] || !slices.Equal(e.Key, f.Key) {
			t.Errorf("heard %+v of file %s (%d bytes)", e, f.Name, len(f.Stored))
		}
	}
	var heard jetcapture.CutDone
	for i, e := range cuts {
		c := a.Cuts[i+1]
		if e.N != c.N || e.From != c.From || e.To != c.To || e.Reason != c.Reason || e.Blocks != len(c.Files) || e.Absent != int64(c.Absent) || e.Redone {
			t.Errorf("heard %+v of cut %+v", e, c)
		}
		heard.Messages += e.Messages
		heard.Dead += e.Dead
		heard.Absent += e.Absent
		heard.Bytes += e.Bytes
	}
	if len(cuts) != len(a.Cuts)-1 || int64(len(cuts)) != s.Cuts || heard.Messages != messages || heard.Bytes != size || heard.Absent != 1 || s.Absent != 1 ||
		s.BytesStored != size || s.Rows != rows || s.Messages != messages || int64(poison) != s.Dead || heard.Dead != s.Dead {
		t.Errorf("heard of %d cuts, together %+v, %d poison messages; stats %+v", len(cuts), heard, poison, s)
	}
}

// TestStatsWhileCapturing may be asked from any goroutine.
func TestStatsWhileCapturing(t *testing.T) {
	r := newRig(t)
	o := with(r.options(), func(o *options) { o.Once = false })
	c := start(r, r.nc, o)
	r.publish(100)
	c.until("capture with open blocks", func(s jetcapture.Stats) bool {
		s.Reasons["mine"]++ // it is a copy
		return s.LastSeq == 100 && s.OpenBlocks == 4 && s.Lag == 0 && s.StoredSeq == 0 && s.State == "reading" && !s.LastTime.IsZero()
	})
	c.finish()
	if s := c.Stats(); s.StoredSeq != 100 || s.Cuts != 1 || s.Reasons["mine"] != 0 || s.Bytes == 0 {
		t.Errorf("stats %+v", s)
	}
}

// TestStoppedBeforeItBegan is a clean stop, too.
func TestStoppedBeforeItBegan(t *testing.T) {
	r := newRig(t)
	r.publish(10)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	o := r.options()
	if err := o.Build().Run(ctx, r.nc); err != nil {
		t.Errorf("Run = %v", err)
	}
	capture(r, r.options())
	r.wantAll()
}

// TestRunAgain: a capture can run again, and counts from nothing then.
func TestRunAgain(t *testing.T) {
	r := newRig(t)
	o := r.options()
	c := o.Build()
	for range 2 {
		r.publish(10)
		if err := c.Run(natsContext(t), r.nc); err != nil {
			t.Fatal(err)
		}
		if s := c.Stats(); s.Messages != 10 || s.Cuts != 1 {
			t.Errorf("stats %+v", s)
		}
	}
	r.wantAll()
}

// TestStopWhileReading stops at any moment, and the next start goes on exactly there.
func TestStopWhileReading(t *testing.T) {
	r := newRig(t)
	r.publish(3000)
	o := with(r.options(), func(o *options) { o.Once, o.MaxMessages = false, 97 })
	for i := range 8 {
		c := start(r, r.nc, o)
		want := int64(i*60 + 1)
		c.until("some messages", func(s jetcapture.Stats) bool { return s.Messages >= want || s.LastSeq == 3000 || s.StoredSeq == 3000 })
		c.finish()
		if a := r.archive("S"); a.To() != max(c.Stats().StoredSeq, a.To()) {
			t.Errorf("stored up to %d, stats %+v", a.To(), c.Stats())
		}
	}
	capture(r, r.options())
	r.wantAll()
}

// TestOnceStopsAtItsTarget: what comes later is left to a next run.
func TestOnceStopsAtItsTarget(t *testing.T) {
	r := newRig(t)
	r.publish(100)
	o := r.options()
	first := true
	decode := o.MessageDecoder
	o.MessageDecoder = func(m *nats.Msg) (*jetcapture.NatsMessage, string, error) {
		if first {
			first = false
			r.publish(50)
		}
		return decode(m)
	}
	s := capture(r, o)
	if a := r.archive("S"); a.To() != 100 || s.Target != 100 {
		t.Errorf("stored up to %d, stats %+v", a.To(), s)
	}
	capture(r, r.options())
	r.wantAll()
}

// TestOnceWithAFilterAtTheEnd: the last messages are not for us, and the end is reached nevertheless.
func TestOnceWithAFilterAtTheEnd(t *testing.T) {
	r := newRig(t)
	r.publish(20, "s.a")
	r.publish(20, "s.b")
	for _, through := range []string{"", "C"} {
		o := with(r.options(), func(o *options) {
			o.FilterSubjects, o.Archive.Capture = []string{"s.a"}, "filter"+through
			o.NATSConsumerName, o.CreateConsumer = through, true
		})
		capture(r, o)
		a := r.archive("filter" + through)
		if a.To() != 40 || a.Absent() != 20 {
			t.Errorf("stored up to %d, %d absent", a.To(), a.Absent())
		}
	}
}

// TestInstanceNames: without a name, processes of one host take different ones, and free them.
func TestInstanceNames(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	s := natstest.Start(t)
	nc := s.Connect()
	natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "S", Subjects: []string{"s.>"}})
	r := &rig{t: t, server: s, nc: nc, bucket: bucket.NewMem()}
	names := func() (all []string) {
		for info := range r.stream().ListConsumers(t.Context()).Info() {
			all = append(all, info.Name[strings.LastIndex(info.Name, "-"):])
		}
		slices.Sort(all)
		return all
	}
	o := with(r.options(), func(o *options) { o.Once, o.Archive.Instance = false, "" })
	for range 2 {
		var all []*running
		for i := range 3 {
			all = append(all, start(r, nc, o))
			natstest.Eventually(t, patience, "reader", func() bool { return len(names()) == i+1 })
		}
		if got := names(); !slices.Equal(got, []string{"-0", "-1", "-2"}) {
			t.Errorf("consumers %v", got)
		}
		for _, c := range all {
			c.finish()
		}
	}
	locks, err := filepath.Glob(filepath.Join(os.TempDir(), "jetcapture-*.lock"))
	if err != nil || len(locks) != 3 {
		t.Errorf("lock files %v, error %v", locks, err)
	}
	for _, name := range []string{"a.b", "a b", strings.Repeat("x", 65), "ü"} {
		if _, err := tryCapture(r, with(o, func(o *options) { o.Archive.Instance = name })); err == nil || !strings.Contains(err.Error(), "Archive.Instance: ") {
			t.Errorf("instance %q: Run = %v", name, err)
		}
	}
}

// TestSettingsAreInThePlan: what shapes the bytes is recorded with each cut.
func TestSettingsAreInThePlan(t *testing.T) {
	r := newRig(t)
	r.publish(5)
	o := with(r.options(), func(o *options) {
		o.DecoderVersion, o.Compression, o.CompressionLevel, o.MaxAge = "v7", jetcapture.Zstd, 3, 30*time.Minute
		o.Settings = map[string]string{"format": "ndjson", "compression": "not ours"}
	})
	capture(r, o)
	a := r.wantAll()
	want := map[string]string{
		"compression": "zstd", "compression_level": "3", "suffix": "ndjson", "decoder_version": "v7", "max_age": "30m0s",
		"x_format": "ndjson", "x_compression": "not ours",
	}
	if got := a.Cuts[1].Settings; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("settings %v, want %v", got, want)
	}
}
