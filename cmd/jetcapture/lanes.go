package main

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/jetcapture/jetcapture/internal/fleet"
	"github.com/jetcapture/jetcapture/internal/wire"
)

// lanes are captures that split a stream by filters into one place: together they should take each message once.
type lanes struct {
	stream   string
	captures []*settings
}

// lanesOf finds lanes among captures. A capture of a range makes none of those of its stream and place. Neither do
// captures without a filter alone: they may be two formats.
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
		ranged := slices.ContainsFunc(same, func(s *settings) bool { return s.capture.library.Until > 0 })
		split := slices.ContainsFunc(same, func(s *settings) bool { return len(s.capture.library.FilterSubjects) > 0 })
		if len(same) > 1 && split && !ranged {
			found = append(found, lanes{at[0], same})
		}
	}
	return found
}

// overlaps says which two lanes take the same messages.
func (l lanes) overlaps() (notes []string) {
	for i, a := range l.captures {
		for _, b := range l.captures[i+1:] {
			for _, mine := range laneFilters(a) {
				for _, other := range laneFilters(b) {
					if wire.Overlap(mine, other) {
						notes = append(notes, fmt.Sprintf("stream %s: captures %s (%s) and %s (%s) take the same messages: "+
							"each is stored twice", l.stream, a.name, mine, b.name, other))
					}
				}
			}
		}
	}
	return notes
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

// warnOfLanes says where the filters of captures overlap, and what is between them. It does not know streams that
// captures reach by a connection of their own.
func warnOfLanes(ctx context.Context, f *fleet.Fleet, all []*settings, c console) {
	for _, l := range lanesOf(all) {
		notes := l.overlaps()
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
