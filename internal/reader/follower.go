package reader

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jetcapture/jetcapture/internal/retry"
	"github.com/nats-io/nats.go"
)

// kind is where the readers differ. The follower calls it from the goroutine of the reader's owner.
type kind interface {
	// position proves that the stream is still the same, and begins a new life of the consumer.
	position(ctx context.Context) (*life, error)
	// admit checks what a life has brought before it is handed over, and may take messages out.
	admit(ctx context.Context, b *Batch) error
	// ended is called when a life is over, before it is dropped.
	ended(why *anomaly)
	// stalled is called when a life brings nothing of what is pending, though the server sends heartbeats. An error is
	// final.
	stalled(info *consumerInfo) error
}

// follower is the part that all readers share: it follows a stream through one life of its consumer after the other. It
// has no goroutine. It works while its owner calls it; meanwhile messages wait in the channel of the subscription. All
// fields belong to the owner's goroutine.
type follower struct {
	src          *Source
	log          *slog.Logger
	timing       Timing
	failWhenGone bool
	kind         kind

	id        identity
	through   uint64    // as Batch.Through
	life      *life     // nil: to be positioned
	queue     []batch   // read and not handed over yet
	stuck     error     // what Next returns from now on
	pullBytes int       // of the next life's pulls
	began     time.Time // when the last life began; zero while the reader is opened
	fruitless bool      // the last life brought nothing
	warned    retry.Limiter
	troubled  bool // something failed since the last success
	still     standstill
	retention nats.RetentionPolicy // of the stream
	ackless   bool                 // the consumer has no acks: it may only read from limits retention
}

// batch is a Batch on its way to the owner.
type batch struct {
	Batch
	odd    int  // messages whose header block must still be fetched, see odd
	hollow bool // a message looks as if its payload was left out: this must still be looked up
}

// permanent marks an error that does not go away by itself.
type permanent struct{ error }

// Unwrap returns the error itself.
func (p permanent) Unwrap() error { return p.error }

// newFollower returns a follower that has read nothing yet.
func newFollower(src *Source, log *slog.Logger, timing Timing, failWhenGone bool, pullBytes int, at Position) follower {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if pullBytes <= 0 {
		pullBytes = max(defaultPullBytes, 2*int(src.nc.MaxPayload()))
	}
	timing = timing.withDefaults()
	every := retry.Limiter{Every: timing.Warn}
	return follower{
		src: src, log: log, timing: timing, failWhenGone: failWhenGone,
		id: newIdentity(at), through: at.After, pullBytes: pullBytes, warned: every,
		still: standstill{warned: every, toldPause: every},
	}
}

// Next implements Reader.
func (f *follower) Next(ctx context.Context) (Batch, error) {
	for len(f.queue) == 0 {
		if f.stuck != nil {
			return Batch{}, f.stuck
		}
		if err := f.step(ctx); err != nil && len(f.queue) == 0 { // what was read before is handed over first
			return Batch{}, err
		}
	}
	// Until it is handed over, a batch stays in the queue: what it needs is asked for under ctx, which may end.
	if err := f.whole(ctx, &f.queue[0]); err != nil {
		return Batch{}, err
	}
	if err := f.complete(ctx, &f.queue[0]); err != nil {
		return Batch{}, err
	}
	b := f.queue[0].Batch
	f.queue = f.queue[1:]
	return b, nil
}

// step begins a life if there is none, reads from it once, and queues what came.
func (f *follower) step(ctx context.Context) error {
	if f.life == nil {
		if err := f.begin(ctx); err != nil {
			return err
		}
	}
	b, err := f.life.read(ctx)
	if err != nil {
		if ctx.Err() != nil || f.closed() {
			return err
		}
		f.life.broken = &anomaly{reason: err.Error()}
	}
	if err := f.take(ctx, b); err != nil {
		return f.stop(err)
	}
	if err := f.glance(ctx); err != nil {
		return f.stop(err)
	}
	if f.life.quiet >= f.life.patience && f.life.broken == nil {
		if err := f.look(ctx); err != nil {
			return f.stop(err)
		}
	}
	if why := f.life.broken; why != nil {
		return f.end(why)
	}
	return nil
}

// take notes and queues what a life has brought.
func (f *follower) take(ctx context.Context, b Batch) error {
	next := batch{odd: f.life.odd, hollow: f.life.hollow}
	f.life.odd, f.life.hollow = 0, false
	if !f.progress(b) {
		return nil
	}
	if err := f.kind.admit(ctx, &b); err != nil || !f.progress(b) {
		return err
	}
	if n := len(b.Messages); n > 0 && !next.hollow {
		f.id.accepted(b.Messages[n-1])
	}
	f.through = max(f.through, b.Through)
	f.id.after = max(f.id.after, b.Through)
	f.fruitless = false
	next.Batch = b
	f.queue = append(f.queue, next)
	return nil
}

// progress reports whether a batch says anything new.
func (f *follower) progress(b Batch) bool {
	return len(b.Messages) > 0 || b.Through > f.through || f.life.idle
}

// askPending asks the server how many messages are pending if a batch has progress but no message: the stream may have
// dropped what was still to be delivered, or others may have got it.
func (f *follower) askPending(ctx context.Context, consumer string, b *Batch) {
	if len(b.Messages) > 0 || b.Pending == 0 {
		return
	}
	if info, err := f.src.consumer(ctx, consumer); err == nil { // after an error, the next heartbeat asks again
		b.Pending, f.life.pending = info.NumPending, info.NumPending
	}
}

// begin starts a life, and retries until it succeeds.
func (f *follower) begin(ctx context.Context) error {
	if f.fruitless && time.Since(f.began) < f.timing.Retry {
		if err := retry.Pause(ctx, f.timing.Retry); err != nil {
			return err
		}
	}
	return f.retry(ctx, func(ctx context.Context) error {
		l, err := f.kind.position(ctx)
		if err != nil {
			return err
		}
		f.life, f.began, f.fruitless = l, time.Now(), true
		return nil
	})
}

// end gives up the present life.
func (f *follower) end(why *anomaly) error {
	f.log.Info("positioning the reader again", "reason", why.reason, "after", f.through)
	if why.final {
		return f.stop(permanent{errors.New(why.reason)})
	}
	if err := f.dried(why); err != nil {
		return f.stop(err)
	}
	f.kind.ended(why)
	f.drop()
	return nil
}

// drop closes the present life, if there is one.
func (f *follower) drop() {
	if f.life == nil {
		return
	}
	f.pullBytes = max(f.pullBytes, f.life.limits.bytes)
	f.life.close()
	f.life = nil
}

// stop makes an error final, unless it is the context's: Next returns it from now on.
func (f *follower) stop(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	f.drop()
	var p permanent
	if errors.As(err, &p) {
		err = p.error
	}
	f.stuck = err
	return err
}

// retry calls try until it succeeds, fails for good, or the context ends.
func (f *follower) retry(ctx context.Context, try func(context.Context) error) error {
	for {
		err := f.connected(ctx)
		if err == nil {
			err = try(ctx)
		}
		switch {
		case err == nil:
			f.recovered()
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case f.final(err):
			return f.stop(err)
		}
		f.warn(err)
		if err := retry.Pause(ctx, f.timing.Retry); err != nil {
			return err
		}
	}
}

// final reports whether err is one that the reader cannot recover from by itself.
func (f *follower) final(err error) bool {
	var diverged *DivergedError
	var p permanent
	return errors.As(err, &diverged) || errors.As(err, &p) || f.closed() || errors.Is(err, ErrDisturbed) ||
		f.failWhenGone && errors.Is(err, ErrStreamNotFound)
}

// closed reports whether the connection's owner has closed it, or is about to.
func (f *follower) closed() bool {
	return f.src.nc.IsClosed() || f.src.nc.IsDraining()
}

// connected waits for the connection. A request made while it is down would be sent later, when it may make no sense
// any more.
func (f *follower) connected(ctx context.Context) error {
	for !f.src.nc.IsConnected() {
		if f.closed() {
			return permanent{fmt.Errorf("read stream %q: %w", f.src.stream, nats.ErrConnectionClosed)}
		}
		f.warn(errors.New("the connection is down"))
		if err := retry.Pause(ctx, f.timing.Tick); err != nil {
			return err
		}
	}
	return nil
}

// warn logs why the reader waits, at most once in timing.Warn.
func (f *follower) warn(err error) {
	f.troubled = true
	if f.warned.Ready(time.Now()) {
		f.log.Warn("cannot read the stream, trying again", "error", err, "after", f.through)
	}
}

func (f *follower) recovered() {
	if f.troubled {
		f.log.Info("reading the stream again", "after", f.through)
	}
	f.troubled = false
	f.warned.Reset()
}

// disturbed logs a reason and returns ErrDisturbed, as Next does from now on.
func (f *follower) disturbed(why string) error {
	f.log.Warn("the consumer is not where this reader left it: what was read since the last cut is read again",
		"reason", why)
	f.drop()
	f.queue = nil
	f.stuck = ErrDisturbed
	return ErrDisturbed
}

// checkIdentity proves that the stream is still the same, for Check.
func (f *follower) checkIdentity(ctx context.Context) error {
	var diverged *DivergedError
	_, err := f.src.prove(ctx, &f.id, f.timing.SecondLook)
	if errors.As(err, &diverged) {
		f.drop()
		f.stuck = err
	}
	return err
}
