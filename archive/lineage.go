package archive

import (
	"context"
	"iter"
	"slices"
	"time"
)

// lineage is what a capture accounts for of a stream as it was made at a time: an incarnation, and before it what that
// goes on from, up to where the stream was rolled back or restored. What the stream has lost there is not in it.
type lineage struct {
	created time.Time // the stream
	Span              // empty, with the end before the beginning, if there is no finished cut of it
	pieces  []piece   // the oldest first
}

// piece is the beginning of an incarnation.
type piece struct {
	firstCut, lastCut uint64
	through           uint64 // sequence
}

// lineages returns those of a capture, by the time when their streams were made known to it.
func (c *Capture) lineages(ctx context.Context) (all []lineage, err error) {
	lives, err := c.lives(ctx)
	if err != nil {
		return nil, unlessNoCut(err)
	}
	incarnations, err := c.incarnations(ctx, lives)
	if err != nil {
		return nil, err
	}
	for i, in := range incarnations {
		again := func(later Incarnation) bool { return later.Opening.Stream.Created.Equal(in.Opening.Stream.Created) }
		if slices.ContainsFunc(incarnations[i+1:], again) { // it was rolled back
			continue
		}
		one, err := c.lineage(ctx, lives, incarnations, i)
		if err != nil {
			return nil, err
		}
		if one.First <= one.Last {
			all = append(all, one)
		}
	}
	return all, nil
}

// lineage returns the one that ends with an incarnation.
func (c *Capture) lineage(ctx context.Context, lives []life, all []Incarnation, i int) (l lineage, err error) {
	newest := all[i].Newest
	l.created, l.Last = all[i].Opening.Stream.Created, all[i].Opening.From
	if newest.N > 0 {
		l.Last = newest.Plan.To
	}
	for through := l.Last; i >= 0; {
		l.First = all[i].Opening.From + 1
		if all[i].Newest.N > 0 {
			l.pieces = append(l.pieces, piece{all[i].Opening.N, all[i].Newest.N, through})
		}
		through = min(through, all[i].Opening.From)
		if i, err = c.continued(ctx, lives, i); err != nil {
			return l, err
		}
	}
	slices.Reverse(l.pieces)
	return l, nil
}

// spans yields what a lineage of the capture accounts for, in ascending order.
func (c *Capture) spans(ctx context.Context, l lineage) iter.Seq2[laneSpan, error] {
	return func(yield func(laneSpan, error) bool) {
		for _, p := range l.pieces {
			for s, err := range c.pieceSpans(ctx, p) {
				if !yield(s, err) || err != nil {
					return
				}
			}
		}
	}
}

// pieceSpans yields what a piece accounts for, in ascending order.
func (c *Capture) pieceSpans(ctx context.Context, p piece) iter.Seq2[laneSpan, error] {
	return func(yield func(laneSpan, error) bool) {
		for cut, err := range c.CutsFrom(ctx, p.firstCut) {
			if err != nil {
				yield(laneSpan{}, err)
				return
			}
			if cut.N > p.lastCut {
				return
			}
			for _, s := range planSpans(cut.Plan) {
				if s.First > p.through {
					return
				}
				s.Last = min(s.Last, p.through)
				if !yield(s, nil) {
					return
				}
			}
		}
	}
}
