package archive_test

import (
	"context"
	"errors"
	"io"
	"iter"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/engine"
	"github.com/jetcapture/jetcapture/internal/logstore"
)

const latency = 20 * time.Millisecond

// slow is a bucket that takes the time of a distant one for each request. A page of a list has 1,000 names.
type slow struct {
	*bucket.Mem
	requests atomic.Int64
}

func (s *slow) request() {
	s.requests.Add(1)
	time.Sleep(latency) //nolint:forbidigo // the clock of the bubble
}

func (s *slow) Open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	s.request()
	return s.Mem.Open(ctx, name, offset, length)
}

func (s *slow) Stat(ctx context.Context, name string) (bucket.Info, error) {
	s.request()
	return s.Mem.Stat(ctx, name)
}

func (s *slow) PutNew(ctx context.Context, name string, body io.Reader, o bucket.PutOptions) error {
	s.request()
	return s.Mem.PutNew(ctx, name, body, o)
}

func (s *slow) List(ctx context.Context, prefix, after string) iter.Seq2[bucket.Info, error] {
	return func(yield func(bucket.Info, error) bool) {
		n := 0
		for info, err := range s.Mem.List(ctx, prefix, after) {
			if n++; n%1000 == 1 {
				s.request()
			}
			if !yield(info, err) {
				return
			}
		}
	}
}

// year is an archive with the cuts of a year, each of which has one message.
func year(t *testing.T) objects {
	t.Helper()
	b := build(t, 0)
	file := gzipped([]byte("{}\n"))
	for seq := range uint64(aYear - 1) {
		p := b.next(map[string][]uint64{"a": {seq + 1}})
		b.plan(p)
		b.o[p.Blocks[0].Path()] = file
		b.done(nil)
	}
	return b.o
}

// TestAYearOfCuts: a log of 35,000 cuts, 20 ms away, is listed in half a minute, and its end is found at once.
func TestAYearOfCuts(t *testing.T) {
	o := year(t)
	synctest.Test(t, func(t *testing.T) {
		b := &slow{Mem: o.bucket(t)}
		within := func(what string, most time.Duration, f func()) {
			t.Helper()
			began, requests := time.Now(), b.requests.Load()
			f()
			took, n := time.Since(began), b.requests.Load()-requests
			t.Logf("%s: %v, %d requests", what, took, n)
			if took > most {
				t.Errorf("%s took %v, want at most %v", what, took, most)
			}
		}
		c, err := archive.Open(b).Capture("S")
		if err != nil {
			t.Fatal(err)
		}
		within("all cuts", 30*time.Second, func() { wantCuts(t, c.Cuts(t.Context()), 1, aYear) })
		within("the last 100", 2*time.Second, func() { wantCuts(t, c.CutsFrom(t.Context(), aYear-99), aYear-99, aYear) })
		within("the start of a capture", 2*time.Second, func() { enter(t, b) })
		within("--quick", time.Minute, func() {
			if r, err := archive.Open(b).Verify(t.Context(), archive.VerifyOptions{Quick: true}); err != nil || !r.OK() {
				t.Errorf("%+v, %v", r, err)
			}
		})
	})
}

// TestMissingPlanIsNoEnd: a walk ends at a missing plan with an error, not as at the end of the log.
func TestMissingPlanIsNoEnd(t *testing.T) {
	b := build(t, 0)
	for seq := range uint64(3) {
		b.cut(map[string][]uint64{"a": {seq + 1}})
	}
	delete(b.o, cutlog.PlanName("S", 3))
	c, err := archive.Open(b.o.bucket(t)).Capture("S")
	if err != nil {
		t.Fatal(err)
	}
	for _, first := range []uint64{1, 3, 4} {
		var corrupt *cutlog.CorruptError
		var last error
		for _, err := range c.CutsFrom(t.Context(), first) {
			last = err
		}
		if !errors.As(last, &corrupt) || !strings.Contains(corrupt.Object, "3.plan") {
			t.Errorf("from %d on the walk ended with %v", first, last)
		}
	}
}

// wantCuts checks that these are the cuts from first to last.
func wantCuts(t *testing.T, cuts iter.Seq2[archive.Cut, error], first, last uint64) {
	t.Helper()
	next := first
	for c, err := range cuts {
		if err != nil || c.N != next || !c.Finished() {
			t.Fatalf("cut %d, want %d: %v", c.N, next, err)
		}
		next++
	}
	if next != last+1 {
		t.Errorf("the last cut was %d, want %d", next-1, last)
	}
}

// enter does what a start of a capture asks of the archive.
func enter(t *testing.T, b bucket.Bucket) {
	t.Helper()
	s := &sameStream{engine.StreamFacts{
		Name: "S", Created: created, Configured: 1, FirstSeq: 1, LastSeq: aYear,
	}}
	e := &engine.Entry{
		Writer: &engine.Writer{
			Capture: "S", Log: cutlog.New(logstore.Store{Bucket: b}, "S"),
			Retry: func(ctx context.Context, _ string, f func(context.Context) error) error { return f(ctx) },
		},
		Source: s, Format: cutlog.Format{Version: cutlog.Version, Capture: "S", Stream: "S"},
	}
	if err := e.Birth(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Enter(t.Context()); err != nil {
		t.Fatal(err)
	}
	if e.Head.N != aYear {
		t.Errorf("the head is cut %d, want %d", e.Head.N, aYear)
	}
}

// sameStream is a stream that has not changed.
type sameStream struct{ engine.StreamFacts }

func (s *sameStream) Facts(context.Context) (engine.StreamFacts, error) { return s.StreamFacts, nil }

func (s *sameStream) Look(context.Context, cutlog.Anchor) (engine.AnchorLook, error) {
	return engine.AnchorSame, nil
}
func (s *sameStream) First(context.Context, engine.StreamFacts) (uint64, error) { return 0, nil }
func (s *sameStream) Prepare(context.Context) error                             { return nil }

// TestUncountedFilesAreNamed: a program's plans need not say the format of its files. One that says it is counted.
func TestUncountedFilesAreNamed(t *testing.T) {
	b := build(t, 0)
	b.cut(map[string][]uint64{"a": {1}})
	p := b.next(map[string][]uint64{"a": {2}, "b": {3}})
	delete(p.Settings, "x_format")
	b.plan(p)
	b.files()
	b.done(nil)
	r := verify(t, b.o.bucket(t), archive.VerifyOptions{})
	r.clean(t)
	if r.NoFormat != 2 || r.NoFormatIn["S"] != 2 || r.RowsRead != 1 {
		t.Errorf("%d files were not counted, of capture S %d; %d rows were", r.NoFormat, r.NoFormatIn["S"], r.RowsRead)
	}
}
