package capture

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/engine"
	"github.com/jetcapture/jetcapture/internal/parallel"
	"github.com/jetcapture/jetcapture/internal/spool"
)

// Sealed is a cut on its way into the store. The goroutine that stores it owns it; while Reading.Commit stores files,
// several goroutines may read it.
type Sealed struct {
	Reason cutlog.Reason
	Cut    *engine.Cut

	table    *Table
	encoders int                    // blocks that may be encoded at the same time
	files    map[*engine.Block]File // of the blocks that hold a message
	began    time.Time
}

// File is the content of a sealed block. It cannot change.
type File struct {
	*spool.Sealed
	Keys  Keys  // in which the group is found; nil for dead letters
	Group Group // the group of its key
}

// File returns the file of a block of the cut.
func (s *Sealed) File(b *engine.Block) File { return s.files[b] }

// store seals the blocks, lets rd store and acknowledge them, and reports CutDone. The error is a *behindError when
// another writer was first. The files are discarded in any case.
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

// discard frees what the blocks of a table and their files hold in the spool.
func discard(t *Table, files map[*engine.Block]File) {
	for _, b := range t.blocks {
		if f, ok := files[b.Block]; ok {
			f.Discard()
		} else {
			b.buf.Discard()
		}
	}
}

// Seal makes every block immutable and returns the files of those that hold a message. Blocks that kept their messages
// are encoded now, up to encoders of them at the same time. After an error, the caller still has to discard files and
// blocks.
func (t *Table) Seal(ctx context.Context, encoders int) (map[*engine.Block]File, error) {
	files := make(map[*engine.Block]File, len(t.blocks))
	if err := t.encodeInTurn(ctx, encoders); err != nil {
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
		files[b.Block] = File{sealed, b.keys, b.group}
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

// encodeInTurn encodes what the blocks have kept. Where captures share memory, they take turns.
func (t *Table) encodeInTurn(ctx context.Context, encoders int) error {
	if t.cfg.Pool != nil && slices.ContainsFunc(t.blocks, (*Block).keeps) {
		done, err := t.cfg.Pool.Turn(ctx)
		if err != nil {
			return err
		}
		defer done()
	}
	return t.encode(ctx, encoders)
}
