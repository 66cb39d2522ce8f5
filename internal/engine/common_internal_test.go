package engine

import (
	"testing"

	"github.com/jetcapture/jetcapture/cutlog"
)

// Seed 10021540 of the simulation: a consumer gave the messages 3 to 5 to another process, and the stream was rolled
// back before this one could notice. Its cut says that nobody knows them, so they must be read again.
func TestNothingIsInCommonBeyondWhatWasNotProved(t *testing.T) {
	p := cutlog.Plan{
		Reason: cutlog.ReasonDiverged, Anchors: []cutlog.Anchor{{Seq: 2}, {Seq: 4}, {Seq: 8}}, Anchor: cutlog.Anchor{Seq: 9},
		Lost: []cutlog.LostRange{
			{Reason: cutlog.LostElsewhere, Seqs: cutlog.NewSeqSet(1)},
			{Reason: cutlog.LostUnknown, Seqs: cutlog.NewSeqSet(3, 4, 5)},
		},
	}
	for _, tt := range []struct {
		what   string
		change func(*cutlog.Plan)
		want   []uint64
	}{
		{"diverged", func(*cutlog.Plan) {}, []uint64{2}},
		{"the stream could be asked", func(p *cutlog.Plan) { p.Reason = cutlog.ReasonWindow }, []uint64{9, 8, 4, 2}},
		{"all is accounted for", func(p *cutlog.Plan) { p.Lost = p.Lost[:1] }, []uint64{9, 8, 4, 2}},
	} {
		plan := p
		tt.change(&plan)
		var got []uint64
		for _, a := range newestFirst(cutlog.Head{Plan: &plan}) {
			got = append(got, a.Seq)
		}
		if len(got) != len(tt.want) || got[0] != tt.want[0] {
			t.Errorf("%s: anchors at %d, want %d", tt.what, got, tt.want)
		}
	}
}
