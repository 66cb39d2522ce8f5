package engine

import (
	"slices"

	"github.com/jetcapture/jetcapture/cutlog"
)

// Collected is what was read since the last cut. The boundary lies just before the first message of the newest window:
// what lies before it is complete, except for messages that come late.
type Collected struct {
	Ended *Cut // before the boundary; nil if nothing is
	Open  *Cut // behind the boundary, from Ended.Through on
}

// Whole returns everything as one cut. It shares the blocks, so it holds only until something is added to either side.
func (c Collected) Whole() *Cut {
	if c.Ended == nil {
		return c.Open
	}
	w := *c.Ended
	w.Blocks, w.marks.kept = slices.Clip(w.Blocks), slices.Clip(w.marks.kept)
	w.Skipped = w.Skipped.Union(cutlog.SeqSet{}) // a copy
	w.Join(c.Open)
	return &w
}

// Empty reports that no message was read since the last cut.
func (c Collected) Empty() bool { return c.Ended == nil && c.Open.Empty() }

// Moved reports whether there is anything to cut: messages, or proved absence.
func (c Collected) Moved() bool { return c.Ended != nil || c.Open.Moved() }

// PlanBytes estimates the size of the plan of everything before compression.
func (c Collected) PlanBytes() int {
	n := c.Open.PlanBytes()
	if c.Ended != nil {
		n += c.Ended.PlanBytes()
	}
	return n
}

// blocks returns the number of blocks.
func (c Collected) blocks() int {
	n := len(c.Open.Blocks)
	if c.Ended != nil {
		n += len(c.Ended.Blocks)
	}
	return n
}

// AllClosed reports whether there are blocks and all are full.
func (c Collected) AllClosed() bool {
	return c.Open.open == 0 && (c.Ended == nil || c.Ended.open == 0) && c.blocks() > 0
}

// Relieve returns the cut that makes room. It takes the windows that have ended if they hold at least half of the
// messages, so that no block of the newest window is closed early. Otherwise it takes everything.
func (c Collected) Relieve(reason cutlog.Reason) Due {
	return Due{Reason: reason, Ended: c.Ended != nil && c.Ended.Messages >= c.Open.Messages}
}
