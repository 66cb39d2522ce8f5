package capture

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/jetcapture/jetcapture/internal/spool"
)

// encoding makes the rows of blocks that kept their messages. Several goroutines encode, each one block at a time,
// which belongs to it meanwhile.
type encoding struct {
	mu    sync.Mutex // guards the cut and the list of blocks of table
	table *Table
}

// block writes the rows of a block. If some messages cannot be written, it writes the block again without them, until
// all that are left can be written: the writer may have held back rows that a failed Write has spoilt.
func (e *encoding) block(ctx context.Context, b *Block) error {
	kept, err := b.buf.Seal()
	if err != nil {
		return fmt.Errorf("seal a block in %s: %w", b.Dir, err)
	}
	defer kept.Discard()
	if err := kept.Wait(ctx); err != nil {
		return err
	}
	var poison cutlog.SeqSet
	for {
		bad, err := e.without(b, kept, poison)
		if err != nil || bad.Empty() {
			return err
		}
		poison = poison.Union(bad)
	}
}

// without writes the kept messages except those in poison into a new buffer of b. It returns the messages that cannot
// be written; if there are any, the buffer is dropped.
func (e *encoding) without(b *Block, kept *spool.Sealed, poison cutlog.SeqSet) (bad cutlog.SeqSet, err error) {
	in, err := kept.Plain()
	if err != nil {
		return bad, err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	k := e.table.Maker
	defer func() { _ = k.exclusive(b.finish) }() // does something only after an error, when the block is dropped
	if err := e.start(b); err != nil {
		return bad, err
	}
	it := Item{Batch: k.user.NewBatch()}
	var dead *Block // dead letters of this pass
	for from := (keptReader{bufio.NewReaderSize(in, 64<<10)}); ; {
		it.Message, err = from.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return bad, err
		}
		if poison.Contains(it.Message.Seq) {
			continue
		}
		if err := e.write(b, it); err != nil {
			bad.Add(it.Message.Seq)
			if dead, err = e.poison(b, dead, it.Message, err); err != nil {
				return bad, err
			}
		}
	}
	err = k.exclusive(b.finish)
	if !bad.Empty() {
		b.buf.Discard()
		return bad, nil // the file is dropped, so an error of Flush does not matter
	}
	return bad, err
}

// start begins the file of a block in a new buffer, with a new writer.
func (e *encoding) start(b *Block) error {
	k := e.table.Maker
	b.buf, b.Rows = k.spool.NewBuffer(k.codec), 0
	return k.exclusive(func() error {
		w, err := k.user.NewWriter()
		if err != nil {
			return err
		}
		b.fill = streaming{w}
		return b.start(w)
	})
}

// write decodes a kept message again and writes its rows. It counts no message in the cut, which was done when it was
// kept.
func (e *encoding) write(b *Block, it Item) error {
	k := e.table.Maker
	it.Batch.Reset(1)
	if err := k.decode(it.Batch, 0, it.Message); err != nil {
		return err
	}
	return k.exclusive(func() error {
		rows, err := b.write(it)
		b.Rows += int64(rows)
		b.commit()
		return err
	})
}

// poison takes a message out of its block and deals with it by the poison policy. Dead letters go to the block dead,
// which is opened if it is nil, and returned. The window's own block of dead letters will not do, since it may hold
// later messages already.
func (e *encoding) poison(b, dead *Block, m *reader.Message, cause error) (*Block, error) {
	t := e.table
	err := t.poisoned(m, cause)
	e.mu.Lock()
	defer e.mu.Unlock()
	one := cutlog.NewSeqSet(m.Seq)
	t.cut.Take(b.Block, one)
	switch t.cfg.Poison {
	case PoisonDeadLetter:
		if dead == nil {
			dead = t.openDead(t.deadBlock(b.Window))
		}
		return dead, unlessFull(t.AddLetter(dead, m, cause))
	case PoisonSkip:
		t.cut.Skipped = t.cut.Skipped.Union(one)
		t.observer.Observe(Skipped{Seq: m.Seq})
		return nil, nil
	}
	return nil, fmt.Errorf("poison message (policy fail): %w", err)
}
