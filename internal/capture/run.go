package capture

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/jetcapture/jetcapture/internal/retry"
	"github.com/jetcapture/jetcapture/internal/spool"
	"github.com/nats-io/nats.go"
)

const (
	tickEvery    = 200 * time.Millisecond // how often the loop looks at the clock
	warnEvery    = time.Minute            // how often the same trouble is reported
	closeTimeout = 5 * time.Second        // for the end of a reader
	// checkTimeout bounds what a cut asks the server. It is longer than one request may take, so that the error names the
	// request.
	checkTimeout = 15 * time.Second
)

// Run is one Run of a capture. Its exported fields do not change after New, and any goroutine may use what is in them.
// The others belong to the goroutine of Live, which is also that of the loop.
type Run struct {
	Config   Config
	Source   *reader.Source // the stream
	Observer Observer
	Maker    *Maker

	spool   *spool.Spool
	pull    int64 // bytes of one pull; does not change
	target  target
	began   time.Time
	waiting retry.Limiter // of reports that reading cannot start yet
	entered bool          // reading has started once; from then on, an error of Open is temporary if its kind is
	promise Promise
	flushes *flushes
	race    *race
	sizes   chan largestAsk // to the loop
}

// target is what a run with Once has to reach, the last stream sequence that the stream held at the start, or one with
// Until.
type target struct {
	fixed bool // seq is known
	seq   uint64
}

// New opens the spool of a run and reports Began. Close releases it.
func New(nc *nats.Conn, src *reader.Source, cfg Config, o Observer) (*Run, error) {
	r := &Run{
		Config: cfg, Source: src, Observer: o, began: time.Now(),
		pull: pullBytes(nc, cfg.MemoryLimit), waiting: retry.Limiter{Every: warnEvery}, flushes: newFlushes(),
		race: newRace(), sizes: make(chan largestAsk),
	}
	o.Observe(Began{})
	var err error
	r.spool, err = spool.New(spool.Config{
		Dir: cfg.TempDir, Memory: max(cfg.MemoryLimit-2*r.pull, cfg.MemoryLimit/2), // two pulls are in flight
		Limit: cfg.SpoolLimit, Disk: cfg.BufferToDisk, Pool: cfg.Pool,
	})
	if err != nil {
		return nil, err
	}
	if r.Maker, err = newMaker(&r.Config, src.Stream(), r.spool, o); err != nil {
		return nil, errors.Join(err, r.spool.Close())
	}
	return r, nil
}

// Close releases what New opened. It must be called after Live has returned.
func (r *Run) Close() error { return r.spool.Close() }

// maxPull is the most that one pull may bring, in bytes, whatever the memory limit is. With two pulls outstanding, a
// round trip of 50 ms still allows 160 MB/s. On one machine, pulls of 16 MiB were no faster.
const maxPull = 4 << 20

// pullBytes returns the size of a pull. It must hold the largest message twice, or a pull could bring nothing.
func pullBytes(nc *nats.Conn, memoryLimit int64) int64 {
	if nc == nil { // an archive is read, which knows no largest message
		return min(maxPull, memoryLimit/4)
	}
	return max(2*nc.MaxPayload(), min(maxPull, memoryLimit/4))
}

// PullBytes is how many bytes one pull of a reader asks for. Two pulls are outstanding.
func (r *Run) PullBytes() int { return int(r.pull) }

// Live reads and cuts until ctx ends, the target of Once or Until is stored, or an error comes that only an operator
// can mend. Whenever what was read since the last cut cannot be trusted, it starts another life at the position of
// what is stored.
func (r *Run) Live(ctx context.Context, p Promise) (err error) {
	r.promise = p
	defer func() { r.flushes.end(err) }()
	for {
		cause, err := r.life(ctx)
		if cause == "" || ctx.Err() != nil {
			return err
		}
	}
}

// life is one life of a reader. It returns why another life has to follow. If none has to, the cause is empty, and the
// error is the result of the run.
func (r *Run) life(ctx context.Context) (Cause, error) {
	o, err := r.promise.Open(ctx)
	if err != nil {
		return r.notOpened(ctx, err)
	}
	r.entered = true
	r.fixTarget(o.Last)
	l := r.newLoop(ctx, o)
	err = l.capture(ctx)
	l.feed.stop()
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	closeErr := o.Reading.Close(closing)
	if err == nil {
		return "", closeErr
	}
	return r.broken(ctx, err)
}

// notOpened decides what follows when reading could not start.
func (r *Run) notOpened(ctx context.Context, err error) (Cause, error) {
	what := classify(err)
	switch {
	case ctx.Err() != nil && what != interrupted:
		err = nil // stopped before anything was read
	case what == diverged:
		r.diverged(err)
		return r.againAfter(ctx, tickEvery, CauseDiverged)
	case what == unwritten:
		return r.patiently(err)
	case what == disturbed, r.mayMend(err):
		r.Observer.Observe(NotYet{Err: err, Quiet: !r.waiting.Ready(time.Now())})
		return r.againAfter(ctx, time.Second, CauseStart)
	}
	return "", err
}

// broken decides what follows when reading ended with an error.
func (r *Run) broken(ctx context.Context, err error) (Cause, error) {
	switch what := classify(err); {
	case what == disturbed && ctx.Err() != nil:
		return "", fmt.Errorf(
			"stopped before what was read since the last cut could be stored, it is left to the next start: %w", err)
	case what == behind, what == disturbed:
		return r.again(CauseBehind, err)
	case what == diverged:
		r.diverged(err)
		return r.again(CauseDiverged, err)
	case what == unwritten && ctx.Err() == nil:
		return r.patiently(err)
	}
	return "", err
}

// again lets another life follow, and reports why.
func (r *Run) again(c Cause, reason error) (Cause, error) {
	r.Observer.Observe(Repositioned{Cause: c, Reason: reason})
	return c, nil
}

// againAfter lets another life follow after a pause. If the run is stopped meanwhile, none follows, and that is a good
// end.
func (r *Run) againAfter(ctx context.Context, wait time.Duration, c Cause) (Cause, error) {
	select {
	case <-ctx.Done():
		return "", nil
	case <-time.After(wait):
		return r.again(c, nil)
	}
}

// patiently lets another life follow, in which all messages are kept until their seal. There, a message that breaks a
// writer can be found and left out. This lasts until the end of the run.
func (r *Run) patiently(err error) (Cause, error) {
	r.Maker.writers.patient = true
	return r.again(CauseFileLost, err)
}

// mayMend decides whether an error of Open may go away by itself. Before reading has started once, names and
// permissions may be wrong, so only a server that does not answer is waited for, and not for long.
func (r *Run) mayMend(err error) bool {
	if r.entered {
		return reader.IsTemporary(err)
	}
	return reader.IsUnanswered(err) && !r.HasWaited()
}

// HasWaited reports whether a start has waited for the server and the store as long as it should. Any goroutine may
// call it.
func (r *Run) HasWaited() bool { return r.Config.Wait > 0 && time.Since(r.began) >= r.Config.Wait }

// diverged tells the promise that the stream is another one now. The target of Once was a sequence of the old stream,
// so the next life fixes a new one.
func (r *Run) diverged(err error) {
	var d *reader.DivergedError
	errors.As(err, &d)
	r.promise.Diverged(d)
	r.flushes.answer(errReplaced) // they wait for sequences of the old one
	r.target = target{}
}

// fixTarget makes last the target of a run with Once, unless there is one already. With Until, that is the target if
// it is not beyond.
func (r *Run) fixTarget(last uint64) {
	until := r.Config.Until
	if !r.Config.Once && until == 0 || r.target.fixed {
		return
	}
	if until > 0 && (!r.Config.Once || until < last) {
		last = until
	}
	r.target = target{true, last}
	r.Observer.Observe(Targeted{Seq: last})
}
