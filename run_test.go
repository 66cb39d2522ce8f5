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
		lost    int64
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
		Lost:        func(e jetcapture.Lost) { once(func() { lost += e.Messages }) },
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
		want := jetcapture.BlockStored{
			Location: "memory/" + f.Name, Dead: f.Dead, Key: f.Key, Window: f.Window,
			First: f.Seqs[0], Last: f.Seqs[len(f.Seqs)-1],
			Messages: int64(len(f.Seqs)), Rows: f.Rows, Size: int64(len(f.Stored)),
		}
		if e.Window = e.Window.UTC(); !ok || fmt.Sprint(e) != fmt.Sprint(want) {
			t.Errorf("heard %+v, want %+v", e, want)
		}
	}
	var heard jetcapture.CutDone
	for i, e := range cuts {
		c := a.Cuts[i+1]
		want := jetcapture.CutDone{
			N: c.N, From: c.From, To: c.To, Reason: c.Reason, Blocks: len(c.Files), Lost: e.Lost,
			Messages: e.Messages, Dead: e.Dead, Bytes: e.Bytes, Took: e.Took, // their sums are checked below
		}
		wantEqual(t, "CutDone", e, want)
		heard.Messages += e.Messages
		heard.Dead += e.Dead
		heard.Lost += e.Lost
		heard.Bytes += e.Bytes
	}
	wantEqual(t, "calls of CutDone", len(cuts), len(a.Cuts)-1)
	wantEqual(t, "all CutDone", heard, jetcapture.CutDone{Messages: messages, Dead: int64(poison), Lost: 1, Bytes: size})
	wantEqual(t, "Stats.Cuts", s.Cuts, int64(len(cuts)))
	wantEqual(t, "Stats.Messages", s.Messages, messages)
	wantEqual(t, "Stats.Rows", s.Rows, rows)
	wantEqual(t, "Stats.Dead", s.Dead, int64(poison))
	wantEqual(t, "Stats.Lost", s.Lost, 1)
	wantEqual(t, "messages that Lost heard of", lost, 1)
	wantEqual(t, "Stats.BytesStored", s.BytesStored, size)
}

// TestStatsWhileCapturing asks for the counters from another goroutine.
func TestStatsWhileCapturing(t *testing.T) {
	r := newRig(t)
	o := with(r.options(), func(o *options) { o.Once = false })
	c := start(r, r.nc, o)
	r.publish(100)
	c.until("capture with open blocks", func(s jetcapture.Stats) bool {
		s.Reasons["mine"]++ // it is a copy
		return s.LastSeq == 100 && !s.LastTime.IsZero() && s.OpenBlocks == 4 && s.Lag == 0 && s.StoredSeq == 0 &&
			s.State == jetcapture.StateReading
	})
	c.finish()
	s := c.Stats()
	wantEqual(t, "StoredSeq", s.StoredSeq, 100)
	wantEqual(t, "Cuts", s.Cuts, 1)
	wantEqual(t, "a reason that was put into a copy", s.Reasons["mine"], 0)
	if s.Bytes == 0 {
		t.Error("Bytes is 0")
	}
}

// TestStoppedBeforeItBegan: a capture that is stopped before it has read anything ends without an error.
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

// TestRunAgain: a capture can run again. Its counters begin at zero then.
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

// TestStopWhileReading stops at different moments. The next start goes on exactly there.
func TestStopWhileReading(t *testing.T) {
	r := newRig(t)
	r.publish(3000)
	o := with(r.options(), func(o *options) { o.Once, o.MaxMessages = false, 97 })
	for i := range 8 {
		c := start(r, r.nc, o)
		want := int64(i*60 + 1)
		c.until("some messages", func(s jetcapture.Stats) bool {
			return s.Messages >= want || s.LastSeq == 3000 || s.StoredSeq == 3000
		})
		c.finish()
		if a := r.archive("S"); a.To() != max(c.Stats().StoredSeq, a.To()) {
			t.Errorf("stored up to %d, stats %+v", a.To(), c.Stats())
		}
	}
	capture(r, r.options())
	r.wantAll()
}

// TestOnceStopsAtItsTarget: messages that come later are left to the next run.
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

// TestOnceWithAFilterAtTheEnd: the target is reached though the filter leaves out the last messages.
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

// TestInstanceNames: without a name, captures of one host take different names and free them.
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
		_, err := tryCapture(r, with(o, func(o *options) { o.Archive.Instance = name }))
		wantText(t, err, "Archive.Instance: ")
	}
}

// TestSettingsAreInThePlan: each plan records what shapes the bytes of the files.
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
		"headers":  "whole",
		"x_format": "ndjson", "x_compression": "not ours",
	}
	if got := a.Cuts[1].Settings; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("settings %v, want %v", got, want)
	}
}
