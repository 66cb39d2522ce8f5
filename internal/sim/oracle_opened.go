package sim

import (
	"fmt"
	"slices"

	"github.com/jetcapture/jetcapture/cutlog"
)

// doubted reports whether a plan leaves open what the stream had before a sequence: then it is read again from before
// that.
func doubted(p *cutlog.Plan, seq uint64) bool {
	return p.Reason == cutlog.ReasonDiverged && slices.ContainsFunc(p.Lost, func(l cutlog.LostRange) bool {
		return l.Reason == cutlog.LostUnknown && l.Seqs.First() < seq
	})
}

// opened checks an incarnation when it is opened, while the stream is still the one that was judged: it goes on behind
// the newest anchor of the log that the stream has. What lies between that and the newest stored message may be stored
// twice.
func (w *World) opened(opening *cutlog.Plan) {
	for n := uint64(1); n < opening.N; n++ {
		p, err := cutlog.DecodePlan(w.store.objects[planName(n)])
		if err != nil {
			return
		}
		anchors := []cutlog.Anchor{p.Anchor}
		if _, lost := w.store.objects[cutlog.LostName(capture, n, 1)]; !lost {
			anchors = append(anchors, p.Anchors...) // a cut that has lost messages is read again whole
		}
		for _, a := range anchors {
			if a.Seq > opening.From && w.holds(a) && !doubted(p, a.Seq) {
				w.broken = append(w.broken, fmt.Sprintf("plan %d (%s) begins after %d, and the stream has the anchor at %d",
					opening.N, opening.Cause, opening.From, a.Seq))
			}
		}
	}
}

// holds reports whether the stream has the message of an anchor.
func (w *World) holds(a cutlog.Anchor) bool {
	m, ok := w.stream.cur.alive[a.Seq]
	return ok && m.anchor(a.Seq) == a
}

// wasLost reports whether a stream can have lost the sequence for a reason. What another reader has acknowledged, and
// what nobody could be asked about, the world does not know.
func (v *verdict) wasLost(p *planRecord, reason string, seq uint64) bool {
	return slices.ContainsFunc(v.w.stream.branches, func(b *branch) bool {
		if !b.created.Equal(p.Stream.Created) {
			return false
		}
		switch reason {
		case "expired":
			return seq < b.first
		case "removed":
			return b.deleted[seq] || b.ever[seq] == message{}
		}
		return true
	})
}

// wasAbsent reports whether a reader can have found the stream without the sequence.
func (v *verdict) wasAbsent(p *planRecord, seq uint64) bool {
	for _, b := range v.w.stream.branches {
		if !b.created.Equal(p.Stream.Created) {
			continue
		}
		if _, ever := b.ever[seq]; !ever || b.deleted[seq] {
			return true
		}
		if v.w.cfg.WorkQueue && seq < b.first {
			return true // dropped by its limits or acknowledged: nobody can tell
		}
	}
	return false
}
