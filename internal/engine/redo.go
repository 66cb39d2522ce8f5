package engine

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/jetcapture/jetcapture/cutlog"
)

// Content is a file that was made and not yet stored.
type Content any

// Remade is a file that a redo made of what the stream still has.
type Remade struct {
	Block   int // index in the plan
	Content Content
	Lost    cutlog.SeqSet // planned messages that the stream does not have any more; not in Content
	Empty   bool          // all are lost: there is no file
}

// Redoer does for a redo what only the running capture can.
type Redoer interface {
	// Find looks for the file of block i of p. If it is there, it must decompress and hold the planned rows, less those of lost at most.
	Find(ctx context.Context, p *cutlog.Plan, i int, lost cutlog.SeqSet) (f cutlog.File, ok bool, err error)
	// Remake reads the range of p again and makes the blocks, grouped by the plan. It calls done for each, in any order.
	Remake(ctx context.Context, p *cutlog.Plan, blocks []int, done func(Remade) error) error
	// Put stores the file of block i of p and returns what is there then.
	Put(ctx context.Context, p *cutlog.Plan, i int, c Content) (cutlog.File, error)
}

// Finish carries out the head's plan when it has no done record yet. Files that are as planned are stored as soon as they are made; those
// that lack lost messages only when all losses are known and in the lost record. With gone, the stream is not the plan's any more: nothing
// is read from it, and what was not stored is lost.
func (w *Writer) Finish(ctx context.Context, r Redoer, gone bool) error {
	p := w.Head.Plan
	if p == nil || w.Head.Done != nil {
		return nil
	}
	w.At(BeforeRedo)
	files := make([]cutlog.File, len(p.Blocks))
	missing, err := w.find(ctx, r, files)
	if err != nil {
		return err
	}
	var held []Remade
	put := func(m Remade) error {
		files[m.Block], err = r.Put(ctx, p, m.Block, m.Content)
		w.At(AfterFile)
		return err
	}
	keep := func(m Remade) error {
		if !m.Lost.Empty() {
			held = append(held, m)
			return nil
		}
		return put(m)
	}
	if gone {
		for _, i := range missing {
			held = append(held, Remade{Block: i, Lost: p.Blocks[i].Seqs, Empty: true})
		}
	} else if len(missing) > 0 {
		if err := r.Remake(ctx, p, missing, keep); err != nil {
			return fmt.Errorf("redo cut %d of capture %s: %w", p.N, w.Capture, err)
		}
	}
	if err := w.lose(ctx, held); err != nil {
		return err
	}
	for _, m := range held {
		if m.Empty {
			files[m.Block] = cutlog.File{Missing: true}
		} else if err := put(m); err != nil {
			return err
		}
	}
	w.At(AfterFiles)
	return w.Done(ctx, files)
}

// find fills files with those that are there, and returns the blocks whose files are not.
func (w *Writer) find(ctx context.Context, r Redoer, files []cutlog.File) (missing []int, err error) {
	for i := range w.Head.Plan.Blocks {
		f, ok, err := r.Find(ctx, w.Head.Plan, i, w.Lost(i))
		switch {
		case err != nil:
			return nil, fmt.Errorf("redo cut %d of capture %s: %w", w.Head.N, w.Capture, err)
		case ok:
			files[i] = f
		default:
			missing = append(missing, i)
		}
	}
	return missing, nil
}

// Lost returns what the lost record says of block i.
func (w *Writer) Lost(i int) cutlog.SeqSet {
	if w.Head.Lost != nil {
		for _, b := range w.Head.Lost.Blocks {
			if b.Block == i {
				return b.Seqs
			}
		}
	}
	return cutlog.SeqSet{}
}

// lose puts a lost record, before the first file that is not as planned, unless the one that is there says all. When another writer's won, or the
// stream has dropped more since an earlier one, the next has all of both.
func (w *Writer) lose(ctx context.Context, held []Remade) error {
	for {
		l := w.allLost(held)
		if l == nil {
			return nil
		}
		rec, err := cutlog.EncodeLost(w.Capture, l)
		if err != nil {
			return fmt.Errorf("record what cut %d lost: %w", l.N, err)
		}
		won, err := w.put(ctx, rec)
		if err != nil {
			return err
		}
		w.At(AfterLost)
		if won {
			w.Head.Lost, w.Head.LostSum = l, rec.Sum
			return nil
		}
		n := w.Head.N
		if err := w.Refresh(ctx); err != nil {
			return err
		}
		if w.Head.N != n || w.Head.Done != nil {
			return ErrOvertaken
		}
	}
}

// allLost is the lost record that has to be put, or nil when the newest one covers what is held.
func (w *Writer) allLost(held []Remade) *cutlog.Lost {
	sets := map[int]cutlog.SeqSet{}
	k := uint64(1)
	if before := w.Head.Lost; before != nil {
		k = before.K + 1
		for _, b := range before.Blocks {
			sets[b.Block] = b.Seqs
		}
	}
	more := false
	for _, m := range held {
		if !m.Lost.Minus(sets[m.Block]).Empty() {
			more = true
			sets[m.Block] = sets[m.Block].Union(m.Lost)
		}
	}
	if !more {
		return nil
	}
	l := &cutlog.Lost{Version: cutlog.Version, N: w.Head.N, K: k, Plan: w.Head.PlanSum, Writer: w.Me}
	for _, i := range slices.Sorted(maps.Keys(sets)) {
		l.Blocks = append(l.Blocks, cutlog.LostBlock{Block: i, Seqs: sets[i]})
	}
	return l
}

// Assignment tells, in a redo, which block of a plan a message belongs to: by the plan, never by today's keys, limits or windows.
type Assignment struct {
	runs []run
	at   int
}

// Assign prepares the redo of the given blocks of p.
func Assign(p *cutlog.Plan, blocks []int) *Assignment {
	sets := make([]cutlog.SeqSet, len(blocks))
	for i, b := range blocks {
		sets[i] = p.Blocks[b].Seqs
	}
	a := &Assignment{runs: runs(sets...)}
	for i := range a.runs {
		a.runs[i].block = blocks[a.runs[i].block]
	}
	return a
}

// Block returns the block of the message with the stream sequence seq; the calls must ask in ascending order. It reports false for one that belongs to none of
// the blocks.
func (a *Assignment) Block(seq uint64) (int, bool) {
	for a.at < len(a.runs) && a.runs[a.at].last < seq {
		a.at++
	}
	if a.at == len(a.runs) || seq < a.runs[a.at].first {
		return 0, false
	}
	return a.runs[a.at].block, true
}
