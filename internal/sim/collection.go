package sim

import (
	"fmt"
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/engine"
)

// collection is what a process has read since its last cut, before the boundary and behind it.
type collection struct {
	p      *process
	pace   engine.Pace
	ended  *engine.Cut // nil if nothing was read before the boundary
	open   *engine.Cut
	blocks map[grouped]*open // of open
	newest int64             // start of the newest window
}

// grouped is what the messages of a block have in common.
type grouped struct {
	group  int
	window int64
}

// open is an open block and its rows.
type open struct {
	*engine.Block
	rows []row
}

// newCollection begins behind the head of the log.
func (p *process) newCollection() *collection {
	head := p.entry.Head.Plan
	c := &collection{
		p: p, pace: engine.Pace{MaxAge: p.w.cfg.MaxAge}, open: engine.NewCut(head.To, head.Anchor),
		blocks: map[grouped]*open{},
	}
	c.pace.Start(time.Time{})
	return c
}

// all returns both sides of the boundary.
func (c *collection) all() engine.Collected { return engine.Collected{Ended: c.ended, Open: c.open} }

// take puts a message into its block, or leaves it out. The first message of a later window moves the boundary.
func (c *collection) take(seq uint64, m message) {
	if c.pace.Begins(m.at.UnixNano()) && !c.open.Empty() {
		c.open.Through = seq - 1
		if c.p.w.cfg.Mutant == BoundaryBehind {
			c.open.Through = seq
		}
		c.bound()
	}
	c.open.Through, c.open.Last = max(c.open.Through, seq), m.anchor(seq)
	if c.open.Marks() && m.val%4 == 0 { // few, as in long cuts
		c.open.Mark(c.open.Last)
	}
	if m.skipped() {
		c.open.Skip(seq)
		return
	}
	c.add(seq, m)
}

// add puts a message into the block of its group and window.
func (c *collection) add(seq uint64, m message) {
	at := grouped{group(c.p.version, m), engine.WindowStart(m.at.UnixNano(), c.p.w.cfg.MaxAge)}
	if at.window < c.newest {
		c.p.w.Cov.Late++
		if c.p.w.cfg.Mutant == LateBefore && c.ended != nil && len(c.ended.Blocks) > 0 {
			c.put(c.ended, c.p.w.contents[c.ended.Blocks[0]], seq, m)
			return
		}
	}
	c.newest = max(c.newest, at.window)
	b := c.blocks[at]
	if b == nil || b.Closed {
		b = &open{Block: &engine.Block{
			Kind: cutlog.KindData, Key: []cutlog.Text{cutlog.Text(fmt.Sprint(at.group))}, Dir: groupDir(at.group),
			Suffix: "rows", Window: at.window,
		}}
		c.blocks[at] = b
		c.open.Open(b.Block)
		c.p.w.contents[b.Block] = b
	}
	c.put(c.open, b, seq, m)
	if b.Messages >= 4 {
		c.open.Close(b.Block)
	}
}

// put makes a message a row of a block of a cut.
func (*collection) put(cut *engine.Cut, b *open, seq uint64, m message) {
	b.rows = append(b.rows, row{seq, m.val})
	cut.Add(b.Block, seq, 1)
}

// bound moves the boundary behind everything that was read.
func (c *collection) bound() {
	before := c.open
	c.open, c.blocks = before.Next(), map[grouped]*open{}
	if c.ended == nil {
		c.ended = before
	} else {
		c.ended.Join(before)
	}
}

// detach returns what is cut now: what lies before the boundary, or everything.
func (c *collection) detach(everything bool) *engine.Cut {
	if everything || c.ended == nil || !c.p.w.luck.ends() {
		c.bound()
	} else if !c.open.Empty() {
		c.p.w.Cov.Boundaries++
	}
	cut := c.ended
	c.ended = nil
	return cut
}
