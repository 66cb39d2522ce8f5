package jetcapture

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/engine"
	"github.com/jetcapture/jetcapture/internal/reader"
)

// cutIfDue makes a cut if one is due and none is being stored.
func (l *loop[P, K]) cutIfDue(ctx context.Context) error {
	if l.storing != nil {
		l.planFull = l.cut.PlanBytes() >= engine.MaxPlanBytes
		return nil
	}
	half := l.opts.SpoolLimit / 2
	if !l.opts.BufferToDisk {
		half = l.opts.MemoryLimit / 2
	}
	reason, due := l.pace.Due(time.Now(), l.cut, engine.Pressure{
		Spool: l.spool.Over(),
		Half:  (l.opts.MaxMessages > 0 || l.opts.MaxBytes > 0) && l.table.closedBytes() >= half,
		Acks:  l.acksNear(),
	})
	if !due {
		return nil
	}
	return l.makeCut(ctx, reason)
}

// acksNear reports whether the consumer will soon deliver again, or nothing any more, if nothing is acknowledged.
func (l *loop[P, K]) acksNear() bool {
	u, ok := l.rd.(interface {
		AcksNear(now time.Time) (string, bool)
	})
	if !ok {
		return false
	}
	why, near := u.AcksNear(time.Now())
	if near && !l.warnedAcks {
		l.warnedAcks = true
		l.log.Warn("cuts come earlier than the window asks, because of the consumer's settings", "setting", why)
	}
	return near
}

// makeCut seals everything that is open and begins to store it. When the server cannot be asked now, nothing is cut, and a later call tries again.
func (l *loop[P, K]) makeCut(ctx context.Context, reason cutlog.Reason) error {
	err := l.check(ctx)
	switch {
	case err == nil:
	case ending(err):
		l.ended, reason = err, cutlog.ReasonDiverged
	case l.stop.Err() != nil && errors.Is(err, reader.ErrStreamNotFound):
		reason = cutlog.ReasonDiverged // nothing stays for the next start: what is in hand is all that is left
	case errors.Is(err, reader.ErrDisturbed), l.feed.over():
		return err
	default:
		if ctx.Err() == nil {
			l.uncheckable(err)
		}
		return nil
	}
	if err := l.detach(ctx, reason); err != nil {
		return err
	}
	if l.ended == nil {
		return nil
	}
	err = <-l.storing
	l.storing = nil
	return errors.Join(err, l.ended)
}

// ending decides whether an error means that what was read is good, and nothing more can come: the stream is another one, or the consumer is gone, and with it
// perhaps what an interest stream kept for it.
func ending(err error) bool {
	var diverged *reader.DivergedError
	var gone *reader.ConsumerGoneError
	return errors.As(err, &diverged) || errors.As(err, &gone)
}

// uncheckable keeps and reports why no cut is made.
func (l *loop[P, K]) uncheckable(err error) {
	l.checkFailed = err
	if time.Since(l.warnedCheck) >= warnEvery {
		l.warnedCheck = time.Now()
		l.log.Warn("no cut while the stream cannot be checked, trying again", "error", err)
	}
}

// check asks the keeper, in the reader's goroutine, whether what was read can be cut.
func (l *loop[P, K]) check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	return l.feed.call(ctx, l.keep.check)
}

// detach hands the open blocks to a goroutine that stores them, and opens new ones.
func (l *loop[P, K]) detach(ctx context.Context, reason cutlog.Reason) error {
	if err := l.table.finish(); err != nil {
		return err
	}
	now := time.Now()
	if l.lastMsg != nil {
		l.cut.Last = anchorOf(l.lastMsg)
	}
	l.pace.Cut(now, reason, l.cut)
	s := &sealedCut[P, K]{run: l.run, reason: reason, cut: l.cut, table: l.table, began: now}
	l.buffered, l.perWriter = l.buffered || l.table.buffered, l.table.perWriter
	l.cut = engine.NewCut(l.cut.Through, l.cut.Last)
	l.table, l.lastMsg, l.checkFailed, l.planFull = l.newTable(l.cut), nil, nil, false
	l.stats.update(func(s *Stats) { s.OpenBlocks = 0 })
	l.storing = make(chan error, 1)
	storing := l.storing
	go func() { storing <- s.store(ctx, l.keep, l.rd) }()
	return nil
}

// last makes the cut with which a run ends, within DrainTimeout once ctx is cancelled.
func (l *loop[P, K]) last(ctx, work context.Context, reason cutlog.Reason) error {
	return l.stopped(ctx, work, l.finish(work, reason))
}

// stopped says of an error that came when DrainTimeout had passed what that means.
func (l *loop[P, K]) stopped(ctx, work context.Context, err error) error {
	if err != nil && ctx.Err() != nil && work.Err() != nil {
		return fmt.Errorf("stopped after %v with messages up to stream sequence %d not stored, they stay in the stream for the next start: %w",
			l.opts.DrainTimeout, l.cut.Through, err)
	}
	return err
}

// drainAfter gives up all work DrainTimeout after ctx is cancelled. The caller calls the returned function when the work has ended.
func (l *loop[P, K]) drainAfter(ctx, work context.Context, cancel context.CancelFunc) func() {
	stop := context.AfterFunc(ctx, func() {
		t := time.NewTimer(l.opts.DrainTimeout)
		defer t.Stop()
		select {
		case <-t.C:
			cancel()
		case <-work.Done():
		}
	})
	return func() { stop() }
}

// finish waits for the cut that is being stored, and cuts and stores what is open.
func (l *loop[P, K]) finish(ctx context.Context, reason cutlog.Reason) error {
	l.stats.update(func(s *Stats) { s.State = "storing the last cut" })
	for {
		if l.storing != nil {
			err := <-l.storing
			l.storing = nil
			if err != nil {
				return err
			}
		}
		if !l.cut.Moved() || (l.cut.Empty() && l.opts.Store != nil) {
			return nil
		}
		if err := l.makeCut(ctx, reason); err != nil {
			return err
		}
		if l.storing == nil { // the stream could not be checked
			if err := pause(ctx, tickEvery); err != nil {
				return errors.Join(err, l.checkFailed)
			}
		}
	}
}

// pause waits, or returns the context's error.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
