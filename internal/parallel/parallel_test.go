package parallel_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/jetcapture/jetcapture/internal/parallel"
)

func TestEachCallsAll(t *testing.T) {
	for _, workers := range []int{-1, 0, 1, 3, 100} {
		calls := make([]atomic.Int32, 20)
		err := parallel.Each(t.Context(), workers, len(calls), func(_ context.Context, i int) error {
			calls[i].Add(1)
			return nil
		})
		if err != nil {
			t.Errorf("%d workers: %v", workers, err)
		}
		for i := range calls {
			if n := calls[i].Load(); n != 1 {
				t.Errorf("%d workers: %d calls with %d, want 1", workers, n, i)
			}
		}
	}
	if err := parallel.Each(t.Context(), 2, 0, nil); err != nil {
		t.Errorf("nothing to do: %v", err)
	}
}

// All workers are in a call when the first one fails: its error is returned, the others see their context end and are
// waited for.
func TestEachReturnsTheFirstError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		boom := errors.New("boom")
		var ended, calls atomic.Int32
		err := parallel.Each(t.Context(), 3, 100, func(ctx context.Context, i int) error {
			calls.Add(1)
			if i == 2 {
				synctest.Wait()
				return boom
			}
			<-ctx.Done()
			ended.Add(1)
			return ctx.Err()
		})
		if !errors.Is(err, boom) {
			t.Errorf("got %v, want %v", err, boom)
		}
		if ended.Load() != 2 || calls.Load() != 3 {
			t.Errorf("%d of %d calls saw the end, want 2 of 3", ended.Load(), calls.Load())
		}
	})
}

func TestEachEndsWithItsContext(t *testing.T) {
	stop := errors.New("stop")
	ctx, cancel := context.WithCancelCause(t.Context())
	var calls atomic.Int32
	err := parallel.Each(ctx, 2, 100, func(context.Context, int) error {
		calls.Add(1)
		cancel(stop)
		return nil
	})
	if !errors.Is(err, stop) {
		t.Errorf("got %v, want %v", err, stop)
	}
	if n := calls.Load(); n == 100 {
		t.Error("all calls were made, want an early end")
	}
	interrupted := errors.New("interrupted")
	err = parallel.Each(ctx, 2, 0, nil)
	if !errors.Is(err, stop) {
		t.Errorf("context that had ended: got %v, want %v", err, stop)
	}
	ctx, cancel = context.WithCancelCause(t.Context())
	err = parallel.Each(ctx, 1, 1, func(context.Context, int) error {
		cancel(stop)
		return interrupted
	})
	if !errors.Is(err, interrupted) {
		t.Errorf("the call's own error: got %v, want %v", err, interrupted)
	}
}
