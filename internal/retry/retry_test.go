package retry_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jetcapture/jetcapture/internal/retry"
)

func TestPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		if err := retry.Pause(t.Context(), time.Minute); err != nil {
			t.Error(err)
		}
		if d := time.Since(began); d != time.Minute {
			t.Errorf("waited %v, want 1m", d)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := retry.Pause(ctx, time.Minute); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the context's error", err)
		}
		if d := time.Since(began); d != time.Minute+time.Second {
			t.Errorf("waited %v, want 1m1s", d)
		}
	})
}

func TestBackoffDraws(t *testing.T) {
	b := retry.Backoff{First: time.Second, Max: time.Minute, Draw: func(n time.Duration) time.Duration { return n / 2 }}
	for i, want := range []time.Duration{750 * time.Millisecond, 1500 * time.Millisecond, 3 * time.Second} {
		if d := b.Next(); d != want {
			t.Errorf("wait %d is %v, want %v", i, d, want)
		}
	}
}

func TestBackoff(t *testing.T) {
	b := retry.Backoff{First: 200 * time.Millisecond, Max: time.Second}
	for i, ms := range []int64{200, 400, 800, 1000, 1000, 1000} {
		whole := time.Duration(ms) * time.Millisecond
		if d := b.Next(); d < whole/2 || d >= whole {
			t.Errorf("wait %d is %v, want between %v and %v", i, d, whole/2, whole)
		}
	}
	var zero retry.Backoff
	if d := zero.Next(); d != 0 {
		t.Errorf("the zero value waits %v, want 0", d)
	}
}

func TestLimiter(t *testing.T) {
	l := retry.Limiter{Every: time.Minute}
	at := time.Now()
	for _, c := range []struct {
		after time.Duration
		want  bool
	}{
		{0, true},
		{0, false},
		{59 * time.Second, false},
		{time.Minute, true},
		{119 * time.Second, false},
		{2 * time.Minute, true},
	} {
		if got := l.Ready(at.Add(c.after)); got != c.want {
			t.Errorf("after %v: ready is %v, want %v", c.after, got, c.want)
		}
	}
	l.Reset()
	if !l.Ready(at.Add(2 * time.Minute)) {
		t.Error("not ready after Reset")
	}
}
