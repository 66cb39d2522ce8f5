package archive

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"
)

// Union is what captures of one stream, in one life of it and with the same filter, hold together. Of a stream that was
// rolled back, what it has lost is left out; with one that was restored goes what came before.
type Union struct {
	Stream   string
	Created  time.Time // the stream
	Filter   []string  // empty: the whole stream
	Parts    []Part    // by their first sequence
	Gaps     []Span    // sequences between the parts that none of them has
	Overlaps []Span    // sequences that two parts have
}

// Part is what one capture accounts for.
type Part struct {
	Capture string
	Span
}

// Span is a range of stream sequences, both ends included.
type Span struct{ First, Last uint64 }

// Unions returns what the captures of the archive hold together, in the order of streams. It reads the ends of their
// logs only; Verify proves that each capture has what it says. Captures without a finished cut are left out.
func (a *Archive) Unions(ctx context.Context) ([]Union, error) {
	var all []Union
	err := a.parts(ctx, func(stream string, p LanePart) {
		u := Union{Stream: stream, Created: p.lineage.created, Filter: p.Filter}
		i := slices.IndexFunc(all, u.same)
		if i < 0 {
			i, all = len(all), append(all, u)
		}
		all[i].Parts = append(all[i].Parts, p.Part)
	})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(all, func(a, b Union) int {
		return cmp.Or(cmp.Compare(a.Stream, b.Stream), a.Created.Compare(b.Created), slices.Compare(a.Filter, b.Filter))
	})
	for i := range all {
		all[i].compare()
	}
	return all, nil
}

// parts calls add with what each capture accounts for in each life of its stream. Captures without a finished cut are
// left out.
func (a *Archive) parts(ctx context.Context, add func(stream string, p LanePart)) error {
	for capture, err := range a.Captures(ctx) {
		if err != nil {
			return err
		}
		format, err := capture.Format(ctx)
		if err != nil {
			return err
		}
		lineages, err := capture.lineages(ctx)
		if err != nil {
			return err
		}
		for _, l := range lineages {
			part := Part{capture.Name(), l.Span}
			add(format.Stream, LanePart{Part: part, Filter: format.Filter, capture: capture, lineage: l})
		}
	}
	return nil
}

// Last is the last sequence that a part has.
func (u Union) Last() (last uint64) {
	for _, p := range u.Parts {
		last = max(last, p.Last)
	}
	return last
}

// same reports whether two unions are about the same messages.
func (u Union) same(other Union) bool {
	return u.Stream == other.Stream && u.Created.Equal(other.Created) && slices.Equal(u.Filter, other.Filter)
}

// compare finds gaps and overlaps.
func (u *Union) compare() {
	slices.SortFunc(u.Parts, func(a, b Part) int {
		return cmp.Or(cmp.Compare(a.First, b.First), cmp.Compare(a.Last, b.Last), strings.Compare(a.Capture, b.Capture))
	})
	through := u.Parts[0].First - 1
	for _, p := range u.Parts {
		if p.First > through+1 {
			u.Gaps = append(u.Gaps, Span{through + 1, p.First - 1})
		}
		if p.First <= through {
			u.Overlaps = append(u.Overlaps, Span{p.First, min(p.Last, through)})
		}
		through = max(through, p.Last)
	}
}
