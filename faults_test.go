package jetcapture_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/bucket/buckettest"
	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/jetcapture/jetcapture/internal/oracle"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// hangingBucket takes the records of the log and no file.
type hangingBucket struct{ bucket.Bucket }

// PutNew implements bucket.Bucket.
func (b hangingBucket) PutNew(ctx context.Context, name string, body io.Reader, opts bucket.PutOptions) error {
	if strings.HasPrefix(name, "_jetcapture/") {
		return b.Bucket.PutNew(ctx, name, body, opts)
	}
	<-ctx.Done()
	return ctx.Err()
}

// TestStoreFaults captures into stores that fail in every way in which a sound store may.
func TestStoreFaults(t *testing.T) {
	everywhere := func(kind buckettest.Kind, rate float64) map[buckettest.Kind]float64 {
		return map[buckettest.Kind]float64{kind: rate}
	}
	for name, rates := range map[string]map[buckettest.Kind]float64{
		"errors":         everywhere(buckettest.ErrorBefore, 0.06),
		"lost responses": everywhere(buckettest.LostResponse, 0.4),
		"late puts":      everywhere(buckettest.LatePut, 0.3),
		"partial":        everywhere(buckettest.Partial, 0.06),
		"stale lists":    everywhere(buckettest.StaleList, 1),
		"slow":           everywhere(buckettest.Slow, 0.5),
		"all": {
			buckettest.ErrorBefore: 0.03, buckettest.LostResponse: 0.1, buckettest.LatePut: 0.1, buckettest.Partial: 0.03, buckettest.Slow: 0.2,
			buckettest.StaleList: 0.5,
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			under := r.bucket
			faulty := buckettest.NewFaulty(under, buckettest.Seeded(1, rates))
			r.bucket = faulty
			o := with(r.options(), func(o *options) { o.MaxMessages = 15 })
			for range 3 {
				r.publish(50)
				if _, err := tryCapture(r, o); err != nil && !errors.Is(err, buckettest.ErrInjected) { // at a start an error may end it
					t.Fatalf("Run = %v", err)
				}
			}
			if err := faulty.Settle(t.Context()); err != nil {
				t.Fatal(err)
			}
			capture(r, o)
			r.bucket = under
			r.wantAll()
			if counts := faulty.Counts(); len(counts) < len(rates) {
				t.Errorf("faults %v of %v", counts, rates)
			}
		})
	}
}

// TestStoresThatOverwrite are refused before anything is captured.
func TestStoresThatOverwrite(t *testing.T) {
	r := newRig(t)
	r.publish(10)
	r.bucket = buckettest.NewFaulty(bucket.NewMem(), func(buckettest.Call) buckettest.Kind { return buckettest.Overwrite })
	_, err := tryCapture(r, r.options())
	wantError[*cutlog.NoCreateOnlyError](t, err, "a store that overwrites")
	if names := r.names(); slices.ContainsFunc(names, func(name string) bool { return !strings.HasPrefix(name, "_jetcapture/") }) {
		t.Errorf("objects %v", names)
	}
}

// TestTruncatedFileIsFound: what is under a planned name and is not what was planned stops the capture, and is named.
func TestTruncatedFileIsFound(t *testing.T) {
	r := newRig(t)
	r.publishNoise(10, 100, "s.a")
	under := r.bucket
	r.bucket = buckettest.NewFaulty(under, func(c buckettest.Call) buckettest.Kind {
		if c.Op == buckettest.OpPutNew && strings.HasPrefix(c.Name, "s.a/") {
			return buckettest.Truncated
		}
		return buckettest.None
	})
	o := r.options()
	dies := with(o, func(o *options) { o.Archive.Bucket = failsAfter{r.bucket, "s.a/"} })
	if _, err := tryCapture(r, with(dies, func(o *options) { o.DrainTimeout = 50 * time.Millisecond })); err == nil {
		t.Fatal("Run = nil")
	}
	_, err := tryCapture(r, o)
	wantError[*cutlog.CorruptError](t, err, "a truncated file")
	if err == nil || !strings.Contains(err.Error(), "s.a/") || !strings.Contains(err.Error(), "delete") {
		t.Errorf("Run = %v", err)
	}
}

// TestGivenUpWithTheReason: a run that ends while the store refuses says what the store said.
func TestGivenUpWithTheReason(t *testing.T) {
	r := newRig(t)
	r.publish(10)
	r.bucket = buckettest.NewFaulty(r.bucket, func(c buckettest.Call) buckettest.Kind {
		if c.Op == buckettest.OpPutNew && !strings.HasPrefix(c.Name, "_jetcapture/") {
			return buckettest.ErrorBefore
		}
		return buckettest.None
	})
	c := start(r, r.nc, with(r.options(), func(o *options) { o.Once, o.DrainTimeout = false, time.Second }))
	c.untilRead(10)
	c.stop()
	if err := c.end(); !errors.Is(err, buckettest.ErrInjected) || !strings.Contains(err.Error(), "stay in the stream") {
		t.Errorf("Run = %v", err)
	}
}

// TestBrokenReadBackIsTriedAgain: a file that cannot be read to its end, because the store fails, is not taken for a damaged one.
func TestBrokenReadBackIsTriedAgain(t *testing.T) {
	r := newRig(t)
	r.publish(10)
	under := r.bucket
	lost, broken := false, false
	faulty := buckettest.NewFaulty(under, func(c buckettest.Call) buckettest.Kind {
		switch {
		case strings.HasPrefix(c.Name, "_jetcapture/"):
		case c.Op == buckettest.OpPutNew && !lost:
			lost = true
			return buckettest.LostResponse
		case c.Op == buckettest.OpOpen && !broken:
			broken = true
			return buckettest.Partial
		}
		return buckettest.None
	})
	r.bucket = faulty
	capture(r, r.options())
	r.bucket = under
	r.wantAll()
	if counts := faulty.Counts(); counts[buckettest.LostResponse] != 1 || counts[buckettest.Partial] != 1 {
		t.Errorf("faults %v, want one of each", counts)
	}
}

// failsAfter loses the response of the puts below a prefix, for good.
type failsAfter struct {
	bucket.Bucket
	prefix string
}

// PutNew implements bucket.Bucket.
func (b failsAfter) PutNew(ctx context.Context, name string, body io.Reader, opts bucket.PutOptions) error {
	err := b.Bucket.PutNew(ctx, name, body, opts)
	if !strings.HasPrefix(name, b.prefix) {
		return err
	}
	return errFatal
}

// errFatal is one after which no capture goes on.
var errFatal = &cutlog.CorruptError{Object: "the test's", Expected: "none", Found: "one", Advice: "none"}

// TestPermanentErrors end a start, and nothing later.
func TestPermanentErrors(t *testing.T) {
	r := newRig(t)
	r.publish(10)
	var full atomic.Bool
	under := r.bucket
	r.bucket = denying{under, &full}
	full.Store(true)
	if _, err := tryCapture(r, r.options()); !errors.Is(err, errDenied) {
		t.Errorf("at the start: Run = %v", err)
	}
	full.Store(false)
	c := start(r, r.nc, r.continuous())
	c.untilStored(10)
	full.Store(true)
	r.publish(10)
	c.until("capture that tries again", func(s jetcapture.Stats) bool { return s.Retries >= 3 })
	full.Store(false)
	c.untilStored(20)
	c.finish()
	r.bucket = under
	r.wantAll()
}

var errDenied = errors.New("denied")

// denying refuses puts for good as long as it is told to.
type denying struct {
	bucket.Bucket
	deny *atomic.Bool
}

// PutNew implements bucket.Bucket.
func (b denying) PutNew(ctx context.Context, name string, body io.Reader, opts bucket.PutOptions) error {
	if b.deny.Load() {
		return bucket.Permanent(errDenied)
	}
	return b.Bucket.PutNew(ctx, name, body, opts)
}

// TestInterruptedCuts finishes cuts that were planned, and of which none, some or all files were stored, under changed options.
func TestInterruptedCuts(t *testing.T) {
	changes := map[string]func(o *options){
		"nothing":         func(*options) {},
		"compression":     func(o *options) { o.Compression, o.CompressionLevel = jetcapture.Zstd, 3 },
		"suffix":          func(o *options) { o.Suffix = "json" },
		"limits":          func(o *options) { o.MaxMessages, o.MaxAge = 3, time.Second },
		"keys":            func(o *options) { o.MessageDecoder = keyed(func(seq uint64) string { return fmt.Sprint(seq % 5) }) },
		"memory":          func(o *options) { o.MemoryLimit, o.SpoolLimit = 1, 64<<10 },
		"another process": func(o *options) { o.Archive.Instance = "two" },
	}
	for name, change := range changes {
		for _, stored := range []int{0, 2, 4} {
			t.Run(fmt.Sprint(name, stored), func(t *testing.T) {
				r := newRig(t)
				poison := r.publishMixed(14)
				r.publish(90)
				under := r.bucket
				o := r.deadEnd()
				o.Archive.Bucket, o.StoreWorkers = &stopping{Bucket: under, left: stored}, 1
				if _, err := tryCapture(r, o); err == nil {
					t.Fatal("Run = nil")
				}
				o = r.deadEnd()
				change(&o)
				s := capture(r, o)
				a := r.wantAll()
				if s.Redone != 1 || len(a.Cuts) != 2 || a.To() != r.last || len(letters(t, a)) != len(poison) {
					t.Errorf("cuts for %v up to %d, %d dead letters, stats %+v", a.Reasons(), a.To(), len(letters(t, a)), s)
				}
			})
		}
	}
}

// deadEnd are the rig's options with a decoder that does not take every message.
func (r *rig) deadEnd() options {
	return with(r.options(), func(o *options) {
		decode := o.MessageDecoder
		o.Poison = jetcapture.PoisonDeadLetter
		o.MessageDecoder = func(m *nats.Msg) (*jetcapture.NatsMessage, string, error) {
			if bytes.Contains(m.Data, []byte("decod")) {
				return nil, "", errors.New("not ours")
			}
			return decode(m)
		}
	})
}

// stopping takes a number of files, and then ends the capture.
type stopping struct {
	bucket.Bucket
	left int
}

// PutNew implements bucket.Bucket. Files are put by one goroutine: see the tests' StoreWorkers.
func (b *stopping) PutNew(ctx context.Context, name string, body io.Reader, opts bucket.PutOptions) error {
	if strings.HasPrefix(name, "_jetcapture/") {
		return b.Bucket.PutNew(ctx, name, body, opts)
	}
	if b.left == 0 {
		return errFatal
	}
	b.left--
	return b.Bucket.PutNew(ctx, name, body, opts)
}

// TestRedoFindsWhatIsGone: what the stream dropped between plan and files is lost, and recorded before the files.
func TestRedoFindsWhatIsGone(t *testing.T) {
	r := newRig(t)
	r.publish(40)
	under := r.bucket
	o := r.options()
	o.Archive.Bucket, o.StoreWorkers = &stopping{Bucket: under}, 1
	if _, err := tryCapture(r, o); err == nil {
		t.Fatal("Run = nil")
	}
	if err := r.stream().Purge(t.Context(), jetstream.WithPurgeSequence(31)); err != nil {
		t.Fatal(err)
	}
	if err := r.stream().DeleteMsg(t.Context(), 33); err != nil {
		t.Fatal(err)
	}
	s := capture(r, r.options())
	a := r.wantAll()
	gone := a.Lost()["gone"]
	slices.Sort(gone)
	if want := append(seqs(1, 30), 33); !slices.Equal(gone, want) || s.Lost != 31 || s.Redone != 1 {
		t.Errorf("gone %v, stats %+v", gone, s)
	}
	for _, f := range a.Files(false) {
		for _, row := range oracle.Lines(f.Plain) {
			if m, err := oracle.NatsMessage(row); err != nil || m.Seq <= 30 || m.Seq == 33 {
				t.Errorf("row %s, error %v", row, err)
			}
		}
	}
}

// TestRedoOfAStreamThatIsNoMore: nothing is read from the new stream for a cut of the old one.
func TestRedoOfAStreamThatIsNoMore(t *testing.T) {
	r := newRig(t)
	r.publish(40)
	o := r.options()
	o.Archive.Bucket, o.StoreWorkers = &stopping{Bucket: r.bucket, left: 1}, 1
	if _, err := tryCapture(r, o); err == nil {
		t.Fatal("Run = nil")
	}
	old := r.held
	r.recreate()
	r.publish(60)
	s := capture(r, r.options())
	a := r.archive("S")
	ids := a.Incarnations()
	if len(ids) != 2 || s.Redone != 1 || s.Lost != 30 || len(a.Of(ids[0]).Lost()["gone"]) != 30 {
		t.Fatalf("incarnations %v, lost %v, stats %+v", ids, a.Lost(), s)
	}
	if err := a.Of(ids[0]).ExactlyOnce(old, oracle.NatsMessage); err != nil {
		t.Errorf("the old stream: %v", err)
	}
	if err := a.Of(ids[1]).ExactlyOnce(r.held, oracle.NatsMessage); err != nil {
		t.Errorf("the new stream: %v", err)
	}
}

// TestDecoderVersion: a cut that another decoder planned is not finished by this one, unless that is told how.
func TestDecoderVersion(t *testing.T) {
	r := newRig(t)
	r.publish(20)
	old := with(r.options(), func(o *options) { o.DecoderVersion = "1" })
	o := old
	o.Archive.Bucket, o.StoreWorkers = &stopping{Bucket: r.bucket, left: 1}, 1
	if _, err := tryCapture(r, o); err == nil {
		t.Fatal("Run = nil")
	}
	changed := with(r.options(), func(o *options) { o.DecoderVersion = "2" })
	_, err := tryCapture(r, changed)
	if err == nil || !strings.Contains(err.Error(), "decoder_version:1") || !strings.Contains(err.Error(), "decoder_version:2") {
		t.Errorf("Run = %v", err)
	}
	changed.ForPlan = func(settings map[string]string) (options, error) {
		if settings["decoder_version"] != "1" || settings["x_format"] != "ndjson" {
			t.Errorf("settings %v", settings)
		}
		return old, nil
	}
	capture(r, changed)
	r.wantAll()
}

// TestManyWriters are captures with names of their own that work on one archive at the same time.
func TestManyWriters(t *testing.T) {
	r := newRig(t)
	var all []*running
	for i := range 3 {
		o := with(r.continuous(), func(o *options) {
			o.Archive.Instance, o.Archive.Takeover, o.MaxMessages = fmt.Sprint("writer-", i), time.Second, 20
		})
		all = append(all, start(r, r.server.Connect(), o))
	}
	for range 5 {
		r.publish(100)
		natstest.Eventually(t, patience, "archive of all", func() bool {
			return slices.ContainsFunc(all, func(c *running) bool { return c.Stats().StoredSeq >= r.last })
		})
	}
	lost := int64(0)
	for _, c := range all {
		c.finish()
		lost += c.Stats().CutsLost
	}
	capture(r, r.options())
	a := r.wantAll()
	writers := map[string]int{}
	for _, c := range a.Cuts {
		writers[c.Writer]++
	}
	t.Logf("cuts by writer %v, %d lost", writers, lost)
	if lost == 0 {
		t.Error("no writer has lost a cut: they did not meet")
	}
}

// TestTwoCapturesInOneArchive do not touch each other.
func TestTwoCapturesInOneArchive(t *testing.T) {
	r := newRig(t)
	r.publish(50)
	for range 2 {
		for _, name := range []string{"a", "b", "a-b"} {
			capture(r, with(r.options(), func(o *options) { o.Archive.Capture = name }))
		}
		r.publish(20)
	}
	for _, name := range []string{"a", "b", "a-b"} {
		capture(r, with(r.options(), func(o *options) { o.Archive.Capture = name }))
		r.wantFrom(name, 1)
	}
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

// TestTakeoverOfALiveWriter: a cut of a writer that hangs is finished by another one, which goes on; the first notices.
func TestTakeoverOfALiveWriter(t *testing.T) {
	r := newRig(t)
	r.publish(40)
	gate := &gated{Bucket: r.bucket, open: make(chan struct{})}
	slow := with(r.continuous(), func(o *options) { o.Archive.Instance, o.Archive.Bucket = "slow", gate })
	first := start(r, r.nc, slow)
	natstest.Eventually(t, patience, "plan of the slow writer", func() bool { return slices.Contains(r.names(), cutlog.PlanName("S", 2)) })
	quick := with(r.continuous(), func(o *options) { o.Archive.Instance, o.Archive.Takeover = "quick", 300*time.Millisecond })
	second := start(r, r.server.Connect(), quick)
	second.untilStored(40)
	r.publish(30)
	second.untilStored(70)
	close(gate.open)
	first.until("slow writer that was overtaken", func(s jetcapture.Stats) bool { return s.StoredSeq >= 70 })
	r.publish(30)
	natstest.Eventually(t, patience, "archive of all", func() bool { return max(first.Stats().StoredSeq, second.Stats().StoredSeq) >= 100 })
	first.finish()
	second.finish()
	capture(r, r.options())
	r.wantAll()
	if s := second.Stats(); s.Redone != 1 {
		t.Errorf("stats %+v", s)
	}
}

// gated holds back files until it is opened.
type gated struct {
	bucket.Bucket
	open chan struct{}
}

// PutNew implements bucket.Bucket.
func (b *gated) PutNew(ctx context.Context, name string, body io.Reader, opts bucket.PutOptions) error {
	if !strings.HasPrefix(name, "_jetcapture/") {
		select {
		case <-b.open:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return b.Bucket.PutNew(ctx, name, body, opts)
}

// TestDamagedLogs stop a start, and name what is damaged.
func TestDamagedLogs(t *testing.T) {
	for name, missing := range map[string]string{
		"no format": "_jetcapture/S/format.json", "no first plan": cutlog.PlanName("S", 1), "no done between": cutlog.DoneName("S", 2),
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			for range 2 {
				r.publish(10)
				capture(r, r.options())
			}
			damaged := bucket.NewMem()
			for _, name := range r.names() {
				if name == missing {
					continue
				}
				in, err := r.bucket.Open(t.Context(), name, 0, -1)
				if err != nil {
					t.Fatal(err)
				}
				if err := damaged.PutNew(t.Context(), name, in, bucket.PutOptions{Size: -1}); err != nil {
					t.Fatal(err)
				}
			}
			r.bucket = damaged
			before := len(r.names())
			_, err := tryCapture(r, r.options())
			wantError[*cutlog.CorruptError](t, err, name)
			if len(r.names()) != before || err == nil || !strings.Contains(err.Error(), missing) {
				t.Errorf("%d objects, before %d, Run = %v", len(r.names()), before, err)
			}
		})
	}
}

// fullStore has no room as long as it is told to.
type fullStore struct {
	bucket.Bucket
	full *atomic.Bool
}

// PutNew implements bucket.Bucket.
func (b fullStore) PutNew(ctx context.Context, name string, body io.Reader, opts bucket.PutOptions) error {
	if b.full.Load() {
		return fmt.Errorf("put %q: %w", name, syscall.ENOSPC)
	}
	return b.Bucket.PutNew(ctx, name, body, opts)
}

// TestDiskFullAtTheStart is waited for, and the log says what to do.
func TestDiskFullAtTheStart(t *testing.T) {
	r := newRig(t)
	r.publish(10)
	var full atomic.Bool
	full.Store(true)
	told := make(warnings, 100)
	c := start(r, r.nc, with(r.options(), func(o *options) {
		o.Archive.Bucket, o.Logger = fullStore{r.bucket, &full}, slog.New(slog.NewTextHandler(told, &slog.HandlerOptions{Level: slog.LevelWarn}))
	}))
	select {
	case line := <-told:
		if !strings.Contains(line, "make room") || !strings.Contains(line, "needs_operator=true") {
			t.Errorf("the log says %s", line)
		}
	case <-time.After(patience):
		t.Fatal("the log says nothing")
	}
	full.Store(false)
	if err := c.end(); err != nil {
		t.Fatalf("Run = %v", err)
	}
	r.wantAll()
}
