package jetcapture

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"

	"github.com/jetcapture/jetcapture/bucket"
)

// TestMeteredBucket: each operation counts with its result, and a bucket keeps its abilities.
func TestMeteredBucket(t *testing.T) {
	o := newObserved()
	ctx := t.Context()
	b := meter(bucket.NewMem(), o)
	put := func(ctx context.Context, b bucket.Bucket) error {
		return b.PutNew(ctx, "a", bytes.NewReader(nil), bucket.PutOptions{Size: 0})
	}
	if err := put(ctx, b); err != nil {
		t.Fatal(err)
	}
	if err := put(ctx, b); !errors.Is(err, bucket.ErrExists) {
		t.Fatal(err)
	}
	if _, err := b.Open(ctx, "missing", 0, -1); !errors.Is(err, bucket.ErrNotExist) {
		t.Fatal(err)
	}
	if _, err := b.Stat(ctx, "a"); err != nil {
		t.Fatal(err)
	}
	for _, err := range b.List(ctx, "", "") {
		if err != nil {
			t.Fatal(err)
		}
	}
	failing := meter(failingBucket{bucket.NewMem()}, o)
	if err := put(ctx, failing); err == nil {
		t.Fatal("no error")
	}
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	if err := put(canceled, failing); err == nil {
		t.Fatal("no error")
	}
	ops := o.counters.snapshot().StoreOps
	for _, want := range []struct {
		op     string
		result StoreResult
		n      int64
	}{
		{"put", OpOK, 1},
		{"put", OpExists, 1},
		{"put", OpError, 1},
		{"get", OpMissing, 1},
		{"stat", OpOK, 1},
		{"list", OpOK, 1},
	} {
		if got := ops[want.op].Results[want.result]; got != want.n {
			t.Errorf("%s %s: %d, want %d", want.op, want.result, got, want.n)
		}
	}
	if n := ops["put"].Times.Count; n != 3 {
		t.Errorf("%d puts were timed, want 3", n)
	}
	if _, ok := b.(bucket.Prober); ok {
		t.Error("a bucket in memory needs no probe, and its meter has one")
	}
	if _, ok := meter(prober{bucket.NewMem()}, o).(bucket.Prober); !ok {
		t.Error("the meter hides the probe of its bucket")
	}
}

// failingBucket refuses every put.
type failingBucket struct{ bucket.Bucket }

func (failingBucket) PutNew(context.Context, string, io.Reader, bucket.PutOptions) error {
	return errors.New("away")
}

// prober is a bucket with a probe.
type prober struct{ bucket.Bucket }

func (prober) Probe(context.Context, string) error { return nil }
