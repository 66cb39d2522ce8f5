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
	Notes    []string
	Source   *cutlog.Origin // of a copy
	Witness
	Stream StreamFacts // what the stream said about itself when the cut was checked
}

// Witness is what is known about the holes of a cut besides what the stream says about itself.
type Witness struct {
	// Floor is the ack floor of a durable consumer when reading began: nothing at or below it was delivered to us.
	Floor uint64
	// LeftOut are sequences that the stream has, and that the filter leaves out.
	LeftOut cutlog.SeqSet
	// Never are sequences that no message ever had.
	Never cutlog.SeqSet
	// Unproved says that the stream has been replaced. Nobody can tell any more why it did not deliver the holes of
	// the cut: the messages may never have existed, have expired, or have gone to another reader. So they are
	// recorded as lost, not as absent.
	Unproved bool
	// Told is what the source of a copy says about the holes; nil if the capture is no copy. Nothing else counts then.
	Told *Told
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
		Source:      f.Source,
		Notes:       f.Notes,
		Settings:    f.Settings,
		Skipped:     c.Skipped,
	}
	for _, b := range c.Blocks {
		p.Blocks = append(p.Blocks, b.planned(f.Capture, p.Incarnation))
	}
	why := c.explain(f)
	p.Lost, p.AbsentBy = why.lost, why.absent
	for _, n := range p.AbsentBy {
		p.Absent += n
	}
	return p
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
