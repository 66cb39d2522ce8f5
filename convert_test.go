package jetcapture_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/nats-io/nats.go"
)

// sourceOptions are options as the command has them, whose files can be read back. Payloads that end in 7 are poison,
// those that end in 9 are left out.
func (r *rig) sourceOptions() options {
	return with(r.options(), func(o *options) {
		o.DecoderVersion, o.Settings = "jetcapture-1", map[string]string{"format": "ndjson", "record": "message"}
		o.Poison, o.MaxMessages = jetcapture.PoisonDeadLetter, 40
		decode := o.MessageDecoder
		o.MessageDecoder = func(m *nats.Msg) (*jetcapture.NatsMessage, string, error) {
			switch {
			case bytes.HasSuffix(m.Data, []byte("7}")):
				return nil, "", errors.New("it ends in 7")
			case bytes.HasSuffix(m.Data, []byte("9}")):
				return nil, "", jetcapture.ErrSkip
			}
			return decode(m)
		}
	})
}

// rawOptions are those of a conversion into raw files with other keys, into b.
func (r *rig) rawOptions(b bucket.Bucket) options {
	return with(r.options(), func(o *options) {
		o.NATSStreamName, o.Archive.Bucket, o.Suffix, o.MaxAge = "", b, "raw", 24*time.Hour
		o.DecoderVersion, o.Settings = "jetcapture-1", map[string]string{"format": "raw"}
		o.MessageDecoder = jetcapture.NatsToNats(func(*nats.Msg) string { return "all" })
		o.WriterFactory = func() jetcapture.FormattedDataWriter[*jetcapture.NatsMessage] {
			return &jetcapture.RawWriter{}
		}
	})
}

// captureIn is capture S of an archive.
func captureIn(t *testing.T, b bucket.Bucket) *archive.Capture {
	t.Helper()
	c, err := archive.Open(b).Capture("S")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// convert runs a conversion of the rig's archive to its end.
func (r *rig) convert(o options) jetcapture.Stats {
	r.t.Helper()
	c := o.Build()
	if err := c.Convert(natsContext(r.t), captureIn(r.t, r.bucket)); err != nil {
		r.t.Fatalf("Convert = %v", err)
	}
	return c.Stats()
}

// content describes each message of an archive, and each sequence without one, by incarnation.
func content(t *testing.T, b bucket.Bucket) (all []string) {
	t.Helper()
	lives := map[string]int{}
	for item, err := range captureIn(t, b).Messages(natsContext(t), archive.ReadOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		if _, known := lives[item.Incarnation]; !known {
			lives[item.Incarnation] = len(lives)
		}
		n := lives[item.Incarnation]
		if item.IsMessage() {
			all = append(all, fmt.Sprint(n, item.Seq, item.Time.UnixNano(), item.Subject, item.Header, string(item.Data)))
			continue
		}
		for seq := item.Seq; seq <= item.Last; seq++ {
			all = append(all, fmt.Sprint(n, seq, item.Fate, item.Reason))
		}
	}
	return all
}

// wantCopy checks that an archive holds what the rig's archive holds, and is sound.
func (r *rig) wantCopy(b bucket.Bucket) {
	r.t.Helper()
	got, want := content(r.t, b), content(r.t, r.bucket)
	if !reflect.DeepEqual(got, want) {
		r.t.Errorf("the copy has %d items, want %d:\n%s\nwant\n%s", len(got), len(want), strings.Join(got, "\n"),
			strings.Join(want, "\n"))
	}
	report, err := archive.Open(b).Verify(natsContext(r.t), archive.VerifyOptions{Found: func(f archive.Finding) {
		r.t.Logf("%+v", f)
	}})
	if err != nil || !report.OK() {
		r.t.Errorf("verify the copy: %v, %+v", err, report)
	}
}

// everything captures a stream with bad and skipped messages and gaps, which is then made again.
func (r *rig) everything() {
	r.t.Helper()
	r.publish(200)
	for seq := uint64(50); seq < 60; seq++ {
		if err := r.stream().DeleteMsg(r.t.Context(), seq); err != nil {
			r.t.Fatal(err)
		}
	}
	capture(r, r.sourceOptions())
	if err := r.js().DeleteStream(r.t.Context(), "S"); err != nil {
		r.t.Fatal(err)
	}
	r.held, r.last = nil, 0
	r.createStream()
	r.publish(120)
	capture(r, r.sourceOptions())
}

// TestConvert: all that an archive says is in the copy, whose plans say what they are made from. Dead letters are
// messages again. A second run finds nothing to do, and a third one goes on.
func TestConvert(t *testing.T) {
	r := newRig(t)
	r.everything()
	b := bucket.NewMem()
	if s := r.convert(r.rawOptions(b)); s.Dead != 0 || s.Messages == 0 {
		t.Errorf("stats %+v", s)
	}
	r.wantCopy(b)
	wantOrigins(t, r.bucket, b)
	if s := r.convert(r.rawOptions(b)); s.Messages != 0 || s.Cuts != 0 {
		t.Errorf("stats of the second run %+v", s)
	}
	r.publish(50)
	capture(r, r.sourceOptions())
	r.convert(r.rawOptions(b))
	r.wantCopy(b)
	wantOrigins(t, r.bucket, b)
}

// wantOrigins checks that each cut of a copy names the cuts of the source that hold its sequences.
func wantOrigins(t *testing.T, from, to bucket.Bucket) {
	t.Helper()
	source := captureIn(t, from)
	for cut, err := range captureIn(t, to).Cuts(natsContext(t)) {
		if err != nil {
			t.Fatal(err)
		}
		o := cut.Plan.Source
		if o == nil {
			t.Fatalf("plan %d has no origin", cut.N)
		}
		first, err := source.Cut(t.Context(), o.FirstCut)
		if err != nil {
			t.Fatal(err)
		}
		last, err := source.Cut(t.Context(), o.LastCut)
		if err != nil {
			t.Fatal(err)
		}
		if o.Capture != "S" || o.Incarnation != last.Plan.Incarnation || o.Sum != last.DoneSum ||
			first.Plan.From > cut.Plan.From || last.Plan.To < cut.Plan.To {
			t.Errorf("plan %d covers (%d, %d] and has origin %+v, of (%d, %d]", cut.N, cut.Plan.From, cut.Plan.To, *o,
				first.Plan.From, last.Plan.To)
		}
	}
}

// TestConvertFollows: a conversion goes on as its source does, also when that is made again.
func TestConvertFollows(t *testing.T) {
	r := newRig(t)
	r.publish(30)
	capture(r, r.sourceOptions())
	b := bucket.NewMem()
	o := with(r.rawOptions(b), func(o *options) { o.Once, o.MaxIdle = false, 100*time.Millisecond })
	c := o.Build()
	ctx, stop := context.WithCancel(natsContext(t))
	ended := make(chan error, 1)
	go func() { ended <- c.Convert(ctx, captureIn(t, r.bucket)) }()
	stored := func(want uint64) {
		t.Helper()
		natstest.Eventually(t, patience, fmt.Sprint("capture that has stored sequence ", want), func() bool {
			return c.Stats().StoredSeq == want || len(ended) > 0
		})
	}
	stored(r.last)
	r.everything()
	stored(r.last)
	stop()
	if err := <-ended; err != nil {
		t.Errorf("Convert = %v", err)
	}
	r.wantCopy(b)
}

// TestConvertRivals: two conversions of one archive at once store each message once.
func TestConvertRivals(t *testing.T) {
	r := newRig(t)
	for range 4 {
		r.publish(100)
		capture(r, r.sourceOptions())
	}
	b := bucket.NewMem()
	var both sync.WaitGroup
	for _, name := range []string{"one", "two"} {
		both.Go(func() {
			o := with(r.rawOptions(b), func(o *options) {
				o.Archive.Instance, o.MaxMessages, o.MemoryLimit, o.BufferToDisk = name, 7, 1<<14, false
			})
			if err := o.Build().Convert(natsContext(t), captureIn(t, r.bucket)); err != nil {
				t.Errorf("%s: Convert = %v", name, err)
			}
		})
	}
	both.Wait()
	r.wantCopy(b)
	wantOrigins(t, r.bucket, b)
}

// TestConvertFilter: what the filter of the conversion leaves out is absent for that reason.
func TestConvertFilter(t *testing.T) {
	r := newRig(t)
	r.publish(100)
	capture(r, r.sourceOptions())
	b := bucket.NewMem()
	s := r.convert(with(r.rawOptions(b), func(o *options) { o.FilterSubjects = []string{"s.1", "s.2"} }))
	got := map[string]int{}
	for item, err := range captureIn(t, b).Messages(natsContext(t), archive.ReadOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		got[string(item.Fate)+" "+item.Reason] += int(item.Last - item.Seq + 1)
	}
	want := map[string]int{"stored ": 45, "skipped ": 10, "absent filtered": 45}
	if !maps.Equal(got, want) || s.Messages != 45 {
		t.Errorf("%v in the copy, want %v; stats %+v", got, want, s)
	}
}

// TestConvertRefuses: a copy does not go on with the log of a stream, a stream not with that of a copy, and a copy not
// with another source.
func TestConvertRefuses(t *testing.T) {
	r := newRig(t)
	r.publish(10)
	capture(r, r.sourceOptions())
	other := bucket.NewMem()
	r.convert(r.rawOptions(other))
	source := captureIn(t, r.bucket)

	err := building(r.rawOptions(r.bucket)).Convert(natsContext(t), source)
	wantText(t, err, "made from an archive")
	_, err = tryCapture(r, with(r.sourceOptions(), func(o *options) { o.Archive.Bucket = other }))
	wantText(t, err, "made from an archive")

	again := bucket.NewMem()
	capture(r, with(r.sourceOptions(), func(o *options) { o.Archive.Bucket, o.MaxMessages = again, 3 }))
	err = building(r.rawOptions(other)).Convert(natsContext(t), captureIn(t, again))
	wantText(t, err, "another archive")
}

// building makes a capture.
func building(o options) *jetcapture.Capture[*jetcapture.NatsMessage, string] { return o.Build() }
