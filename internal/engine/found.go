package engine

import (
	"context"
	"fmt"

	"github.com/jetcapture/jetcapture/cutlog"
)

// CheckFound checks a file that stands under the name of block i of the head's plan. rows is how many rows it has, -1
// if its format does not tell; damage is why it cannot be read to its end, or nil. A file of that name was put under
// this plan, by us or by another writer. So it must hold the planned rows, less the messages that were recorded as
// lost before it was put; if it does not, the error is a *cutlog.CorruptError. Several goroutines may call it.
func (w *Writer) CheckFound(ctx context.Context, i int, rows int64, damage error) error {
	p := w.Head.Plan
	b := &p.Blocks[i]
	wrong := damage
	if wrong == nil && rows >= 0 && rows != b.Rows {
		lost, err := w.lostNow(ctx, i)
		if err != nil {
			return err
		}
		wrong = checkRows(rows, b, lost)
	}
	if wrong == nil {
		return nil
	}
	return &cutlog.CorruptError{
		Object: b.Path(), Expected: fmt.Sprintf("the file that plan %d promised", p.N), Found: wrong.Error(),
		Advice: "find out who put it; when it is of no use, delete it, and the cut is finished at the next start",
	}
}

// lostNow returns what the log by now says is lost of block i of the head's cut. It must be asked after the file was
// seen: a lost record comes before the first file that lacks what it lists.
func (w *Writer) lostNow(ctx context.Context, i int) (cutlog.SeqSet, error) {
	h, err := w.Log.At(ctx, w.Head.N)
	if err != nil || h.Lost == nil {
		return cutlog.SeqSet{}, err
	}
	for _, b := range h.Lost.Blocks {
		if b.Block == i {
			return b.Seqs, nil
		}
	}
	return cutlog.SeqSet{}, nil
}

// checkRows compares the rows of a file with those of a block that has lost messages. The file may still hold them: a
// paused writer that had read them may have been the first to store it.
func checkRows(rows int64, b *cutlog.Block, lost cutlog.SeqSet) error {
	least := b.Rows
	if n := int64(lost.Count()); n > 0 && b.Rows == b.Messages {
		least -= n
	} else if n > 0 {
		least = 0 // how many rows a message has is not known
	}
	if rows < least || rows > b.Rows {
		return fmt.Errorf("%d rows, %d were planned, of which at most %d are lost", rows, b.Rows, b.Rows-least)
	}
	return nil
}

// NewRemade is block i of p as a redo has made it: have are the messages that went into its rows. The Content is the
// caller's to add, unless it is Empty. A block that has all its messages must have the planned rows, or today's
// writer is not the one that planned it.
func NewRemade(p *cutlog.Plan, i int, have cutlog.SeqSet, rows int64) (Remade, error) {
	b := &p.Blocks[i]
	m := Remade{Block: i, Lost: b.Seqs.Minus(have), Empty: have.Empty()}
	if m.Lost.Empty() && rows != b.Rows {
		return m, fmt.Errorf("cut %d, block %s: the writer makes %d rows, %d were planned: "+
			"it is not the writer that planned it", p.N, b.Path(), rows, b.Rows)
	}
	return m, nil
}
