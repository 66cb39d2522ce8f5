package capture

import (
	"context"
	"fmt"
	"time"

	"github.com/jetcapture/jetcapture/internal/retry"
)

const (
	firstBackoff = 200 * time.Millisecond
	maxBackoff   = 30 * time.Second
)

// Retry calls f, whose errors say what they are about, until it succeeds, permanent says that its error is, or ctx ends.
// Waits are jittered and grow up to half a minute. Any goroutine may call it.
func (r *Run) Retry(
	ctx context.Context, what string, permanent func(error) bool, f func(ctx context.Context) error,
) error {
	wait := retry.Backoff{First: firstBackoff, Max: maxBackoff}
	told := retry.Limiter{Every: warnEvery}
	var last error // of an attempt that was not interrupted
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

// givenUp is the error of attempts that ctx has ended, with what the last one ran into.
func givenUp(ctx context.Context, what string, last error) error {
	if last == nil {
		return fmt.Errorf("%s: %w", what, context.Cause(ctx))
	}
	return fmt.Errorf("%s: %w; before that: %w", what, context.Cause(ctx), last)
}
