package reader

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
)

// RetentionError says that a stream has a retention with which it cannot be read through an ephemeral consumer: the
// server deletes there what it has delivered. What was read is good, and should be stored, since it may be gone.
type RetentionError struct {
	Stream    string
	Retention nats.RetentionPolicy
}

// Error says what to do.
func (e *RetentionError) Error() string {
	return fmt.Sprintf("stream %q has %v retention, which needs a durable consumer: name one (the command: "+
		"--consumer-name)", e.Stream, e.Retention)
}

// glance looks whether somebody has edited the stream's retention, which nothing else tells before the next cut. It
// asks at most once in Timing.Glance, and not while nothing is delivered: what was not delivered cannot be lost. An
// answer that does not come is waited for elsewhere.
func (f *follower) glance(ctx context.Context) error {
	now, due := time.Now(), f.life.glance
	if now.Before(due) {
		return nil
	}
	f.life.glance = now.Add(f.timing.Glance)
	if due.IsZero() || f.life.got == f.life.glanced { // the life has just begun, or nothing came
		return nil
	}
	f.life.glanced = f.life.got
	asked, cancel := context.WithTimeout(ctx, watchTimeout)
	defer cancel()
	info, err := f.src.Info(asked)
	if err != nil || !info.Created.Equal(f.id.created) || info.Retention == f.retention {
		return nil
	}
	f.log.Warn("the retention of the stream was changed while it is read", "was", f.retention, "is", info.Retention)
	f.retention = info.Retention
	if !f.ackless || info.Retention == nats.LimitsPolicy {
		return nil
	}
	for { // what has arrived is in the stream no more
		b := f.life.drain(nil, time.Now())
		if err := f.take(ctx, b); err != nil {
			return err
		}
		if len(b.Messages) == 0 {
			return permanent{&RetentionError{f.src.stream, info.Retention}}
		}
	}
}
