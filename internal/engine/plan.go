package engine

import (
	"cmp"
	"slices"
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
)

// Facts is what a plan says besides the cut itself.
type Facts struct {
	Capture  string
	Writer   cutlog.Writer
	Reason   cutlog.Reason
	Time     time.Time
	Settings map[string]string
	FirstSeq uint64 // of the stream, when the cut was checked
	Limits   bool   // limits retention without a filter: a hole below FirstSeq is a loss
	Notes    []string
	// Floor is the ack floor of a durable consumer when reading began: nothing at or below it was delivered to us.
	Floor uint64
	// Unproved says that the stream has been replaced. Nobody can tell any more why it did not deliver the holes of
	// the cut: the messages may never have existed, have expired, or have gone to another reader. So they are
	// recorded as lost, not as absent.
	Unproved bool
}

// Plan makes the plan that follows head. It removes blocks without messages from c.Blocks and sorts them as the plan
// does: block i of the plan is c.Blocks[i].
func (c *Cut) Plan(head cutlog.Head, f Facts) *cutlog.Plan {
	c.Blocks = slices.DeleteFunc(c.Blocks, func(b *Block) bool { return b.Messages == 0 })
	slices.SortFunc(c.Blocks, func(a, b *Block) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Dir, b.Dir), cmp.Compare(a.Seqs.First(), b.Seqs.First()))
	})
	p := &cutlog.Plan{
		Version:     cutlog.Version,
		N:           head.N + 1,
		Prev:        head.DoneSum,
		Writer:      f.Writer,
		Reason:      f.Reason,
		Time:        f.Time.UTC(),
		Stream:      head.Plan.Stream,
		Incarnation: head.Plan.Incarnation,
		Opened:      head.Plan.Opened,
		From:        c.From,
		To:          c.Through,
		Anchor:      c.Last,
		Anchors:     c.anchors(),
		Notes:       f.Notes,
		Settings:    f.Settings,
		Skipped:     c.Skipped,
	}
	for _, b := range c.Blocks {
		p.Blocks = append(p.Blocks, b.planned(f.Capture, p.Incarnation))
	}
	p.Lost = c.losses(f)
	p.Absent = p.To - p.From - uint64(c.Messages) - c.Skipped.Count()
	for _, l := range p.Lost {
		p.Absent -= l.Seqs.Count()
	}
	return p
}

// losses returns the holes of the cut that were not proved absent, by reason.
func (c *Cut) losses(f Facts) (lost []cutlog.LostRange) {
	var known cutlog.SeqSet
	add := func(reason cutlog.LostReason, below uint64) {
		if more := c.Holes(0, max(below, 1)-1).Minus(known); !more.Empty() {
			lost = append(lost, cutlog.LostRange{Reason: reason, Seqs: more})
			known = known.Union(more)
		}
	}
	add(cutlog.LostElsewhere, f.Floor+1)
	if f.Limits {
		add(cutlog.LostExpired, f.FirstSeq)
	}
	if f.Unproved {
		add(cutlog.LostUnproved, c.Through+1)
	}
	return lost
}

// planned returns the block as its plan describes it.
func (b *Block) planned(capture, incarnation string) cutlog.Block {
	return cutlog.Block{
		Kind:     b.Kind,
		Key:      b.Key,
		Dir:      b.Dir,
		Name:     cutlog.BlockName(capture, incarnation, b.Seqs.First(), b.Seqs.Last(), b.Suffix),
		Window:   time.Unix(0, b.Window).UTC(),
		Messages: b.Messages,
		Rows:     b.Rows,
		Seqs:     b.Seqs,
	}
}

// run says that the sequences first to last belong to a block.
type run struct {
	first, last uint64
	block       int
}

// runs returns the runs of the sets in ascending order.
func runs(sets ...cutlog.SeqSet) []run {
	var all []run
	for i, s := range sets {
		for first, last := range s.Runs() {
			all = append(all, run{first, last, i})
		}
	}
	slices.SortFunc(all, func(a, b run) int { return cmp.Compare(a.first, b.first) })
	return all
}
