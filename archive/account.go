package archive

import (
	"context"

	"github.com/jetcapture/jetcapture/cutlog"
)

// Account is what the records say about a range of sequences, before any file is read.
type Account struct {
	Messages, Dead        uint64 // that Messages would yield, unless time or subject choose among them
	Skipped, Lost, Absent uint64 // sequences without a message
	First, Last           uint64 // the range; 0: nothing was stored of it
	Files                 int64
	Bytes                 int64  // of the files
	Incarnation           string // the newest life of the stream in the range
	Incarnations          int    // lives of the stream in the range
}

// Account counts what Messages with the same options would yield. The choice by subject, and that by time but for whole
// windows, need the files and do not count. Errors are those of Messages, but no file is looked at.
func (c *Capture) Account(ctx context.Context, o ReadOptions) (Account, error) {
	r := c.reader(o)
	var a Account
	err := r.eachLife(ctx, func(ctx context.Context, l life, through uint64) error {
		if through <= max(o.After, l.opening.From) {
			return nil
		}
		cuts := 0
		for cut, err := range r.cuts(ctx, l) {
			if err != nil {
				return err
			}
			if cut.Plan.From >= through {
				break
			}
			if err := a.add(r, cut, through); err != nil {
				return err
			}
			cuts++
		}
		if cuts > 0 {
			a.Incarnations++
			a.Incarnation = l.opening.Incarnation
		}
		return nil
	})
	return a, err
}

// add adds a cut.
func (a *Account) add(r *messageReader, cut Cut, through uint64) error {
	c := r.cutOf(cut, through)
	chosen := make([]bool, len(cut.Plan.Blocks))
	for i := range chosen {
		b := cut.block(i)
		if chosen[i] = c.wants(&b); !chosen[i] {
			continue
		}
		if _, _, err := c.kind(&b); err != nil {
			return err
		}
		a.Files++
		if b.Stored != nil {
			a.Bytes += b.Stored.Size
		}
	}
	for s := range cut.Plan.Spans() {
		first, last := max(s.First, c.after+1), min(s.Last, c.through)
		if first <= last {
			a.span(&cut, s, chosen, first, last)
		}
	}
	return nil
}

// span adds the sequences from first to last of a span.
func (a *Account) span(cut *Cut, s cutlog.Span, chosen []bool, first, last uint64) {
	if a.First == 0 {
		a.First = first
	}
	a.Last = last
	n := last - first + 1
	switch s.Fate {
	case cutlog.SpanAbsent:
		a.Absent += n
	case cutlog.SpanSkipped:
		a.Skipped += n
	case cutlog.SpanLost:
		a.Lost += n
	case cutlog.SpanBlock:
		a.block(cut, s.Index, chosen[s.Index], first, last)
	}
}

// block adds sequences of a block.
func (a *Account) block(cut *Cut, index int, chosen bool, first, last uint64) {
	b := cut.block(index)
	n, lost := last-first+1, uint64(0)
	for from, to := range b.Lost.Runs() {
		if from, to = max(from, first), min(to, last); from <= to {
			lost += to - from + 1
		}
	}
	a.Lost += lost
	switch {
	case !chosen:
	case b.Kind == cutlog.KindDead:
		a.Dead += n - lost
	default:
		a.Messages += n - lost
	}
}
