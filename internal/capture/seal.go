package capture

import (
	"context"
	"fmt"
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/engine"
	"github.com/jetcapture/jetcapture/internal/parallel"
	"github.com/jetcapture/jetcapture/internal/spool"
)

// Sealed is a cut on its way into the store. One goroutine owns it.
type Sealed struct {
	Reason cutlog.Reason
	Cut    *engine.Cut

	table    *Table
	encoders int // that may work at the same time
	files    map[*engine.Block]File
	began    time.Time
}

// File is a sealed block.
type File struct {
	*spool.Sealed
	Group Group // of its key; not used for dead letters and in a redo
}

// File returns the file of a block of the cut.
func (s *Sealed) File(b *engine.Block) File { return s.files[b] }

// Keys returns the keys of the cut.
func (s *Sealed) Keys() Keys { return s.table.keys }

// store seals the blocks, has rd store and acknowledge them, and tells of it. The error is a *behindError when another
// writer was first.
func (s *Sealed) store(ctx context.Context, rd Reading) (err error) {
	defer func() { discard(s.table, s.files) }()
	if s.files, err = s.table.Seal(ctx, s.encoders); err != nil {
		return err
	}
	c, err := rd.Commit(ctx, s)
	if err != nil {
		return err
	}
	if c.Behind != nil {
		return &behindError{c.Behind}
	}
	c.Done.Took = time.Since(s.began)
	s.table.observer.Observe(c.Done)
	return nil
}

// discard frees what a cut holds in the spool.
func discard(t *Table, files map[*engine.Block]File) {
	for _, b := range t.blocks {
		if f, ok := files[b.Block]; ok {
			f.Discard()
		} else {
			b.buf.Discard()
		}
	}
}

// Seal makes every block immutable and returns the files of those that hold a message: blocks that kept their messages are
// encoded now, so many at a time. After an error, files and blocks are still to be discarded.
func (t *Table) Seal(ctx context.Context, encoders int) (map[*engine.Block]File, error) {
	files := make(map[*engine.Block]File, len(t.blocks))
	if err := t.encode(ctx, encoders); err != nil {
		return files, err
	}
	for _, b := range t.blocks {
		if b.Messages == 0 {
			b.buf.Discard()
			continue
		}
		sealed, err := b.buf.Seal()
		if err != nil {
			return files, fmt.Errorf("seal a block in %s: %w", b.Dir, err)
		}
		files[b.Block] = File{sealed, b.group}
	}
	for _, f := range files {
		if err := f.Wait(ctx); err != nil {
			return files, fmt.Errorf("seal a block: %w", err)
		}
	}
	return files, nil
}

// encode makes the rows of all blocks that kept their messages.
func (t *Table) encode(ctx context.Context, encoders int) error {
	var kept []*Block
	for _, b := range t.blocks {
		if b.keeps() {
			kept = append(kept, b)
		}
	}
	e := encoding{table: t}
	return parallel.Each(ctx, encoders, len(kept), func(ctx context.Context, i int) error { return e.block(ctx, kept[i]) })
}
