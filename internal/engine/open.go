package engine

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
)

// openIncarnation puts the plan that opens a new incarnation.
func (e *Entry) openIncarnation(ctx context.Context, s StreamFacts, id Identity, past []time.Time) error {
	if err := e.Source.Prepare(ctx); err != nil {
		return err
	}
	anchor, err := e.lastCommon(ctx, s)
	if err != nil {
		return err
	}
	o := Opening{Stream: s, Past: past, From: anchor.Seq, Anchor: anchor, Cause: cutlog.CauseRolledBack}
	if id != RolledBack {
		o.replaces(e.Head.Plan.Stream.Created)
	}
	old := e.Head.Plan
	o.Note = o.note(old)
	p := OpenPlan(e.Head, o, e.Facts(s, cutlog.ReasonOpen))
	won, err := e.plan(ctx, s, p)
	if err != nil || !won {
		return err
	}
	e.RolledBack = false
	e.Observer.Diverged(old, p, o.Note)
	return overtaken(e.Done(ctx, nil))
}

// note says why the incarnation is opened, for people. old is the last plan of the one before.
func (o *Opening) note(old *cutlog.Plan) string {
	switch o.Cause {
	case cutlog.CauseRolledBack:
		return fmt.Sprintf("the stream was rolled back: it had been stored up to sequence %d, and agrees up to %d",
			old.To, o.From)
	case cutlog.CauseRestored:
		return fmt.Sprintf("the stream was restored at %s, before that it was created at %s: "+
			"it had been stored up to sequence %d, and goes on after %d",
			instant(o.Stream.Created), instant(old.Stream.Created), old.To, o.From)
	}
	return fmt.Sprintf("the stream was created anew at %s, before that at %s",
		instant(o.Stream.Created), instant(old.Stream.Created))
}

// replaces describes the incarnation of a stream that has taken the place of one that was created at another time. If
// it shares a message with the log, it is a restored copy, and goes on behind that.
func (o *Opening) replaces(created time.Time) {
	o.Past, o.Cause = append(slices.Clip(o.Past), created), cutlog.CauseRestored
	if o.Anchor.Seq == 0 {
		o.Cause, o.From = cutlog.CauseRecreated, max(o.Stream.Configured, 1)-1
	}
}
