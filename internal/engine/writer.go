package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/jetcapture/jetcapture/cutlog"
)

// Writer is one process's hold on the log of a capture: where the log stands, and what comes next. Its methods are
// called from one goroutine at a time, except for At and CheckFound.
//
// It keeps three rules. A record is put again, with the same bytes, until it can be read back. Plan n+1 comes after
// done n. A plan without a done record is finished before anything else.
type Writer struct {
	Capture string
	Log     *cutlog.Log
	Me      cutlog.Writer
	Head    cutlog.Head // the newest record known
	// Retry calls f until it succeeds, ctx ends, or f returns an error that no retry can mend. It adds what was tried
	// to the error.
	Retry func(ctx context.Context, what string, f func(ctx context.Context) error) error
	// Crash is called at each arrow of the protocol, from several goroutines at AfterFile. Tests end the process in
	// it. It is nil in production.
	Crash func(arrow string)
}

// The arrows of the protocol, as Crash gets them.
const (
	BeforePlan  = "before-plan"
	AfterPlan   = "after-plan"
	AfterFiles  = "after-files"
	AfterDone   = "after-done"
	AfterAck    = "after-ack"
	AfterLost   = "after-lost"
	AfterFormat = "after-format"
	BeforeRedo  = "before-redo"
	AfterFile   = "after-file" // after each file
)

// At marks an arrow of the protocol.
func (w *Writer) At(arrow string) {
	if w.Crash != nil {
		w.Crash(arrow)
	}
}

// Refresh moves Head to the newest record of the log.
func (w *Writer) Refresh(ctx context.Context) error {
	return w.Retry(ctx, "read the cut log", func(ctx context.Context) error {
		if w.Head.Plan == nil {
			head, err := w.Log.Head(ctx)
			if err == nil {
				w.Head = head
			}
			return err
		}
		for {
			next, ok, err := w.Log.Next(ctx, w.Head)
			if err != nil || !ok {
				return err
			}
			w.Head = next
		}
	})
}

// finish puts the done record, unless another writer has. The log is read first: a file that was found there may lack
// messages, and the writer that put it has recorded them as lost before. Done must name that record.
func (w *Writer) finish(ctx context.Context, files []cutlog.File) error {
	n := w.Head.N
	if err := w.Refresh(ctx); err != nil {
		return err
	}
	if w.Head.N != n {
		return ErrOvertaken
	}
	if w.Head.Done != nil {
		return nil
	}
	return w.Done(ctx, files)
}

// Plan puts the plan p. If it wins its number, it becomes the head.
func (w *Writer) Plan(ctx context.Context, p *cutlog.Plan) (won bool, err error) {
	rec, err := cutlog.EncodePlan(w.Capture, p)
	if err = errors.Join(err, cutlog.CheckChain(w.Head, p)); err != nil {
		return false, fmt.Errorf("plan cut %d: %w", p.N, err)
	}
	w.At(BeforePlan)
	won, err = w.put(ctx, rec)
	if err != nil || !won {
		return won, err
	}
	w.At(AfterPlan)
	w.Head = cutlog.Head{N: p.N, Plan: p, PlanSum: rec.Sum}
	return true, nil
}

// Done puts the done record of the head's plan, whose files are all visible.
func (w *Writer) Done(ctx context.Context, files []cutlog.File) error {
	d := &cutlog.Done{Version: cutlog.Version, N: w.Head.N, Plan: w.Head.PlanSum, Lost: w.Head.LostSum, Files: files}
	rec, err := cutlog.EncodeDone(w.Capture, d)
	if err != nil {
		return fmt.Errorf("finish cut %d: %w", d.N, err)
	}
	won, err := w.put(ctx, rec)
	if err != nil {
		return err
	}
	if !won {
		return w.sameDone(ctx, d)
	}
	w.At(AfterDone)
	w.Head.Done, w.Head.DoneSum = d, rec.Sum
	return nil
}

// ErrOvertaken says that other writers have finished our cut and gone on. What was read since must be dropped, and
// the log entered again.
var ErrOvertaken = errors.New("other writers have finished this cut and gone on")

// sameDone accepts the done record that another writer put for the same cut.
func (w *Writer) sameDone(ctx context.Context, ours *cutlog.Done) error {
	if err := w.Refresh(ctx); err != nil {
		return err
	}
	if w.Head.N > ours.N {
		return ErrOvertaken
	}
	if w.Head.Done == nil || w.Head.Done.Plan != ours.Plan {
		return fmt.Errorf("done record of cut %d in capture %s belongs to another plan: run verify on the archive",
			ours.N, w.Capture)
	}
	return nil
}

// put puts a record until it can be read back, and reports whether it is ours.
func (w *Writer) put(ctx context.Context, rec cutlog.Record) (won bool, err error) {
	err = w.Retry(ctx, "put "+rec.Name, func(ctx context.Context) error {
		var err error
		won, err = w.Log.Put(ctx, rec)
		return err
	})
	return won, err
}
