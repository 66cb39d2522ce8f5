package jetcapture

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jetcapture/jetcapture/bucket"
)

const (
	firstBackoff = 200 * time.Millisecond
	maxBackoff   = 30 * time.Second
	warnEvery    = time.Minute
)

// retry calls f until it succeeds, its error is permanent, or ctx ends. Waiting is capped and jittered.
func (k *archiveKeeper[P, K]) retry(ctx context.Context, what string, f func(ctx context.Context) error) error {
	return k.run.retry(ctx, what, k.permanent, f)
}

func (r *run[P, K]) retry(ctx context.Context, what string, permanent func(error) bool, f func(ctx context.Context) error) error {
	var warned time.Time
	for attempt := 0; ; attempt++ {
		err := f(ctx)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("%s: %w", what, context.Cause(ctx))
		case permanent(err):
			return fmt.Errorf("%s: %w", what, err)
		}
		r.stats.update(func(s *Stats) { s.Retries++ })
		if time.Since(warned) >= warnEvery {
			warned = time.Now()
			r.log.Warn("the store refuses, trying again", "operation", what, "error", err, "needs_operator", bucket.IsPermanent(err))
		}
		if err := pause(ctx, backoff(attempt)); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
}

// backoff is how long to wait before the next attempt.
func backoff(attempt int) time.Duration {
	d := min(firstBackoff<<min(attempt, 16), maxBackoff)
	return d/2 + rand.N(d/2)
}
