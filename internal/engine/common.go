package engine

import (
	"context"
	"slices"

	"github.com/jetcapture/jetcapture/cutlog"
)

// common is the newest message that a stream shares with the log, as far as the anchors of the log tell. Histories that
// differ at one sequence differ from there on, so everything up to it is the same.
type common struct {
	anchor cutlog.Anchor // zero Seq: there is none
	n      uint64        // the cut that has it; 0: none
	last   cutlog.Head   // the last cut of the incarnation that has it
	bound  cutlog.Anchor // the lowest anchor above it that the stream does not have; zero Seq: not known
}

// lastCommon looks for the newest message that the stream s shares with the log. Any incarnation may have it: a stream
// was created anew by mistake and then restored, or it was rolled back and then restored.
func (e *Entry) lastCommon(ctx context.Context, s StreamFacts) (best common, err error) {
	for last := e.Head.N; last > 0; {
		h, err := e.cut(ctx, last)
		if err != nil {
			return common{}, err
		}
		c, err := e.commonIn(ctx, s, h.Plan.Opened, last)
		if err != nil {
			return common{}, err
		}
		if c.last = h; best.last.Plan == nil || c.anchor.Seq > best.anchor.Seq || c.anchor.Seq > 0 && c.sure(best) {
			best = c
		}
		last = h.Plan.Opened - 1
	}
	return best, nil
}

// sure reports whether c says more than o, which has the same anchor: no newer anchor contradicts it.
func (c common) sure(o common) bool {
	return c.anchor.Seq == o.anchor.Seq && c.bound.Seq == 0 && o.bound.Seq > 0
}

// commonIn searches the cuts first to last, which are those of one incarnation.
func (e *Entry) commonIn(ctx context.Context, s StreamFacts, first, last uint64) (c common, err error) {
	for first <= last {
		middle := first + (last-first)/2
		n, v, err := e.telling(ctx, s, first, middle)
		if err != nil {
			return common{}, err
		}
		if v.bound.Seq > 0 {
			c.bound = v.bound
		}
		switch {
		case v.anchor.Seq > 0 && v.bound.Seq > 0: // the place is within this plan
			c.anchor, c.n = v.anchor, n
			return c, nil
		case v.anchor.Seq > 0:
			c.anchor, c.n, first = v.anchor, n, middle+1
		case v.bound.Seq > 0:
			last = n - 1
		default:
			first = middle + 1
		}
	}
	return c, nil
}

// verdict is what the anchors of one plan tell.
type verdict struct {
	anchor cutlog.Anchor // the newest one that the stream has; zero Seq: none
	bound  cutlog.Anchor // the lowest one above it that the stream does not have; zero Seq: none
}

// telling returns the newest of the cuts first to n whose anchors tell something, and what they tell.
func (e *Entry) telling(ctx context.Context, s StreamFacts, first, n uint64) (uint64, verdict, error) {
	for ; ; n-- {
		v, err := e.compare(ctx, s, n)
		if err != nil || v.bound.Seq > 0 || v.anchor.Seq > 0 || n == first {
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
			v.bound = a
		}
	}
	return v, nil
}

// newestFirst returns the anchors of a cut. What a cut with lost messages has in common with a stream may be lost, unless
// that is all of it, so only its last message counts.
func newestFirst(h cutlog.Head) (anchors []cutlog.Anchor) {
	if h.Plan.Anchor.Seq == 0 {
		return nil
	}
	if h.Lost == nil {
		anchors = slices.Clone(h.Plan.Anchors)
	}
	anchors = append(anchors, h.Plan.Anchor)
	slices.Reverse(anchors)
	return anchors
}
