// Package retry has what loops need that try something until it succeeds: pauses that a context ends, growing waits,
// and a limit on how often they warn.
package retry

import (
	"context"
	"math/rand/v2"
	"time"
)

// Pause waits for d, or until ctx ends; then it returns the context's error.
func Pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Backoff gives the waits between attempts: each is about twice the one before, from First up to Max. A wait is drawn
// at random between half of its length and the whole, so that processes that failed together do not come back together.
//
// It belongs to one goroutine.
type Backoff struct {
	First, Max time.Duration
	Draw       func(n time.Duration) time.Duration // draws from [0, n), for tests; nil means at random

	next time.Duration // whole length of the next wait; 0: First
}

// Next is how long to wait before the next attempt.
func (b *Backoff) Next() time.Duration {
	d := min(max(b.next, b.First), b.Max)
	b.next = min(d, b.Max/2) * 2
	if d < 2 {
		return d
	}
	draw := b.Draw
	if draw == nil {
		draw = rand.N
	}
	return d/2 + draw(d/2)
}

// Limiter says when something may happen again, such as a warning of one and the same trouble. The zero value of all
// but Every is ready.
//
// It belongs to one goroutine.
type Limiter struct {
	Every time.Duration // least time between two events

	last time.Time // of the last event; zero: none
}

// Ready reports whether the event may happen at now. If so, the next one has to wait for Every.
func (l *Limiter) Ready(now time.Time) bool {
	if !l.last.IsZero() && now.Sub(l.last) < l.Every {
		return false
	}
	l.last = now
	return true
}

// Reset makes the limiter ready, for instance because the trouble is over.
func (l *Limiter) Reset() { l.last = time.Time{} }
