package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/internal/reader"
)

// lanesReport is how captures split a stream by subjects, for scripts: members are added, never renamed.
type lanesReport struct {
	Type    string     `json:"type"` // lanes
	Stream  string     `json:"stream"`
	Parts   []lanePart `json:"parts"`
	Through uint64     `json:"through"`  // the last sequence that was compared
	Twice   laneSpans  `json:"overlaps"` // in two captures
	None    laneSpans  `json:"in_none"`  // no filter takes them, or the stream did not have them
	Held    []uint64   `json:"missing"`  // those that the stream holds and no capture has; null: it was not asked
	Asked   uint64     `json:"asked"`    // up to where it was asked
}

// lanePart is one capture.
type lanePart struct {
	unionPart
	Filter []string `json:"filter"`
}

// laneSpans are sequences, and the first of their ranges.
type laneSpans struct {
	Sequences uint64      `json:"sequences"`
	Some      [][2]uint64 `json:"ranges"`
}

// lanes prints how captures with different filters fit together, and returns how many problems there are. source is for
// asking a stream what it holds of the sequences that no capture has; nil: it is not asked.
func (v *verdict) lanes(
	ctx context.Context, a *archive.Archive, source func(stream string) *reader.Source,
) (problems int64, err error) {
	all, err := a.Lanes(ctx)
	if err != nil {
		return 0, err
	}
	for i := range all {
		l := &all[i]
		var missing heldMessages
		if source != nil {
			if missing, err = heldOf(ctx, source(l.Stream), l); err != nil {
				return problems, err
			}
		}
		problems += int64(len(l.Twice.Some) + len(missing.seqs))
		if v.asJSON {
			v.encode(reportLanes(l, missing))
		} else {
			v.printLanes(l, missing)
		}
	}
	return problems, nil
}

// The limits of what is looked for: messages that no capture has, and those that captures have not reached yet.
const (
	mostMissing = 1000
	mostAwaited = 20_000
)

// heldMessages are those that a stream holds and no capture has.
type heldMessages struct {
	seqs    []uint64 // nil: the stream was not asked
	through uint64   // up to where it was asked
}

// heldOf asks a stream what it holds that no capture has. Of a stream that was made again it returns none.
func heldOf(ctx context.Context, source *reader.Source, l *archive.Lanes) (held heldMessages, err error) {
	info, err := source.Info(ctx)
	held.seqs, held.through = []uint64{}, l.Through
	if errors.Is(err, reader.ErrStreamNotFound) || err == nil && !info.Created.Equal(l.Created) {
		return held, nil // Verify has said so
	}
	awaited, next := 0, uint64(0) // the stream holds nothing from the last range to next
	for span, err := range l.EachNone(ctx) {
		for err == nil && next <= span.Last && len(held.seqs) < mostMissing && awaited < mostAwaited {
			var m reader.StoredMessage
			if m, err = source.NextFor(ctx, max(span.First, next), ">"); err != nil {
				break
			}
			switch next = m.Seq + 1; {
			case m.Seq > span.Last:
				next = m.Seq
			case l.Awaits(m.Seq, m.Subject):
				awaited++
			default:
				held.seqs = append(held.seqs, m.Seq)
			}
		}
		switch {
		case errors.Is(err, reader.ErrMessageNotFound): // nor behind it
			held.through = l.Last()
			return held, nil
		case err != nil:
			return held, fmt.Errorf("look for what no capture of stream %s has: %w", l.Stream, err)
		case next <= span.Last:
			held.through = next - 1
			return held, nil
		}
	}
	held.through = l.Last()
	return held, nil
}

// printLanes prints captures with different filters for people.
func (v *verdict) printLanes(l *archive.Lanes, missing heldMessages) {
	stream, names := printable(l.Stream), []string{}
	for _, p := range l.Parts {
		names = append(names, printable(p.Capture)+" ("+printable(filterText(p.Filter))+")")
	}
	v.print("stream %s by subject: sequences %s in %s\n", stream,
		spanText(archive.Span{First: l.Parts[0].First, Last: max(l.Through, missing.through)}), strings.Join(names, ", "))
	for _, s := range l.Twice.Some {
		v.print("problem: stream %s: two captures have the sequences %s\n", stream, spanText(s))
	}
	for _, seq := range missing.seqs {
		v.print("problem: stream %s: no capture has the sequence %s, which the stream holds\n", stream, thousands(int64(seq)))
	}
	asked := missing.seqs != nil
	if asked && missing.through < l.Last() {
		v.notes++
		v.print("note: stream %s: what it holds behind sequence %s was not looked for in the captures: there are too many "+
			"messages that no capture has yet\n", stream, thousands(int64(missing.through)))
	}
	if l.None.Sequences == 0 || len(missing.seqs) > 0 {
		return
	}
	why := "no filter takes them, or the stream did not have them; --against-stream asks it"
	if asked {
		why = "the stream does not hold them now"
	}
	v.notes++
	v.print("note: stream %s: no capture has %s, the first are %s: %s\n", stream,
		counted(int64(l.None.Sequences), "sequence"), spanText(l.None.Some[0]), why)
}

func filterText(filter []string) string {
	if len(filter) == 0 {
		return ">"
	}
	return strings.Join(filter, ", ")
}

func reportLanes(l *archive.Lanes, missing heldMessages) lanesReport {
	r := lanesReport{Type: "lanes", Stream: l.Stream, Through: l.Through, Held: missing.seqs, Asked: missing.through}
	for _, p := range l.Parts {
		r.Parts = append(r.Parts, lanePart{unionPart{p.Capture, p.First, p.Last}, p.Filter})
	}
	r.Twice, r.None = reportSpans(l.Twice), reportSpans(l.None)
	return r
}

func reportSpans(s archive.Spans) laneSpans {
	r := laneSpans{s.Sequences, [][2]uint64{}}
	for _, one := range s.Some {
		r.Some = append(r.Some, [2]uint64{one.First, one.Last})
	}
	return r
}
