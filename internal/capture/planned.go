package capture

import (
	"context"
	"errors"
	"slices"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/engine"
	"github.com/jetcapture/jetcapture/internal/reader"
)

// Planned makes files of a plan again. The caller says which message belongs to which block, so today's keys, limits
// and windows have no influence. It does not wait for a full spool; the caller drops some blocks and makes them later.
// It belongs to one goroutine.
type Planned struct {
	table *Table
	plan  *cutlog.Plan
}

// NewPlanned returns a Planned for the plan p. No block is open yet.
func (k *Maker) NewPlanned(p *cutlog.Plan) *Planned {
	return &Planned{table: k.NewTable(engine.NewCut(p.From, p.Anchor)), plan: p}
}

// Open opens block i of the plan.
func (p *Planned) Open(i int) (*Block, error) {
	b := p.plan.Blocks[i]
	e := &engine.Block{Kind: b.Kind, Key: b.Key, Dir: b.Dir, Window: b.Window.UnixNano()}
	if e.Kind == cutlog.KindDead {
		return p.table.openDead(e), nil
	}
	return p.table.open(e)
}

var errDeadThen = errors.New("was a poison message when its cut was planned")

// Take puts a planned message into its block. A planned dead letter gets the error of today's decoder if it still
// fails.
func (p *Planned) Take(b *Block, m *reader.Message) error {
	it, err := p.table.decode(m)
	switch {
	case b.Kind == cutlog.KindDead && err == nil:
		err = p.table.AddLetter(b, m, errDeadThen)
	case b.Kind == cutlog.KindDead:
		err = p.table.AddLetter(b, m, err)
	case err == nil:
		err = p.table.Add(b, it)
	}
	return unlessFull(err)
}

// Over reports whether the spool is over its limit.
func (p *Planned) Over() bool { return p.table.spool.Over() }

// Drop gives up a block. Another Planned may make it later.
func (p *Planned) Drop(b *Block) {
	b.drop()
	t := p.table
	t.blocks = slices.DeleteFunc(t.blocks, func(o *Block) bool { return o == b })
}

// Finish ends all blocks and returns the files of those that hold a message. The caller discards the files. After an
// error there are none.
func (p *Planned) Finish(ctx context.Context) (map[*engine.Block]File, error) {
	t := p.table
	if err := t.finish(); err != nil {
		return nil, err
	}
	files, err := t.Seal(ctx, t.encoders())
	if err != nil {
		discard(t, files)
		return nil, err
	}
	t.blocks = nil
	return files, nil
}

// Discard drops the blocks that are open. After a successful Finish it does nothing.
func (p *Planned) Discard() { p.table.Discard() }
