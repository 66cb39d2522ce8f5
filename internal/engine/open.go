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
	c, err := e.lastCommon(ctx, s)
	if err != nil {
		return err
	}
	o := Opening{Stream: s, Past: past}
	if id == RolledBack {
		o.Cause = cutlog.CauseRolledBack
		err = e.goOn(ctx, &o, c)
	} else {
		err = e.replace(ctx, &o, c)
	}
	if err != nil {
		return err
	}
	old := e.Head.Plan
	o.Note = o.note(old)
	p := OpenPlan(e.Head, o, e.Facts(s, cutlog.ReasonOpen))
	won, err := e.Plan(ctx, p)
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

// replace describes the incarnation of a stream that has taken the place of the head's. If it shares a message with the
// log, it is a restored copy, and what it shares is not stored again.
func (e *Entry) replace(ctx context.Context, o *Opening, c common) error {
	o.Past = append(slices.Clip(o.Past), e.Head.Plan.Stream.Created)
	if c.anchor.Seq == 0 {
		o.Cause, o.From = cutlog.CauseRecreated, max(o.Stream.Configured, 1)-1
		return nil
	}
	o.Cause = cutlog.CauseRestored
	return e.goOn(ctx, o, c)
}

// goOn moves the opening to the end of what the stream and the log have in common. Above the newest common anchor the
// times tell: what was published after a rollback or a restore is younger than everything that was stored before it.
func (e *Entry) goOn(ctx context.Context, o *Opening, c common) error {
	o.From, o.Anchor = c.anchor.Seq, c.anchor
	to, until := c.last.Plan.To, c.last.Plan.Anchor.Time
	if c.bound.Seq > 0 {
		to, until = c.bound.Seq-1, c.bound.Time
	}
	if other, err := e.olderHistory(ctx, o.Stream, c); err != nil || other {
		return err
	}
	if created := o.Stream.Created; o.Cause == cutlog.CauseRestored && !until.Before(created) {
		until = created.Add(-1)
	}
	to, cut, err := e.whole(ctx, c, to)
	if err != nil {
		return err
	}
	newest, rest, err := e.Source.Kept(ctx, o.Stream, c.anchor.Seq, to, until)
	if err != nil {
		return err
	}
	if newest.Seq > 0 {
		o.From, o.Anchor = newest.Seq, newest
	}
	if !rest && !cut && c.bound.Seq == 0 && o.Stream.LastSeq >= to {
		o.From = to
	}
	return nil
}

// olderHistory reports whether the stream has another message where the log has an anchor, which is not younger than that
// one: a backup from before an earlier rollback was restored. Then times tell nothing.
func (e *Entry) olderHistory(ctx context.Context, s StreamFacts, c common) (bool, error) {
	if c.bound.Seq == 0 {
		return false, nil
	}
	other, _, err := e.Source.Kept(ctx, s, c.bound.Seq-1, c.bound.Seq, c.bound.Time)
	return other.Seq > 0, err
}

// whole returns up to where the cuts after the anchor's have all that they planned, at most to, and whether that is less.
// A cut that was finished while the stream was another one may have lost messages that the stream has again.
func (e *Entry) whole(ctx context.Context, c common, to uint64) (whole uint64, less bool, err error) {
	first := c.n + 1
	if c.n == 0 {
		first = c.last.Plan.Opened
	}
	for n := first; n <= c.last.N; n++ {
		h, err := e.cut(ctx, n)
		switch {
		case err != nil:
			return 0, false, err
		case h.Plan.From >= to:
			return to, false, nil
		case h.Lost != nil:
			return max(h.Plan.From, c.anchor.Seq), true, nil
		}
	}
	return to, false, nil
}
