package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/internal/fleet"
	"github.com/jetcapture/jetcapture/internal/wire"
)

// lanes are captures that split a stream by filters or ranges into one place: together they should take each message
// once.
type lanes struct {
	stream   string
	captures []*settings
}

// lanesOf finds lanes among captures. Those of which none has a filter or a range are none: they may be two formats.
func lanesOf(all []*settings) (found []lanes) {
	byPlace := map[[2]string][]*settings{}
	for _, s := range all {
		if s.isPattern() {
			continue
		}
		at := [2]string{s.capture.library.NATSStreamName, s.capture.output}
		byPlace[at] = append(byPlace[at], s)
	}
	inOrder := func(a, b [2]string) int { return slices.Compare(a[:], b[:]) }
	for _, at := range slices.SortedFunc(maps.Keys(byPlace), inOrder) {
		same := byPlace[at]
		split := slices.ContainsFunc(same, func(s *settings) bool {
			return len(s.capture.library.FilterSubjects) > 0 || s.capture.library.Until > 0
		})
		if len(same) > 1 && split {
			found = append(found, lanes{at[0], same})
		}
	}
	return found
}

// overlaps says which two lanes take the same messages.
func (l lanes) overlaps() (notes []string) {
	for i, a := range l.captures {
		for _, b := range l.captures[i+1:] {
			first, last := max(laneRange(a).First, laneRange(b).First), min(laneRange(a).Last, laneRange(b).Last)
			if first > last {
				continue
			}
			what := "the same messages"
			if a.capture.library.Until > 0 || b.capture.library.Until > 0 {
				what = fmt.Sprintf("the same messages, of the sequences %s to %s", thousands(int64(first)), thousands(int64(last)))
			}
			for _, mine := range laneFilters(a) {
				for _, other := range laneFilters(b) {
					if wire.Overlap(mine, other) {
						notes = append(notes, fmt.Sprintf("stream %s: captures %s%s and %s%s take %s: each is stored twice",
							l.stream, a.name, l.inBrackets(mine), b.name, l.inBrackets(other), what))
					}
				}
			}
		}
	}
	return notes
}

// laneRange are the sequences of a capture, as far as its options say. One that begins at a time may begin anywhere.
func laneRange(s *settings) archive.Span {
	span := archive.Span{First: max(s.capture.library.Start.Seq, 1), Last: s.capture.library.Until}
	if span.Last == 0 {
		span.Last = math.MaxInt64
	}
	return span
}

// gaps says which sequences are between the ranges of captures with the same filters.
func (l lanes) gaps() (notes []string) {
	byFilter := map[string][]archive.Span{}
	for _, s := range l.captures {
		filter := strings.Join(laneFilters(s), " ")
		byFilter[filter] = append(byFilter[filter], laneRange(s))
	}
	for _, filter := range slices.Sorted(maps.Keys(byFilter)) {
		spans := byFilter[filter]
		slices.SortFunc(spans, func(a, b archive.Span) int { return cmp.Compare(a.First, b.First) })
		through := spans[0].Last
		for _, s := range spans[1:] {
			if s.First > through+1 {
				notes = append(notes, fmt.Sprintf("stream %s: no capture%s takes the sequences %s", l.stream, l.inBrackets(filter),
					spanText(archive.Span{First: through + 1, Last: s.First - 1})))
			}
			through = max(through, s.Last)
		}
	}
	return notes
}

// inBrackets is a filter as it stands behind the name of a capture; empty if no capture has one.
func (l lanes) inBrackets(filter string) string {
	filtered := func(s *settings) bool { return len(s.capture.library.FilterSubjects) > 0 }
	if !slices.ContainsFunc(l.captures, filtered) {
		return ""
	}
	return " (" + filter + ")"
}

// laneFilters are those of a capture; without one it takes all subjects.
func laneFilters(s *settings) []string {
	if filters := s.capture.library.FilterSubjects; len(filters) > 0 {
		return filters
	}
	return []string{">"}
}

// filters are those of all lanes.
func (l lanes) filters() (all []string) {
	for _, s := range l.captures {
		all = append(all, laneFilters(s)...)
	}
	return all
}

// between says what of a stream no lane takes. held is how many messages of each subject the stream holds.
func (l lanes) between(held map[string]uint64) string {
	var subjects []string
	var messages uint64
	for subject, n := range held {
		if !slices.ContainsFunc(l.filters(), func(f string) bool { return wire.Matches(f, subject) }) {
			subjects, messages = append(subjects, subject), messages+n
		}
	}
	if len(subjects) == 0 {
		return ""
	}
	return fmt.Sprintf("stream %s: no capture takes %s of %s, such as %s", l.stream, counted(int64(messages), "message"),
		counted(int64(len(subjects)), "subject"), printable(slices.Min(subjects)))
}

// warnOfLanes says where captures overlap, and what is between them. It does not know streams that captures reach by a
// connection of their own.
func warnOfLanes(ctx context.Context, f *fleet.Fleet, all []*settings, c console) {
	for _, l := range lanesOf(all) {
		notes := append(l.overlaps(), l.gaps()...)
		if _, held, err := f.Subjects(ctx, l.stream); err != nil {
			notes = append(notes, fmt.Sprintf("stream %s: whether the captures take all of it is not known: %v", l.stream, err))
		} else if note := l.between(held); note != "" {
			notes = append(notes, note)
		}
		for _, note := range notes {
			say(c.stderr, "jetcapture: warning: %s\n", note)
		}
	}
}
