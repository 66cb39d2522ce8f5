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
	tickEvery    = 200 * time.Millisecond // how often the clock may close a window
	warnEvery    = time.Minute            // how often the same trouble is told
	checkTimeout = 15 * time.Second       // for what a cut asks the server: longer than one request, so that its error says which
	closeTimeout = 5 * time.Second        // for the end of a reader
	// startPatience is how long a server that gives no answer is asked at the start, where it may be starting, or never answer.
	startPatience = 30 * time.Second
)

// Run is one Run of a capture. What is not said to be safe for several goroutines belongs to the goroutine of Live, which
// is also the loop's.
type Run struct {
	Config   Config         // not changed after New
	Source   *reader.Source // the stream; safe for several goroutines
	Observer Observer
	Maker    *Maker

	spool   *spool.Spool
	pull    int64 // bytes of one pull
	target  target
	began   time.Time
	waiting retry.Limiter // of the news that reading cannot start yet
	entered bool          // reading has started once: from then on only what an operator must mend ends the run
	promise Promise
}

// target is what a run with Once has to reach.
type target struct {
	fixed bool   // it is known
	seq   uint64 // the last stream sequence to capture
}

// New opens what a run needs. Close ends it.
func New(nc *nats.Conn, src *reader.Source, cfg Config, o Observer) (*Run, error) {
	r := &Run{
		Config: cfg, Source: src, Observer: o, began: time.Now(),
		pull: pullBytes(nc, cfg.MemoryLimit), waiting: retry.Limiter{Every: warnEvery},
	}
	o.Observe(Began{})
	var err error
	r.spool, err = spool.New(spool.Config{
		Dir: cfg.TempDir, Memory: max(cfg.MemoryLimit-2*r.pull, cfg.MemoryLimit/2), // two pulls are in flight
		Limit: cfg.SpoolLimit, Disk: cfg.BufferToDisk,
	})
	if err != nil {
		return nil, err
	}
	if r.Maker, err = newMaker(&r.Config, src.Stream(), r.spool, o); err != nil {
		return nil, errors.Join(err, r.spool.Close())
	}
	return r, nil
}

// Close frees what New opened.
func (r *Run) Close() error { return r.spool.Close() }

// maxPull is the most that one pull may bring, whatever the memory limit. With two of them outstanding, a round trip of
// 50 ms still allows 160 MB/s; pulls of 16 MiB were no faster on one machine.
const maxPull = 4 << 20

func pullBytes(nc *nats.Conn, memoryLimit int64) int64 {
	return max(2*nc.MaxPayload(), min(maxPull, memoryLimit/4))
}

// PullBytes is how many bytes one pull of a reader asks for; two are outstanding.
func (r *Run) PullBytes() int { return int(r.pull) }

// Live reads and cuts until the end. It starts again at the position of what is stored whenever what was read since cannot
// be trusted.
func (r *Run) Live(ctx context.Context, p Promise) error {
	r.promise = p
	for {
		cause, err := r.life(ctx)
		if cause == "" || ctx.Err() != nil {
			return err
		}
	}
}

// life is one life of a reader. It returns why another one has to follow; if none has to, the cause is empty, and the error
// is that of the run.
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
		return "", fmt.Errorf("stopped before what was read since the last cut could be stored, it is left to the next start: %w", err)
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

// again lets another life follow, because of reason.
func (r *Run) again(c Cause, reason error) (Cause, error) {
	r.Observer.Observe(Repositioned{Cause: c, Reason: reason})
	return c, nil
}

// againAfter lets another life follow after a pause, unless the run is stopped meanwhile.
func (r *Run) againAfter(ctx context.Context, wait time.Duration, c Cause) (Cause, error) {
	select {
	case <-ctx.Done():
		return "", nil
	case <-time.After(wait):
		return r.again(c, nil)
	}
}

// patiently lets another life follow, in which all messages are kept until their seal: there, a message that breaks a writer
// is found and left out.
func (r *Run) patiently(err error) (Cause, error) {
	r.Maker.writers.patient = true
	return r.again(CauseFileLost, err)
}

// mayMend decides whether an error of opening may go away by itself. Once reading has started, names and permissions were
// right.
func (r *Run) mayMend(err error) bool {
	if r.entered {
		return reader.IsTemporary(err)
	}
	return reader.IsUnanswered(err) && time.Since(r.began) < startPatience
}

// diverged tells the promise of a stream that is another one now. What Once has to reach is one of its sequences.
func (r *Run) diverged(err error) {
	var d *reader.DivergedError
	errors.As(err, &d)
	r.promise.Diverged(d)
	r.target = target{}
}

// fixTarget fixes, once, what Once has to reach: last.
func (r *Run) fixTarget(last uint64) {
	if !r.Config.Once || r.target.fixed {
		return
	}
	r.target = target{true, last}
	r.Observer.Observe(Targeted{Seq: last})
}
