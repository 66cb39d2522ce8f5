package engine

import (
	"context"
	"slices"

	"github.com/jetcapture/jetcapture/cutlog"
)

// lastCommon looks for the newest anchor of the log that the stream s has; it has no sequence if there is none.
// Histories that differ at one sequence differ from there on, so everything up to it is the same. Any incarnation may
// have it: a stream was created again by mistake and then restored, or it was rolled back and then restored.
func (e *Entry) lastCommon(ctx context.Context, s StreamFacts) (best cutlog.Anchor, err error) {
	for last := e.Head.N; last > 0; {
		h, err := e.cut(ctx, last)
		if err != nil {
			return best, err
		}
		a, err := e.commonIn(ctx, s, h.Plan.Opened, last)
		if err != nil {
			return best, err
		}
		if a.Seq > best.Seq {
			best = a
		}
		last = h.Plan.Opened - 1
	}
	return best, nil
}

// commonIn searches the cuts first to last, which are those of one incarnation.
func (e *Entry) commonIn(ctx context.Context, s StreamFacts, first, last uint64) (best cutlog.Anchor, err error) {
	for first <= last {
		middle := first + (last-first)/2
		n, v, err := e.telling(ctx, s, first, middle)
		switch {
		case err != nil:
			return best, err
		case v.anchor.Seq > 0 && v.differs: // the place is within this plan
			return v.anchor, nil
		case v.anchor.Seq > 0:
			best, first = v.anchor, middle+1
		case v.differs:
			last = n - 1
		default:
			first = middle + 1
		}
	}
	return best, nil
}

// verdict is what the anchors of one plan tell.
type verdict struct {
	anchor  cutlog.Anchor // the newest one that the stream has; zero Seq: none
	differs bool          // the stream has something else, or ends, where a newer one is
}

// telling returns the newest of the cuts first to n whose anchors tell something, and what they tell.
func (e *Entry) telling(ctx context.Context, s StreamFacts, first, n uint64) (uint64, verdict, error) {
	for ; ; n-- {
		v, err := e.compare(ctx, s, n)
		if err != nil || v.differs || v.anchor.Seq > 0 || n == first {
			return n, v, err
		}
	}
}

// compare looks for the anchors of cut n in the stream, the newest first. One that was removed tells nothing.
func (e *Entry) compare(ctx context.Context, s StreamFacts, n uint64) (v verdict, err error) {
	h, err := e.cut(ctx, n)
	if err != nil {
		return v, err
	}
	for _, a := range newestFirst(h) {
		look := AnchorMissing
		if a.Seq >= s.FirstSeq && a.Seq <= s.LastSeq {
			if look, err = e.Source.Look(ctx, a); err != nil {
				return v, err
			}
		}
		switch {
		case look == AnchorSame:
			v.anchor = a
			return v, nil
		case look == AnchorOther, a.Seq > s.LastSeq:
			v.differs = true
		}
	}
	return v, nil
}

// newestFirst returns the anchors of a cut. What a cut with lost messages has in common with a stream may be lost,
// unless that is all of it, so only its last message counts. What lies beyond a sequence of which nothing could be
// proved does not count at all: the stream may have a message there that must be read.
func newestFirst(h cutlog.Head) (anchors []cutlog.Anchor) {
	if h.Plan.Anchor.Seq == 0 {
		return nil
	}
	if h.Lost == nil {
		anchors = slices.Clone(h.Plan.Anchors)
	}
	anchors = append(anchors, h.Plan.Anchor)
	if doubt := unproved(h.Plan); doubt > 0 {
		anchors = slices.DeleteFunc(anchors, func(a cutlog.Anchor) bool { return a.Seq > doubt })
	}
	slices.Reverse(anchors)
	return anchors
}

// unproved returns the first sequence of which a plan cannot say whether the stream had it, because the stream was
// another one before it could be asked; 0 if there is none.
func unproved(p *cutlog.Plan) (first uint64) {
	if p.Reason != cutlog.ReasonDiverged {
		return 0
	}
	for _, l := range p.Lost {
		if seq := l.Seqs.First(); l.Reason == cutlog.LostUnknown && (first == 0 || seq < first) {
			first = seq
		}
	}
	return first
}
