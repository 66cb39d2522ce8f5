package engine

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
)

// Content is a file that was made and is not stored yet. Only Redoer.Put looks into it.
type Content any

// Remade is a file that a redo made from what the stream still has. See NewRemade.
type Remade struct {
	Block   int // index in the plan
	Content Content
	Lost    cutlog.SeqSet // planned messages that the stream no longer has, and Content lacks
	Empty   bool          // all are lost: there is no file
}

// Redoer makes and stores files. Each may call its other methods from several goroutines.
type Redoer interface {
	// Find looks for the file of block i of p. One that is there is read to its end and passed to Writer.CheckFound.
	Find(ctx context.Context, p *cutlog.Plan, i int) (f cutlog.File, ok bool, err error)
	// Remake reads the range of p again and makes the given blocks, grouped by the plan. It calls done for some of
	// them at a time, in any order and from its own goroutine.
	Remake(ctx context.Context, p *cutlog.Plan, blocks []int, done func([]Remade) error) error
	// Put stores c as the file of block i of p and returns the file that is there then: ours, or one that another
	// writer put under the same plan. c is not used again.
	Put(ctx context.Context, p *cutlog.Plan, i int, c Content) (cutlog.File, error)
	// Each calls f for 0 to n-1, perhaps several at a time. It returns the first error, when no call is running any more.
	Each(ctx context.Context, n int, f func(ctx context.Context, i int) error) error
}

// fromCopy is a Redoer that reads a cut from a restored copy of the stream that it was planned from.
type fromCopy struct {
	Redoer
	created time.Time // of the copy
}

// Remake implements Redoer.
func (r fromCopy) Remake(ctx context.Context, p *cutlog.Plan, blocks []int, done func([]Remade) error) error {
	same := *p
	same.Stream.Created = r.created
	return r.Redoer.Remake(ctx, &same, blocks, done)
}

// redo is the finishing of one cut.
type redo struct {
	*Writer
	Redoer
	plan  *cutlog.Plan
	files []cutlog.File
	held  []Remade // files that lack lost messages: not stored before the lost record is
}

// Finish carries out the head's plan if it has no done record yet. Files that are as planned are stored as soon as
// they are made. Those that lack lost messages are stored when all losses are known and in a lost record. With gone,
// the stream is no longer the plan's: nothing is read from it, and what was not stored is lost.
func (w *Writer) Finish(ctx context.Context, r Redoer, gone bool) error {
	p := w.Head.Plan
	if p == nil || w.Head.Done != nil {
		return nil
	}
	w.At(BeforeRedo)
	d := &redo{Writer: w, Redoer: r, plan: p, files: make([]cutlog.File, len(p.Blocks))}
	if err := d.remake(ctx, gone); err != nil {
		return fmt.Errorf("redo cut %d of capture %s: %w", p.N, w.Capture, err)
	}
	if err := w.lose(ctx, d.held); err != nil {
		return err
	}
	if err := d.put(ctx, d.held); err != nil {
		return err
	}
	w.At(AfterFiles)
	return w.finish(ctx, d.files)
}

// remake finds the files that are there, makes the others, and stores those that are as planned.
func (d *redo) remake(ctx context.Context, gone bool) error {
	missing, err := d.find(ctx)
	switch {
	case err != nil || len(missing) == 0:
		return err
	case gone:
		for _, i := range missing {
			d.held = append(d.held, Remade{Block: i, Lost: d.plan.Blocks[i].Seqs, Empty: true})
		}
		return nil
	}
	return d.Remake(ctx, d.plan, missing, func(made []Remade) error {
		var whole []Remade
		for _, m := range made {
			if m.Lost.Empty() {
				whole = append(whole, m)
			} else {
				d.held = append(d.held, m)
			}
		}
		return d.put(ctx, whole)
	})
}

// find notes the files that are there, and returns the blocks whose files are missing.
func (d *redo) find(ctx context.Context) (missing []int, err error) {
	found := make([]bool, len(d.files))
	err = d.Each(ctx, len(d.files), func(ctx context.Context, i int) (err error) {
		d.files[i], found[i], err = d.Find(ctx, d.plan, i)
		return err
	})
	for i, ok := range found {
		if !ok {
			missing = append(missing, i)
		}
	}
	return missing, err
}

// put stores files.
func (d *redo) put(ctx context.Context, made []Remade) error {
	return d.Each(ctx, len(made), func(ctx context.Context, n int) (err error) {
		m := made[n]
		if m.Empty {
			d.files[m.Block] = cutlog.File{Missing: true}
			return nil
		}
		d.files[m.Block], err = d.store(ctx, d.Redoer, d.plan, m.Block, m.Content)
		return err
	})
}

// lose puts a lost record, unless the newest one covers what is held. It comes before the first file that lacks
// messages. If there is an earlier record, also one that another writer puts at the same time, the next one contains
// it.
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

// allLost returns the lost record to be put, or nil if the newest one covers what is held.
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

// Assignment says to which block of a plan a message belongs. A redo groups by the plan, never by today's keys,
// limits or windows.
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

// Block returns the block of the message with the stream sequence seq, or false if it belongs to none of the blocks.
// The sequences of successive calls must ascend.
func (a *Assignment) Block(seq uint64) (int, bool) {
	for a.at < len(a.runs) && a.runs[a.at].last < seq {
		a.at++
	}
	if a.at == len(a.runs) || seq < a.runs[a.at].first {
		return 0, false
	}
	return a.runs[a.at].block, true
}
