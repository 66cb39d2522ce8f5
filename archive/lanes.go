package archive

import (
	"cmp"
	"context"
	"iter"
	"math"
	"slices"
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/wire"
)

// Lanes are the captures of one stream, in one life of it, if not all have the same filter. They are compared sequence
// by sequence. A capture behind whose end another one begins was followed by that one. The others may still go on, and
// what they have not reached yet is not missing.
//
// The logs of captures with filters do not tell a message that no filter takes from one that the stream never had. Both
// are in None.
type Lanes struct {
	Stream  string
	Created time.Time // the stream
	Parts   []LanePart
	Through uint64 // up to where the captures of each filter have come, but for those that were followed
	Twice   Spans  // sequences that two captures have
	None    Spans  // those up to Through that no capture has, and that none without a filter knows to be absent
}

// LanePart is what one capture accounts for of the messages that pass its filter.
type LanePart struct {
	Part
	Filter []string // empty: the whole stream

	capture *Capture
	lineage lineage
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
	err = a.parts(ctx, func(stream string, p LanePart) {
		same := func(l Lanes) bool { return l.Stream == stream && l.Created.Equal(p.lineage.created) }
		i := slices.IndexFunc(all, same)
		if i < 0 {
			i, all = len(all), append(all, Lanes{Stream: stream, Created: p.lineage.created})
		}
		all[i].Parts = append(all[i].Parts, p)
	})
	if err != nil {
		return nil, err
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

// compare walks through the sequences of all parts.
func (l *Lanes) compare(ctx context.Context) error {
	slices.SortStableFunc(l.Parts, func(a, b LanePart) int { return cmp.Compare(a.First, b.First) })
	l.Through = l.reached()
	return l.walk(ctx, func(s Span, have []*laneCursor) bool {
		if isTwice(have) {
			l.Twice.add(s.First, s.Last)
		}
		if s.Last = min(s.Last, l.Through); len(have) == 0 && s.First <= s.Last {
			l.passedOver(s, func(s Span) bool {
				l.None.add(s.First, s.Last)
				return true
			})
		}
		return true
	})
}

// EachNone yields the ranges that no capture has, as None, also behind Through. It reads the logs again.
func (l *Lanes) EachNone(ctx context.Context) iter.Seq2[Span, error] {
	return func(yield func(Span, error) bool) {
		err := l.walk(ctx, func(s Span, have []*laneCursor) bool {
			return len(have) > 0 || l.passedOver(s, func(s Span) bool { return yield(s, nil) })
		})
		if err != nil {
			yield(Span{}, err)
		}
	}
}

// Awaits reports whether a message that no capture has may still come into one. Such a capture takes its subject, has
// not reached it, and was not followed by another capture that takes the subject.
func (l *Lanes) Awaits(seq uint64, subject string) bool {
	takes := func(p LanePart) bool {
		matches := func(filter string) bool { return wire.Matches(filter, subject) }
		return len(p.Filter) == 0 || slices.ContainsFunc(p.Filter, matches)
	}
	return slices.ContainsFunc(l.Parts, func(p LanePart) bool {
		follows := func(other LanePart) bool { return other.First > p.Last && takes(other) }
		return p.Last < seq && takes(p) && !slices.ContainsFunc(l.Parts, follows)
	})
}

// Last is the last sequence that a part has.
func (l *Lanes) Last() (last uint64) {
	for _, p := range l.Parts {
		last = max(last, p.Last)
	}
	return last
}

// walk visits the sequences of all parts in ascending order, as ranges which the same parts have. visit returns false
// to end it.
func (l *Lanes) walk(ctx context.Context, visit func(s Span, have []*laneCursor) bool) error {
	lanes, last := make([]*laneCursor, len(l.Parts)), l.Last()
	for i := range l.Parts {
		p := &l.Parts[i]
		next, stop := iter.Pull2(p.capture.spans(ctx, p.lineage))
		defer stop()
		lanes[i] = &laneCursor{part: p, next: next}
	}
	for at := l.Parts[0].First; at <= last; {
		end := last // of the sequences that all are judged alike
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
		if !visit(Span{at, end}, have) {
			return nil
		}
		at = end + 1
	}
	return nil
}

// reached is how far the captures of each filter have come, but for filters that were followed by others.
func (l *Lanes) reached() uint64 {
	var filters []LanePart // of each filter, the part that has come farthest
	for _, p := range l.Parts {
		i := slices.IndexFunc(filters, p.sameFilter)
		switch {
		case i < 0:
			filters = append(filters, p)
		case p.Last > filters[i].Last:
			filters[i] = p
		}
	}
	reached := uint64(math.MaxUint64) // the farthest of all is followed by none
	for _, f := range filters {
		follows := func(p LanePart) bool { return p.First > f.Last }
		if !slices.ContainsFunc(l.Parts, follows) {
			reached = min(reached, f.Last)
		}
	}
	return reached
}

func (p LanePart) sameFilter(other LanePart) bool { return slices.Equal(p.Filter, other.Filter) }

// passedOver yields those of the sequences, which no capture has, that are in the range of no capture without a filter:
// such a one knows that the stream did not have them. It returns false if yield does.
func (l *Lanes) passedOver(s Span, yield func(s Span) bool) bool {
	for _, p := range l.Parts {
		if len(p.Filter) > 0 || p.First > s.Last || p.Last < s.First {
			continue
		}
		return (s.First >= p.First || l.passedOver(Span{s.First, p.First - 1}, yield)) &&
			(s.Last <= p.Last || l.passedOver(Span{p.Last + 1, s.Last}, yield))
	}
	return yield(s)
}

// isTwice reports whether two captures have stored the same sequences. Lost ones do not count: nobody knows the subject
// of a message that is gone, so it may not have passed the filter.
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
