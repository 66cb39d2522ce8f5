package capture

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/engine"
	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/jetcapture/jetcapture/internal/retry"
)

// cutIfDue makes a cut if one is due. Only one cut is stored at a time; until it is stored, a full plan stops reading.
func (l *loop) cutIfDue(ctx context.Context) error {
	c := l.collected()
	if l.storing != nil {
		l.planFull = c.PlanBytes() >= engine.MaxPlanBytes
		return nil
	}
	flush := l.flushes.due(l.open.cut.Through)
	if flush && (!c.Moved() || c.Empty()) {
		l.flushes.stored(l.open.cut.Through)
	}
	half := l.cfg.SpoolLimit / 2
	if !l.cfg.BufferToDisk {
		half = l.cfg.MemoryLimit / 2
	}
	due, ok := l.pace.Due(time.Now(), c, engine.Pressure{
		Spool:     l.spool.Over(),
		Half:      (l.cfg.MaxMessages > 0 || l.cfg.MaxBytes > 0) && l.closedBytes() >= half,
		Acks:      l.acksNear(),
		Flush:     flush,
		Retention: l.retention(),
	})
	if !ok {
		return nil
	}
	defer l.pulse.enter(cutting)()
	_, err := l.makeCut(ctx, due)
	return err
}

// acksNear reports whether the consumer's AckWait or MaxAckPending asks for a cut: without acks it would soon deliver
// again, or nothing more.
func (l *loop) acksNear() bool {
	setting, near := l.rd.AcksNear(time.Now())
	if near && !l.toldAcks {
		l.toldAcks = true
		l.observer.Observe(CutsEarly{Setting: setting})
	}
	return near
}

// makeCut closes what the cut takes and begins to store it. While the server cannot be asked whether what was read is
// good, it makes no cut and returns false; a later call tries again.
//
// If the check finds that no more can come of this stream or consumer, what was read is good and is cut, on both sides
// of the boundary. Then the error says why reading has to start again.
func (l *loop) makeCut(ctx context.Context, due engine.Due) (made bool, err error) {
	var ended error // why reading has to start again after this cut
	everything := engine.Due{Reason: cutlog.ReasonDiverged}
	err = l.check(ctx, due)
	switch {
	case err == nil:
	case ends(err):
		ended, due = err, everything
	case l.isStopping() && errors.Is(err, reader.ErrStreamNotFound):
		due = everything // the stream is gone, so the next start could not read these messages again
	case errors.Is(err, reader.ErrDisturbed), l.feed.over():
		return false, err
	default:
		l.postpone(ctx, err)
		return false, nil
	}
	if err := l.detach(ctx, due); err != nil {
		return false, err
	}
	if ended != nil {
		return true, errors.Join(l.stored(), ended)
	}
	return true, nil
}

// check asks whether what the cut takes is good. The question runs in the goroutine of the feed, which owns the reader.
func (l *loop) check(ctx context.Context, due engine.Due) error {
	cut := l.collected().Ended
	if !due.Ended {
		cut = l.collected().Whole()
	}
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	return l.feed.call(ctx, func(ctx context.Context) error { return l.rd.Check(ctx, cut) })
}

// postpone records and reports why a cut has to wait.
func (l *loop) postpone(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return // the work was given up, and finish says so
	}
	l.postponed = err
	l.observer.Observe(Postponed{Err: err, Quiet: !l.warned.Ready(time.Now())})
}

// detach hands what lies before the boundary to a new goroutine that stores it. If the cut takes everything, the
// boundary moves behind everything first. From then on that table belongs to the goroutine. It ends by sending its
// error to l.storing, where the loop joins it.
func (l *loop) detach(ctx context.Context, due engine.Due) error {
	if !due.Ended {
		if err := l.bound(); err != nil {
			return err
		}
	}
	now := time.Now()
	l.pace.Cut(now, due)
	l.rd.Detach()
	s := &Sealed{Reason: due.Reason, Cut: l.ended.cut, table: l.ended, encoders: l.maker.encoders(), began: now}
	l.ended, l.postponed, l.planFull = nil, nil, false
	l.relieved()
	l.observer.Observe(Detached{})
	storing := make(chan error, 1)
	l.storing, l.storingTo = storing, s.Cut.Through
	go func() { storing <- s.store(ctx, l.rd) }()
	return nil
}

// stored waits for the cut that is being stored, and returns its error.
func (l *loop) stored() error {
	return l.noteStored(<-l.storing)
}

// noteStored notes the result of the cut that was being stored.
func (l *loop) noteStored(err error) error {
	l.storing = nil
	l.relieved()
	if err == nil {
		l.flushes.stored(l.storingTo)
	}
	return err
}

// finish makes the last cut of a life: it waits for the cut that is being stored, cuts what is open and waits for that,
// too.
func (l *loop) finish(ctx context.Context, reason cutlog.Reason) error {
	l.tell(StateLastCut)
	for {
		if l.storing != nil {
			if err := l.stored(); err != nil {
				return err
			}
		}
		if c := l.collected(); !c.Moved() || (c.Empty() && !l.rd.Ordered()) {
			return nil
		}
		made, err := l.makeCut(ctx, engine.Due{Reason: reason})
		if err != nil {
			return err
		}
		if !made { // the stream could not be checked: try again until ctx ends
			if err := retry.Pause(ctx, tickEvery); err != nil {
				return errors.Join(err, l.postponed)
			}
		}
	}
}

// deadline is the end of a run in two steps. When stopping ends, no more messages are taken. DrainTimeout later work
// ends, and what is not stored by then is given up. The caller's cancel does not reach work, or a stop would cancel the
// very store operations that it waits for.
type deadline struct {
	stopping, work context.Context
	cancel         func() // ends work at once; must be called
}

// newDeadline starts the second step when stopping ends. Its goroutine ends with work.
func newDeadline(stopping context.Context, drain time.Duration) *deadline {
	work, cancel := context.WithCancel(context.WithoutCancel(stopping))
	forget := context.AfterFunc(stopping, func() {
		t := time.NewTimer(drain)
		defer t.Stop()
		select {
		case <-t.C:
			cancel()
		case <-work.Done():
		}
	})
	return &deadline{stopping, work, func() {
		forget()
		cancel()
	}}
}

// explain adds to an error that came after DrainTimeout which messages are not stored and that they stay in the stream.
func (l *loop) explain(end *deadline, err error) error {
	if err != nil && end.stopping.Err() != nil && end.work.Err() != nil {
		return fmt.Errorf(
			"stopped after %v with messages up to stream sequence %d not stored, they stay in the stream for the next start: %w",
			l.cfg.DrainTimeout, l.open.cut.Through, err)
	}
	return err
}

// waitForSpool stops taking messages until the spool can be written again. The rows that could not be written are still
// in memory, so nothing is lost.
func (l *loop) waitForSpool(ctx context.Context, cause error) error {
	l.observer.Observe(SpoolFull{Dir: l.cfg.TempDir, Err: cause})
	l.tell(StateSpool)
	defer l.tell(StateReading)
	for {
		if l.isStopping() || l.spool.Relieve() == nil {
			return nil
		}
		if err := l.storeToMakeRoom(ctx); err != nil {
			return err
		}
		if err := retry.Pause(ctx, tickEvery); err != nil {
			return fmt.Errorf("write to the spool in %s: %w", l.cfg.TempDir, errors.Join(cause, err))
		}
	}
}

// storeToMakeRoom takes the next step towards an emptier spool: it makes a cut, or looks whether the cut before is
// stored.
func (l *loop) storeToMakeRoom(ctx context.Context) error {
	if l.storing == nil {
		_, err := l.makeCut(ctx, l.collected().Relieve(cutlog.ReasonPressure))
		return err
	}
	select {
	case err := <-l.storing:
		return l.noteStored(err)
	default:
		return nil
	}
}
