package capture

import (
	"context"
	"fmt"
	"time"

	"github.com/jetcapture/jetcapture/internal/retry"
)

// The pauses between two attempts of a store operation.
const (
	firstBackoff = 200 * time.Millisecond
	maxBackoff   = 30 * time.Second
)

// Retry calls f until it succeeds, its error is permanent, or ctx ends. It reports each other error under the name
// what. The pauses are jittered and grow up to maxBackoff. Any goroutine may call it.
func (r *Run) Retry(
	ctx context.Context, what string, permanent func(error) bool, f func(ctx context.Context) error,
) error {
	wait := retry.Backoff{First: firstBackoff, Max: maxBackoff}
	if r.Config.Jitter != nil {
		wait.Draw = func(n time.Duration) time.Duration { return r.Config.Jitter(what, n) }
	}
	told := retry.Limiter{Every: warnEvery}
	var last error // of the last attempt that ctx did not interrupt
	for {
		err := f(ctx)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return givenUp(ctx, what, last)
		case permanent(err):
			return err
		}
		last = err
		r.Observer.Observe(Refused{Operation: what, Err: err, Quiet: !told.Ready(time.Now())})
		if retry.Pause(ctx, wait.Next()) != nil {
			return givenUp(ctx, what, last)
		}
	}
}

// givenUp returns the error of attempts that ctx has ended, with the error of the last one that it did not interrupt.
func givenUp(ctx context.Context, what string, last error) error {
	if last == nil {
		return fmt.Errorf("%s: %w", what, context.Cause(ctx))
	}
	return fmt.Errorf("%s: %w; before that: %w", what, context.Cause(ctx), last)
}
