package jetcapture

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"syscall"
	"time"

	"github.com/jetcapture/jetcapture/bucket"
)

const (
	firstBackoff = 200 * time.Millisecond
	maxBackoff   = 30 * time.Second
	warnEvery    = time.Minute
)

// retry calls f, whose errors say what they are about, until it succeeds, its error is permanent, or ctx ends. Waiting is capped and jittered.
func (k *archiveKeeper[P, K]) retry(ctx context.Context, what string, f func(ctx context.Context) error) error {
	return k.run.retry(ctx, what, k.permanent, f)
}

func (r *run[P, K]) retry(ctx context.Context, what string, permanent func(error) bool, f func(ctx context.Context) error) error {
	var warned time.Time
	var last error // of an attempt that nobody interrupted
	for attempt := 0; ; attempt++ {
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
		r.stats.update(func(s *Stats) { s.Retries++ })
		if time.Since(warned) >= warnEvery {
			warned = time.Now()
			r.warnRefused(what, err)
		}
		if pause(ctx, backoff(attempt)) != nil {
			return givenUp(ctx, what, last)
		}
	}
}

// warnRefused says why the store is tried again, and what an operator can do about it.
func (r *run[P, K]) warnRefused(what string, err error) {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		r.log.Warn("the disk of the store is full, trying again: make room there, nothing is lost meanwhile but what the stream expires",
			"operation", what, "error", err, "needs_operator", true)
		return
	}
	r.log.Warn("the store refuses, trying again", "operation", what, "error", err, "needs_operator", bucket.IsPermanent(err))
}

// givenUp is the error of attempts that ctx has ended: with what the last one ran into.
func givenUp(ctx context.Context, what string, last error) error {
	if last == nil {
		return fmt.Errorf("%s: %w", what, context.Cause(ctx))
	}
	return fmt.Errorf("%s: %w; before that: %w", what, context.Cause(ctx), last)
}

// backoff is how long to wait before the next attempt.
func backoff(attempt int) time.Duration {
	d := min(firstBackoff<<min(attempt, 16), maxBackoff)
	return d/2 + rand.N(d/2)
}
