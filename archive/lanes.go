package archive

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
)

// Lanes are captures of one stream, in one life of it, that have not all the same filter. They are compared sequence by
// sequence, up to where the captures of each filter have come.
//
// The logs of captures with filters do not tell a message that no filter takes from one that the stream never had. Both
// are in None.
type Lanes struct {
	Stream  string
	Created time.Time // the stream
	Parts   []LanePart
	Through uint64 // the last sequence that was compared
	Twice   Spans  // sequences that two captures have
	None    Spans  // those that no capture has, and that none without a filter knows to be absent
}

// LanePart is what one capture accounts for of the messages that pass its filter.
type LanePart struct {
	Part
	Filter []string // empty: the whole stream

	capture           *Capture
	firstCut, lastCut uint64
}

// Spans are ranges of sequences.
type Spans struct {
	Sequences uint64 // in all of them
	Some      []Span // the first of them, up to 1,000
}

// add adds a range behind the others.
func (s *Spans) add(first, last uint64) {
	const most = 1000
	s.Sequences += last - first + 1
	switch n := len(s.Some); {
	case n > 0 && s.Some[n-1].Last == first-1:
		s.Some[n-1].Last = last
	case n < most:
		s.Some = append(s.Some, Span{first, last})
	}
}

// Lanes compares the captures that have split a stream by subjects, in the order of streams. It reads their logs;
// Verify proves that each capture has what it says.
func (a *Archive) Lanes(ctx context.Context) (all []Lanes, err error) {
	for capture, err := range a.Captures(ctx) {
		if err != nil {
			return nil, err
		}
		if all, err = addLanes(ctx, all, capture); err != nil {
			return nil, err
		}
	}
	all = slices.DeleteFunc(all, func(l Lanes) bool {
		other := func(p LanePart) bool { return !slices.Equal(p.Filter, l.Parts[0].Filter) }
		return !slices.ContainsFunc(l.Parts, other)
	})
	slices.SortStableFunc(all, func(a, b Lanes) int {
		return cmp.Or(cmp.Compare(a.Stream, b.Stream), a.Created.Compare(b.Created))
	})
	for i := range all {
		if err := all[i].compare(ctx); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// addLanes adds the parts of a capture to those of its streams.
func addLanes(ctx context.Context, all []Lanes, capture *Capture) ([]Lanes, error) {
	format, err := capture.Format(ctx)
	if err != nil {
		return nil, err
	}
	lives, err := capture.Incarnations(ctx)
	if err != nil {
		return nil, err
	}
	for _, l := range lives {
		if l.Newest.N == 0 || l.Newest.Plan.To == l.Opening.From {
			continue
		}
		part := LanePart{
			Part:    Part{capture.Name(), Span{l.Opening.From + 1, l.Newest.Plan.To}},
			Filter:  format.Filter,
			capture: capture, firstCut: l.Opening.N, lastCut: l.Newest.N,
		}
		created := l.Opening.Stream.Created
		same := func(l Lanes) bool { return l.Stream == format.Stream && l.Created.Equal(created) }
		if i := slices.IndexFunc(all, same); i >= 0 {
			all[i].Parts = append(all[i].Parts, part)
		} else {
			all = append(all, Lanes{Stream: format.Stream, Created: created, Parts: []LanePart{part}})
		}
	}
	return all, nil
}

// compare walks through the sequences of all parts.
func (l *Lanes) compare(ctx context.Context) error {
	slices.SortStableFunc(l.Parts, func(a, b LanePart) int { return cmp.Compare(a.First, b.First) })
	l.Through = l.reached()
	lanes := make([]*laneCursor, len(l.Parts))
	for i := range l.Parts {
		next, stop := iter.Pull2(l.Parts[i].spans(ctx))
		defer stop()
		lanes[i] = &laneCursor{part: &l.Parts[i], next: next}
	}
	for at := l.Parts[0].First; at <= l.Through; {
		end := l.Through // of the sequences that all are judged alike
		var have []*laneCursor
		for _, c := range lanes {
			if err := c.seek(at); err != nil {
				return err
			}
			switch {
			case c.ended || c.span.First > end:
			case c.span.First > at:
				end = c.span.First - 1
			default:
				have, end = append(have, c), min(end, c.span.Last)
			}
		}
		switch {
		case len(have) == 0:
			l.addNone(at, end)
		case isTwice(have):
			l.Twice.add(at, end)
		}
		at = end + 1
	}
	return nil
}

// reached is how far the captures of each filter have come.
func (l *Lanes) reached() uint64 {
	var filters [][]string
	var last []uint64
	for _, p := range l.Parts {
		i := slices.IndexFunc(filters, func(f []string) bool { return slices.Equal(f, p.Filter) })
		if i < 0 {
			filters, last = append(filters, p.Filter), append(last, p.Last)
		} else {
			last[i] = max(last[i], p.Last)
		}
	}
	return slices.Min(last)
}

// addNone adds sequences that no capture has, but for those that a capture of the whole stream has passed over.
func (l *Lanes) addNone(first, last uint64) {
	for _, p := range l.Parts {
		if len(p.Filter) > 0 || p.First > last || p.Last < first {
			continue
		}
		if first < p.First {
			l.addNone(first, p.First-1)
		}
		if last > p.Last {
			l.addNone(p.Last+1, last)
		}
		return
	}
	l.None.add(first, last)
}

// isTwice reports whether two captures have stored the same sequences. One that has lost them may not have been meant:
// of a message that is gone nobody knows the subject.
func isTwice(have []*laneCursor) bool {
	var first *laneCursor
	for _, c := range have {
		switch {
		case c.span.lost:
		case first == nil:
			first = c
		case first.part.Capture != c.part.Capture:
			return true
		}
	}
	return false
}

// laneSpan is a range that a capture accounts for.
type laneSpan struct {
	Span
	lost bool
}

// laneCursor walks through what a part accounts for.
type laneCursor struct {
	part  *LanePart
	next  func() (laneSpan, error, bool)
	span  laneSpan
	ended bool
}

// seek goes to the range that ends at a sequence or behind it.
func (c *laneCursor) seek(at uint64) error {
	for !c.ended && c.span.Last < at {
		span, err, ok := c.next()
		if err != nil {
			return err
		}
		c.span, c.ended = span, !ok
	}
	return nil
}

// spans yields what the part accounts for, in ascending order.
func (p *LanePart) spans(ctx context.Context) iter.Seq2[laneSpan, error] {
	return func(yield func(laneSpan, error) bool) {
		for cut, err := range p.capture.CutsFrom(ctx, p.firstCut) {
			if err != nil {
				yield(laneSpan{}, err)
				return
			}
			if cut.N > p.lastCut {
				return
			}
			for _, s := range planSpans(cut.Plan) {
				if !yield(s, nil) {
					return
				}
			}
		}
	}
}

// planSpans are the ranges that a plan accounts for, in ascending order.
func planSpans(p *cutlog.Plan) (all []laneSpan) {
	add := func(set cutlog.SeqSet, lost bool) {
		for first, last := range set.Runs() {
			all = append(all, laneSpan{Span{first, last}, lost})
		}
	}
	for i := range p.Blocks {
		add(p.Blocks[i].Seqs, false)
	}
	add(p.Skipped, false)
	for _, l := range p.Lost {
		add(l.Seqs, true)
	}
	slices.SortFunc(all, func(a, b laneSpan) int { return cmp.Compare(a.First, b.First) })
	return all
}
