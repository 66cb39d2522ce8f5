package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
)

// Source is the stream, as far as an Entry asks it. Its methods are called from the Entry's goroutine.
type Source interface {
	// Facts returns what the stream says about itself.
	Facts(ctx context.Context) (StreamFacts, error)
	// Look compares the message that the stream has at the sequence of an anchor with the anchor.
	Look(ctx context.Context, a cutlog.Anchor) (AnchorLook, error)
	// First returns the sequence after which a new capture begins.
	First(ctx context.Context, s StreamFacts) (uint64, error)
	// Prepare creates what is needed to read a stream that was recreated, restored or rolled back, such as a durable
	// consumer. It is called before the plan that opens the incarnation: a consumer that is missing after that plan was
	// deleted by somebody.
	Prepare(ctx context.Context) error
}

// Observer is told what Enter does. Its methods are called from the Entry's goroutine and must return quickly.
type Observer interface {
	// Awaiting: another writer's cut is left to that writer for Takeover, in case it still runs.
	Awaiting(p *cutlog.Plan)
	// Redoing: a cut that was planned before is going to be finished.
	Redoing(p *cutlog.Plan)
	// Redone: that cut is finished.
	Redone(h cutlog.Head)
	// LookingAgain: the stream seems to be rolled back, and is looked at again after SecondLook.
	LookingAgain(s StreamFacts, p *cutlog.Plan)
	// Diverged: a new incarnation was opened. what says why, for people.
	Diverged(old, opening *cutlog.Plan, what string)
}

// Entry brings a log into a state in which its writer may plan, and commits its cuts. One goroutine uses it.
type Entry struct {
	*Writer
	Source   Source
	Redoer   Redoer
	Observer Observer
	Format   cutlog.Format
	// Facts returns what a plan of this process says about itself: its capture, writer, time, reason and settings.
	Facts func(s StreamFacts, reason cutlog.Reason) Facts
	// Describe keeps the configuration of the stream in the archive if it is another one than before. It is called before
	// each plan, with the number of the plan. Nil: nothing is kept.
	Describe func(ctx context.Context, s StreamFacts, n uint64) error
	// Copied is the source of a copy; nil if the messages come from the stream.
	Copied Copied
	// Wait sleeps.
	Wait func(ctx context.Context, d time.Duration) error
	// Takeover is how long a cut is left to the writer that planned it, if that is another instance. 0 means not at all.
	Takeover time.Duration
	// SecondLook is how long to wait before a stream that seems rolled back is judged. Its leader may be behind for a
	// moment.
	SecondLook time.Duration
	// RolledBack tells the next Enter that a reader has proved a rollback of the stream that the last Enter has found: a
	// message came where the stream had none before. It does not count if another writer has opened an incarnation since.
	RolledBack bool

	entered uint64 // the plan that opened the incarnation which the last Enter has found; 0: none yet
}

// Entered is the state in which Enter leaves the log: its head is done, and belongs to the stream that is there.
type Entered struct {
	Stream StreamFacts
	Look   AnchorLook // AnchorMissing is accepted: everything else says that the stream is the same
	Start  uint64     // stream sequence after which the incarnation begins
}

// Birth makes sure that the log exists, belongs to this capture, and is in a store that never overwrites. It is
// called once after each start of a process, before Enter. See cutlog.Log for the order.
func (e *Entry) Birth(ctx context.Context) error {
	var birth cutlog.Birth
	err := e.Retry(ctx, "look for the cut log", func(ctx context.Context) (err error) {
		birth, err = e.Log.Birth(ctx)
		return err
	})
	if err != nil {
		return err
	}
	if birth.Stage == cutlog.StageFresh {
		if err := cutlog.CheckNewCapture(e.Format.Capture); err != nil {
			return err
		}
		if err := e.plant(ctx); err != nil {
			return err
		}
	}
	err = e.Retry(ctx, "put format.json", func(ctx context.Context) error { return e.Log.PutFormat(ctx, e.Format) })
	if err != nil {
		return err
	}
	e.At(AfterFormat)
	if err = e.Retry(ctx, "check that the store does not overwrite", e.Log.Probe); err != nil {
		return err
	}
	return e.mend(ctx)
}

// plant puts plan 1. If another writer was first, PutFormat finds out whether its plan fits.
func (e *Entry) plant(ctx context.Context) error {
	if e.Copied != nil {
		first, err := e.Copied.Follows(ctx, cutlog.Head{})
		if err == nil {
			_, err = e.openCopied(ctx, first)
		}
		return err
	}
	s, err := e.Source.Facts(ctx)
	if err != nil {
		return err
	}
	from, err := e.Source.First(ctx, s)
	if err != nil {
		return err
	}
	if from > s.LastSeq { // the stream has grown meanwhile: First may have waited
		created := s.Created
		if s, err = e.Source.Facts(ctx); err != nil {
			return err
		}
		if !s.Created.Equal(created) {
			return e.plant(ctx)
		}
	}
	p := OpenPlan(cutlog.Head{}, Opening{Stream: s, From: from}, e.Facts(s, cutlog.ReasonOpen))
	p.Format = &e.Format
	_, err = e.plan(ctx, s, p)
	return err
}

// plan puts the plan p, which was made of the stream s.
func (e *Entry) plan(ctx context.Context, s StreamFacts, p *cutlog.Plan) (won bool, err error) {
	if e.Describe != nil {
		if err := e.Describe(ctx, s, p.N); err != nil {
			return false, err
		}
	}
	return e.Plan(ctx, p)
}

// Enter finishes a cut that is not done, and opens a new incarnation if the stream is not the one of the head.
func (e *Entry) Enter(ctx context.Context) (Entered, error) {
	for {
		if err := e.Refresh(ctx); err != nil {
			return Entered{}, err
		}
		if (e.Head.Plan.Source != nil) != (e.Copied != nil) {
			return Entered{}, fmt.Errorf("capture %s: %w: give this capture another name", e.Capture, ErrNotCopied)
		}
		e.RolledBack = e.RolledBack && e.Head.Plan.Opened == e.entered
		if e.Head.Done == nil {
			if err := e.finishHead(ctx); err != nil {
				return Entered{}, err
			}
			continue
		}
		in, ok, err := e.identify(ctx)
		if err != nil || ok {
			e.entered = e.Head.Plan.Opened
			return in, err
		}
	}
}

// finishHead finishes the newest cut. If another instance has planned it, that one gets some time to do so.
func (e *Entry) finishHead(ctx context.Context) error {
	p := e.Head.Plan
	if len(p.Blocks) == 0 { // done depends on the plan only: there is nothing to store or to wait for
		return overtaken(e.Done(ctx, nil))
	}
	if p.Writer.Instance != e.Me.Instance && e.Takeover > 0 {
		if done, err := e.awaitDone(ctx); err != nil || done {
			return err
		}
	}
	opening, err := e.cut(ctx, p.Opened)
	if err != nil {
		return err
	}
	in, id, err := e.lookTwice(ctx, opening.Plan.Past)
	if err != nil {
		return err
	}
	if id == Foreign { // it says nothing about the stream of the cut, least of all that messages of it are lost
		return e.foreign(in.Stream)
	}
	e.Observer.Redoing(p)
	err = e.redo(ctx, in.Stream, id)
	switch {
	case err == nil:
		e.Observer.Redone(e.Head)
	case ctx.Err() != nil:
		return fmt.Errorf("%w: cut %d of capture %s", ErrInterrupted, p.N, e.Capture)
	}
	return overtaken(err)
}

// redo finishes the head's cut from a stream that was just judged. A restored copy has the messages of the plan.
func (e *Entry) redo(ctx context.Context, s StreamFacts, id Identity) error {
	if id != Restored {
		return e.Finish(ctx, e.Redoer, id != Same)
	}
	if err := e.Source.Prepare(ctx); err != nil {
		return err
	}
	return e.Finish(ctx, fromCopy{e.Redoer, s.Created}, false)
}

// ErrInterrupted says that the process was stopped while it finished a cut that was planned before.
var ErrInterrupted = errors.New("stopped while a cut was being finished, which is left to the next start")

// awaitDone waits up to Takeover for the writer of a cut to finish it, and reports whether it did.
func (e *Entry) awaitDone(ctx context.Context) (done bool, err error) {
	const looks = 10
	e.Observer.Awaiting(e.Head.Plan)
	for range looks {
		if err := e.Wait(ctx, e.Takeover/looks); err != nil {
			return false, err
		}
		err := e.Retry(ctx, "look for a done record", func(ctx context.Context) error {
			next, _, err := e.Log.Next(ctx, e.Head)
			done = err == nil && next.Done != nil
			return err
		})
		if err != nil || done {
			return done, err
		}
	}
	return false, nil
}

// identify compares the stream with the head. It reports false if the log must be read again: an incarnation was
// opened, by us or by another writer.
func (e *Entry) identify(ctx context.Context) (in Entered, ok bool, err error) {
	if opened, err := e.follow(ctx); err != nil || opened {
		return in, false, err
	}
	opening, err := e.cut(ctx, e.Head.Plan.Opened)
	if err != nil {
		return in, false, err
	}
	past := opening.Plan.Past
	in, id, err := e.lookTwice(ctx, past)
	in.Start = opening.Plan.From
	switch {
	case err != nil || id == Same:
		return in, err == nil, err
	case id == Foreign:
		return in, false, e.foreign(in.Stream)
	}
	return in, false, e.openIncarnation(ctx, in.Stream, id, past)
}

// ErrForeign says that the stream is older than the one that the log is at, so it belongs to another server.
var ErrForeign = errors.New("two servers seem to share this archive")

// foreign is the error for a stream that the log has left, or that is older than the one that the log is at. Nothing is
// written for such a stream.
func (e *Entry) foreign(s StreamFacts) error {
	return fmt.Errorf("stream %s of this server was created at %s, and capture %s is at a newer one, created at %s: %w, "+
		"and nothing was written for this one: connect to the server of the newer stream, or, if this is the right server, "+
		"capture its stream under another name, from its beginning",
		s.Name, instant(s.Created), e.Capture, instant(e.Head.Plan.Stream.Created), ErrForeign)
}

// instant writes a time as plans do.
func instant(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// MayAck reports whether the stream still is the one of the head. Acks name messages by their sequence: after a
// rollback, a late one would hit another message.
func (e *Entry) MayAck(ctx context.Context) (bool, error) {
	_, id, err := e.judge(ctx, nil)
	return err == nil && id == Same, err
}

// lookTwice judges the stream. If it seems rolled back, the second judgement, after SecondLook, counts.
func (e *Entry) lookTwice(ctx context.Context, past []time.Time) (in Entered, id Identity, err error) {
	in, id, err = e.judge(ctx, past)
	if err != nil || id != RolledBack || e.RolledBack {
		return in, id, err
	}
	e.Observer.LookingAgain(in.Stream, e.Head.Plan)
	if err := e.Wait(ctx, e.SecondLook); err != nil {
		return in, id, err
	}
	return e.judge(ctx, past)
}

// judge looks at the stream and at the anchor.
func (e *Entry) judge(ctx context.Context, past []time.Time) (in Entered, id Identity, err error) {
	if in.Stream, err = e.Source.Facts(ctx); err != nil {
		return in, 0, err
	}
	if in.Look, err = e.Source.Look(ctx, e.Head.Plan.Anchor); err != nil {
		return in, 0, err
	}
	id = Judge(e.Head, in.Stream, in.Look, past)
	if id == Same && e.RolledBack {
		id = RolledBack
	}
	return in, id, nil
}

// cut reads an older cut of the log.
func (e *Entry) cut(ctx context.Context, n uint64) (h cutlog.Head, err error) {
	if n == e.Head.N {
		return e.Head, nil
	}
	err = e.Retry(ctx, "read an older plan", func(ctx context.Context) (err error) {
		h, err = e.Log.At(ctx, n)
		return err
	})
	return h, err
}

// overtaken drops ErrOvertaken, for callers that read the log again anyway.
func overtaken(err error) error {
	if errors.Is(err, ErrOvertaken) {
		return nil
	}
	return err
}
