package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/jetcapture/jetcapture/internal/doctor"
	"github.com/jetcapture/jetcapture/internal/fleet"
	"github.com/jetcapture/jetcapture/internal/natsconn"
	"github.com/jetcapture/jetcapture/internal/wire"
)

// examine examines captures that split a stream: whether two take the same messages, and what none takes.
func (l lanes) examine(ctx context.Context) []doctor.Check {
	e := lanesExam{lanes: l}
	for _, note := range l.overlaps() {
		e.add(doctor.Warning, note, "a message that two captures take is in two files",
			"give them filters or ranges that do not overlap")
	}
	for _, note := range l.gaps() {
		e.add(doctor.Warning, note, "what no range takes is in no capture",
			"give the range to a capture, unless it is not wanted")
	}
	s := l.captures[0]
	nc, prefix, err := natsconn.Connect(s.nats.named("jetcapture doctor"), slog.New(slog.DiscardHandler))
	if err != nil {
		e.add(doctor.Skipped, err.Error(), "the subjects of the stream are not known: see N1", "")
		return e.checks
	}
	defer nc.Close()
	f, err := fleet.New(nc, prefix, "") // it asks about any stream
	if err != nil {
		e.add(doctor.Skipped, err.Error(), "the subjects of the stream are not known", "")
		return e.checks
	}
	e.cover(ctx, f)
	if len(e.checks) == 0 {
		e.add(doctor.OK, fmt.Sprintf("the filters and ranges of %s overlap nowhere, and take all subjects of the stream",
			counted(int64(len(l.captures)), "capture")), "", "")
	}
	return e.checks
}

// lanesExam collects what is found of lanes.
type lanesExam struct {
	lanes
	checks []doctor.Check
}

func (e *lanesExam) add(state doctor.State, seen, why, mend string) {
	e.checks = append(e.checks, doctor.Check{Number: "N10", Name: "lanes", State: state, Seen: seen, Why: why, Mend: mend})
}

// cover looks for what no lane takes: of the messages that the stream holds, and of the subjects that it may store.
func (e *lanesExam) cover(ctx context.Context, f *fleet.Fleet) {
	cfg, held, err := f.Subjects(ctx, e.stream)
	if err != nil {
		e.add(doctor.Skipped, err.Error(), "whether the captures take all of the stream is not known", "")
		return
	}
	if note := e.between(held); note != "" {
		e.add(doctor.Warning, note, "what no filter takes is in no capture, and their logs do not tell",
			"a capture with a filter for the rest, unless it is not wanted")
		return
	}
	var open []string
	for _, subject := range storedSubjects(&cfg) {
		if !slices.ContainsFunc(e.filters(), func(filter string) bool { return wire.Covers(filter, subject) }) {
			open = append(open, subject)
		}
	}
	if len(open) > 0 {
		e.add(doctor.Note, "the captures take all that the stream holds; it may store "+strings.Join(open, ", ")+
			", which no single filter covers", "a message with a subject that is new may be in no capture", "")
	}
}
