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
	if l.storing != nil {
		l.planFull = l.cut.PlanBytes() >= engine.MaxPlanBytes
		return nil
	}
	half := l.cfg.SpoolLimit / 2
	if !l.cfg.BufferToDisk {
		half = l.cfg.MemoryLimit / 2
	}
	reason, due := l.pace.Due(time.Now(), l.cut, engine.Pressure{
		Spool: l.spool.Over(),
		Half:  (l.cfg.MaxMessages > 0 || l.cfg.MaxBytes > 0) && l.table.closedBytes() >= half,
		Acks:  l.acksNear(),
	})
	if !due {
		return nil
	}
	_, err := l.makeCut(ctx, reason)
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

// makeCut closes everything that is open and begins to store it. While the server cannot be asked whether what was read
// is good, it makes no cut and returns false; a later call tries again.
//
// If the check finds that no more can come of this stream or consumer, what was read is good and is cut. Then the error
// says why reading has to start again.
func (l *loop) makeCut(ctx context.Context, reason cutlog.Reason) (made bool, err error) {
	var ended error // why reading has to start again after this cut
	err = l.check(ctx)
	switch {
	case err == nil:
	case ends(err):
		ended, reason = err, cutlog.ReasonDiverged
	case l.isStopping() && errors.Is(err, reader.ErrStreamNotFound):
		reason = cutlog.ReasonDiverged // the stream is gone, so the next start could not read these messages again
	case errors.Is(err, reader.ErrDisturbed), l.feed.over():
		return false, err
	default:
		l.postpone(ctx, err)
		return false, nil
	}
	if err := l.detach(ctx, reason); err != nil {
		return false, err
	}
	if ended != nil {
		return true, errors.Join(l.stored(), ended)
	}
	return true, nil
}

// check asks whether what was read can be cut. The question runs in the goroutine of the feed, which owns the reader.
func (l *loop) check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	return l.feed.call(ctx, func(ctx context.Context) error { return l.rd.Check(ctx, l.cut) })
}

// postpone records and reports why a cut has to wait.
func (l *loop) postpone(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return // the work was given up, and finish says so
	}
	l.postponed = err
	l.observer.Observe(Postponed{Err: err, Quiet: !l.warned.Ready(time.Now())})
}

// detach hands the open blocks to a new goroutine that stores them, and begins the next cut. From then on the table and
// the cut belong to that goroutine. It ends by sending its error to l.storing, where the loop joins it.
func (l *loop) detach(ctx context.Context, reason cutlog.Reason) error {
	if err := l.table.finish(); err != nil {
		return err
	}
	now := time.Now()
	if l.lastMsg != nil {
		l.cut.Last = AnchorOf(l.lastMsg)
	}
	l.pace.Cut(now, reason, l.cut)
	l.rd.Detach()
	s := &Sealed{Reason: reason, Cut: l.cut, table: l.table, encoders: l.maker.encoders(), began: now}
	l.cut = engine.NewCut(l.cut.Through, l.cut.Last)
	l.table, l.lastMsg, l.postponed, l.planFull = l.maker.NewTable(l.cut), nil, nil, false
	l.observer.Observe(Detached{})
	storing := make(chan error, 1)
	l.storing = storing
	go func() { storing <- s.store(ctx, l.rd) }()
	return nil
}

// stored waits for the cut that is being stored, and returns its error.
func (l *loop) stored() error {
	err := <-l.storing
	l.storing = nil
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
		if !l.cut.Moved() || (l.cut.Empty() && !l.rd.Ordered()) {
			return nil
		}
		made, err := l.makeCut(ctx, reason)
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
			l.cfg.DrainTimeout, l.cut.Through, err)
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
		_, err := l.makeCut(ctx, cutlog.ReasonPressure)
		return err
	}
	select {
	case err := <-l.storing:
		l.storing = nil
		return err
	default:
		return nil
	}
}
