package main

import (
	"context"
	"strings"

	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/internal/reader"
)

// unionReport is a union for scripts: members are added, never renamed.
type unionReport struct {
	Type     string      `json:"type"` // union
	Stream   string      `json:"stream"`
	Filter   []string    `json:"filter,omitempty"`
	Parts    []unionPart `json:"parts"`
	Gaps     [][2]uint64 `json:"gaps"`
	Overlaps [][2]uint64 `json:"overlaps"`
}

// unionPart is the range of one capture.
type unionPart struct {
	Capture string `json:"capture"`
	First   uint64 `json:"first"`
	Last    uint64 `json:"last"`
}

// union prints how captures fit together, and returns how many problems there are: those with the same filter by their
// ranges, and those with different ones by each sequence.
func (v *verdict) union(
	ctx context.Context, a *archive.Archive, held func(stream string) *reader.Source,
) (problems int64, err error) {
	problems, err = v.unions(ctx, a)
	if err != nil {
		return problems, err
	}
	lanes, err := v.lanes(ctx, a, held)
	return problems + lanes, err
}

// unions prints how the captures of each stream fit together, and returns how many gaps and overlaps there are.
func (v *verdict) unions(ctx context.Context, a *archive.Archive) (problems int64, err error) {
	all, err := a.Unions(ctx)
	for _, u := range all {
		problems += int64(len(u.Gaps) + len(u.Overlaps))
		if v.asJSON {
			v.encode(reportUnion(u))
			continue
		}
		of := printable(u.Stream)
		if len(u.Filter) > 0 {
			of += " (" + printable(strings.Join(u.Filter, ", ")) + ")"
		}
		v.print("stream %s: sequences %s to %s in %s\n", of, thousands(int64(u.Parts[0].First)), thousands(int64(u.Last())),
			counted(int64(len(u.Parts)), "capture"))
		for _, s := range u.Gaps {
			v.print("problem: stream %s: no capture has the sequences %s\n", of, spanText(s))
		}
		for _, s := range u.Overlaps {
			v.print("problem: stream %s: two captures have the sequences %s\n", of, spanText(s))
		}
	}
	return problems, err
}

func reportUnion(u archive.Union) unionReport {
	r := unionReport{Type: "union", Stream: u.Stream, Filter: u.Filter, Gaps: [][2]uint64{}, Overlaps: [][2]uint64{}}
	for _, p := range u.Parts {
		r.Parts = append(r.Parts, unionPart{p.Capture, p.First, p.Last})
	}
	for _, s := range u.Gaps {
		r.Gaps = append(r.Gaps, [2]uint64{s.First, s.Last})
	}
	for _, s := range u.Overlaps {
		r.Overlaps = append(r.Overlaps, [2]uint64{s.First, s.Last})
	}
	return r
}

func spanText(s archive.Span) string {
	return thousands(int64(s.First)) + " to " + thousands(int64(s.Last))
}
