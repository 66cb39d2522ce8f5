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
)

var mutants = []mutant{beatenIgnored, errorIgnored, noCheck, noWitness, anchorKept}

// planted is a promise with a bug.
type planted struct {
	capture.Promise
	mutant
}

// Open implements capture.Promise.
func (p planted) Open(ctx context.Context) (capture.Opened, error) {
	o, err := p.Promise.Open(ctx)
	if err == nil {
		o.Reading = &plantedReading{o.Reading, p.mutant, o.Anchor}
	}
	return o, err
}

// plantedReading is a reading with a bug.
type plantedReading struct {
	capture.Reading
	mutant
	anchor cutlog.Anchor // of the first cut
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
	c, err := r.Reading.Commit(ctx, s)
	if r.mutant == beatenIgnored || r.mutant == errorIgnored {
		c.Behind = nil
	}
	if r.mutant == errorIgnored {
		err = nil
	}
	return c, err
}
