package jetcapture_test

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/bucket/buckettest"
	"github.com/jetcapture/jetcapture/cutlog"
)

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
			buckettest.ErrorBefore: 0.03, buckettest.LostResponse: 0.1, buckettest.LatePut: 0.1, buckettest.Partial: 0.03,
			buckettest.Slow: 0.2, buckettest.StaleList: 0.5,
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
				// An error at the start may end a run.
				if _, err := tryCapture(r, o); err != nil && !errors.Is(err, buckettest.ErrInjected) {
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

// TestStoresThatOverwrite: a store that overwrites is refused before anything is captured.
func TestStoresThatOverwrite(t *testing.T) {
	r := newRig(t)
	r.publish(10)
	r.bucket = buckettest.NewFaulty(bucket.NewMem(), func(buckettest.Call) buckettest.Kind { return buckettest.Overwrite })
	_, err := tryCapture(r, r.options())
	wantError[*cutlog.NoCreateOnlyError](t, err, "a store that overwrites")
	r.wantNoFiles()
}

// TestGivenUpWithTheReason: when a run ends while the store fails, its error has that of the store.
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

// TestStoreErrorIsShown: Stats and a hook have the error of the store while it is waited for, and not after.
func TestStoreErrorIsShown(t *testing.T) {
	r := newRig(t)
	r.publish(10)
	var broken atomic.Bool
	broken.Store(true)
	r.bucket = buckettest.NewFaulty(r.bucket, func(c buckettest.Call) buckettest.Kind {
		if broken.Load() && c.Op == buckettest.OpPutNew && !strings.HasPrefix(c.Name, "_jetcapture/") {
			return buckettest.ErrorBefore
		}
		return buckettest.None
	})
	failed := make(chan jetcapture.StoreFailed, 1)
	c := start(r, r.nc, with(r.options(), func(o *options) {
		o.Hooks.StoreFailed = func(f jetcapture.StoreFailed) {
			select {
			case failed <- f:
			default:
			}
		}
	}))
	if f := <-failed; !errors.Is(f.Err, buckettest.ErrInjected) || !strings.HasPrefix(f.Operation, "put ") {
		t.Errorf("hook: %+v", f)
	}
	if text := c.Stats().StoreError; !strings.Contains(text, buckettest.ErrInjected.Error()) {
		t.Errorf("while the store fails, StoreError = %q", text)
	}
	broken.Store(false)
	if err := c.end(); err != nil || c.Stats().StoreError != "" {
		t.Errorf("Run = %v, StoreError = %q", err, c.Stats().StoreError)
	}
}

// TestBrokenReadBackIsTriedAgain: if the store fails while a file is read back, the file is not taken for damaged.
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

// TestPermanentErrors: a permanent error of the store ends a start. Later it is waited for.
func TestPermanentErrors(t *testing.T) {
	r := newRig(t)
	r.publish(10)
	errDenied := errors.New("denied")
	var denies atomic.Bool
	under := r.bucket
	r.bucket = refusing(under, &denies, bucket.Permanent(errDenied))
	denies.Store(true)
	if _, err := tryCapture(r, r.options()); !errors.Is(err, errDenied) {
		t.Errorf("at the start: Run = %v", err)
	}
	denies.Store(false)
	c := start(r, r.nc, r.continuous())
	c.untilStored(10)
	denies.Store(true)
	r.publish(10)
	c.until("capture that tries again", func(s jetcapture.Stats) bool { return s.Retries >= 3 })
	denies.Store(false)
	c.untilStored(20)
	c.finish()
	r.bucket = under
	r.wantAll()
}

// TestDiskFullAtTheStart: a full disk is waited for, and the log says what to do.
func TestDiskFullAtTheStart(t *testing.T) {
	r := newRig(t)
	r.publish(10)
	var full atomic.Bool
	full.Store(true)
	told := make(warnings, 100)
	c := start(r, r.nc, with(r.options(), func(o *options) {
		o.Archive.Bucket = refusing(r.bucket, &full, fmt.Errorf("put a file: %w", syscall.ENOSPC))
		o.Logger = told.logger()
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
