package archive

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/jetcapture/jetcapture/cutlog"
)

// Against returns a VerifyOptions.Against that compares a capture with another one: with the archive that it was made
// from, or with another archive of the same stream. Each incarnation is compared with that which it was made from. What
// the other one holds and the capture calls lost or absent is a problem, whatever the reason.
func Against(other *Capture) func(context.Context, cutlog.Format) (Stream, error) {
	return func(ctx context.Context, _ cutlog.Format) (Stream, error) {
		all, err := other.Incarnations(ctx)
		if err != nil {
			return nil, err
		}
		return &otherCapture{capture: other, all: all}, nil
	}
}

// otherCapture is the Stream of Against. It belongs to the goroutine of the verification.
type otherCapture struct {
	capture *Capture
	filter  []string
	all     []Incarnation
	at      Incarnation // that the cut which is compared was made from
}

// enter chooses what a plan is compared with. It reports false if there is nothing.
func (o *otherCapture) enter(p *cutlog.Plan) bool {
	for _, in := range slices.Backward(o.all) {
		same := in.Opening.Stream.Created.Equal(p.Stream.Created)
		if p.Source != nil {
			same = in.Opening.Incarnation == p.Source.Incarnation
		}
		if same {
			o.at = in
			return in.Newest.N > 0
		}
	}
	return false
}

// Info implements Stream: of the incarnation that was entered.
func (o *otherCapture) Info(context.Context) (StreamInfo, error) {
	if o.at.Newest.N == 0 {
		return StreamInfo{}, nil
	}
	return StreamInfo{
		Created: o.at.Opening.Stream.Created, First: o.at.Opening.From + 1, Last: o.at.Newest.Plan.To,
	}, nil
}

// Messages implements Stream.
func (o *otherCapture) Messages(ctx context.Context, after, through uint64) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		read := ReadOptions{
			After: after, Through: through, Incarnation: o.at.Opening.Incarnation, Subjects: o.filter,
		}
		for item, err := range o.capture.Messages(ctx, read) {
			if err != nil {
				yield(Message{}, fmt.Errorf("capture %s, which it is compared with: %w", o.capture.name, err))
				return
			}
			if item.IsMessage() && !yield(item.Message, nil) {
				return
			}
		}
	}
}

// Close implements Stream.
func (o *otherCapture) Close(context.Context) error { return nil }

// beginOther is begin for another capture. It notes what that one holds beyond this one.
func (c *comparison) beginOther(ctx context.Context, other *otherCapture) (ok bool, err error) {
	format, err := c.log.bound(ctx)
	if err != nil {
		return false, err
	}
	other.filter = format.Filter
	lives, err := c.log.capture.Incarnations(ctx)
	if err != nil {
		return false, c.log.tolerate(ctx, err)
	}
	for _, in := range lives {
		if other.enter(in.Opening) {
			c.valid[in.Opening.Incarnation] = other.at.Newest.Plan.To
		}
	}
	if len(c.valid) == 0 {
		c.unchecked("an archive that it was made from, or of the same stream", "another one: capture "+other.capture.name)
		return false, nil
	}
	last := lives[len(lives)-1]
	if more := other.beyond(last); more != nil {
		c.unchecked("everything that the other archive holds", fmt.Sprintf(
			"cuts up to stream sequence %d of incarnation %s; the other archive goes on up to %d of incarnation %s",
			last.Newest.Plan.To, last.Opening.Incarnation, more.Newest.Plan.To, more.Opening.Incarnation))
	}
	return true, c.checkBeginning(ctx, other, lives[0].Opening)
}

// beyond returns the newest incarnation in which the other capture covers more than the last one of a capture does; nil
// if there is none. One that has nothing yet, as after a restore, is not one.
func (o *otherCapture) beyond(last Incarnation) *Incarnation {
	found := o.enter(last.Opening)
	for _, in := range slices.Backward(o.all) {
		through := in.Opening.From
		same := found && in.Opening.Incarnation == o.at.Opening.Incarnation
		if same && last.Newest.N > 0 {
			through = last.Newest.Plan.To
		}
		if in.Newest.N > 0 && in.Newest.Plan.To > through {
			return &in
		}
		if same {
			break
		}
	}
	return nil
}

// checkBeginning reports what the other capture holds before this one begins: no later cut brings that. With a filter,
// it may be nothing that this one wants.
func (c *comparison) checkBeginning(ctx context.Context, other *otherCapture, first *cutlog.Plan) error {
	if !other.enter(first) || other.at.Opening.From >= first.From {
		return nil
	}
	before := ReadOptions{After: other.at.Opening.From, Through: first.From, Incarnation: other.at.Opening.Incarnation}
	has, err := other.capture.Account(ctx, before)
	if err != nil {
		return fmt.Errorf("capture %s, which it is compared with: %w", other.capture.name, err)
	}
	n := has.Messages + has.Dead
	if n == 0 {
		return nil
	}
	f := c.log.finding(0, Uncaptured, cutlog.FormatName(c.log.capture.name), "everything that the other archive holds",
		fmt.Sprintf("a later beginning; messages before that: %d", n),
		"keep the other archive, or make a copy that begins where it does")
	f.Seqs.AddRange(before.After+1, before.Through)
	if len(other.filter) > 0 {
		f.Severity = Note
	}
	c.log.found(f)
	return nil
}

// derived reports whether the cut was made from the other capture.
func (c *cutComparison) derived() bool {
	origin := c.Plan.Source
	return c.other != nil && origin != nil && origin.Capture == c.other.capture.name
}

// reportAdded reports messages that the capture which the cut was made from does not hold: nothing else can have them.
func (c *cutComparison) reportAdded() {
	if !c.derived() {
		return
	}
	var added cutlog.SeqSet
	for s := range c.Plan.Spans() {
		if s.Fate == cutlog.SpanBlock {
			added.AddRange(s.First, s.Last)
		}
	}
	added = added.Minus(c.held)
	for i := range c.Plan.Blocks {
		if lost := c.Cut.block(i).Lost; !lost.Empty() {
			added = added.Minus(lost)
		}
	}
	if added.Empty() {
		return
	}
	f := c.log.finding(c.N, Differs, cutlog.PlanName(c.capture, c.N), "only messages that the other archive holds",
		"messages that it does not hold", "find out which of the two was changed, or lacks its newest cuts")
	f.Seqs = added
	c.log.found(f)
}
