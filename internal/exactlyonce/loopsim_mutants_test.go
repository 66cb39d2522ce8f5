package exactlyonce

import (
	"context"
	"errors"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/capture"
	"github.com/jetcapture/jetcapture/internal/engine"
	"github.com/jetcapture/jetcapture/internal/reader"
)

// mutant is a bug that is planted between the loop and its promise, to show that the simulation would notice it there.
type mutant string

const (
	sound         mutant = ""
	beatenIgnored mutant = "beaten-ignored" // a cut that another writer made is taken for one's own
	errorIgnored  mutant = "error-ignored"  // so is every error of storing a cut
	noCheck       mutant = "no-check"       // a cut is made without a look at the stream
	noWitness     mutant = "no-witness"     // what a consumer passed over is absent, whatever the stream says
	anchorKept    mutant = "anchor-kept"    // a cut keeps the anchor of the cut before
	boundaryAhead mutant = "boundary-ahead" // a window's cut ends one sequence too early
	boundaryLate  mutant = "boundary-late"  // a window's cut takes a message that was read behind it
)

var mutants = []mutant{beatenIgnored, errorIgnored, noCheck, noWitness, anchorKept, boundaryAhead, boundaryLate}

// planted is a promise with a bug, or without one.
type planted struct {
	capture.Promise
	w *world
}

// Open implements capture.Promise.
func (p planted) Open(ctx context.Context) (capture.Opened, error) {
	o, err := p.Promise.Open(ctx)
	if err == nil {
		o.Reading = &plantedReading{Reading: o.Reading, w: p.w, mutant: p.w.mutant, anchor: o.Anchor}
	}
	return o, err
}

// plantedReading is a reading with a bug, or without one.
type plantedReading struct {
	capture.Reading
	w *world
	mutant
	anchor cutlog.Anchor // of the first cut
	taken  uint64        // sequence of the last message that the loop took; owned by the loop
	behind uint64        // taken when a cut was detached; set by the loop, then owned by the cut
}

// Repeated implements capture.Reading.
func (r *plantedReading) Repeated(m *reader.Message) bool {
	r.taken = m.Seq
	return r.Reading.Repeated(m)
}

// Detach implements capture.Reading.
func (r *plantedReading) Detach() {
	r.behind = r.taken
	r.Reading.Detach()
}

// Check implements capture.Reading.
func (r *plantedReading) Check(ctx context.Context, c *engine.Cut) error {
	if r.mutant == noCheck {
		return nil
	}
	err := r.Reading.Check(ctx, c)
	if r.mutant == noWitness && errors.Is(err, reader.ErrDisturbed) {
		return nil
	}
	return err
}

// Commit implements capture.Reading.
func (r *plantedReading) Commit(ctx context.Context, s *capture.Sealed) (capture.Committed, error) {
	if r.mutant == anchorKept {
		s.Cut.Last = r.anchor
	}
	if r.behind > s.Cut.Through {
		r.w.meet("cut at the boundary for " + string(s.Reason))
		r.shift(s.Cut)
	}
	c, err := r.Reading.Commit(ctx, s)
	if r.mutant == beatenIgnored || r.mutant == errorIgnored {
		c.Behind = nil
	}
	if r.mutant == errorIgnored {
		err = nil
	}
	return c, err
}

// shift moves the end of a cut whose boundary has messages behind it.
func (r *plantedReading) shift(c *engine.Cut) {
	switch r.mutant {
	case boundaryAhead:
		c.Through--
	case boundaryLate:
		c.Through++
	}
}
