package sim

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/engine"
)

// errAgain ends a life of a process. The process enters the log again.
var errAgain = errors.New("the log must be entered again")

// main is the program: be born, then capture until the end of the world.
func (p *process) main(ctx context.Context) error {
	if err := p.entry.Birth(ctx); err != nil {
		return err
	}
	for {
		if err := p.life(ctx); !errors.Is(err, errAgain) {
			return err
		}
	}
}

// life enters the log and makes one cut after the other until it has to enter the log again.
func (p *process) life(ctx context.Context) error {
	if _, err := p.entry.Enter(ctx); err != nil {
		return err
	}
	p.misread(ctx)
	head := p.entry.Head.Plan
	r := p.openReader(head.Stream.Created, head.To, head.Anchor)
	defer func() { p.pulls = false }()
	p.w.trace("%s reads after %d", p.name, head.To)
	c := p.newCollection()
	for {
		if err := p.oneCut(ctx, r, c); err != nil {
			return err
		}
	}
}

// oneCut reads until luck wants a cut, or the stream is another one, and commits what was read.
func (p *process) oneCut(ctx context.Context, r *reading, c *collection) error {
	end := p.collect(r, c)
	p.entry.RolledBack = end == behind
	replaced := end == diverged || end == behind
	if end == disturbed || !c.all().Moved() {
		p.w.trace("%s: %s", p.name, end)
		return errAgain
	}
	facts := r.facts // of a stream that is another one now, what was read is good as it is
	if !replaced {
		var err error
		if facts, replaced, err = p.check(r); err != nil {
			return err
		}
	}
	if replaced {
		p.w.trace("%s: %s", p.name, diverged)
	}
	cut := c.detach(replaced)
	if err := p.commit(ctx, cut, facts, r, replaced); err != nil {
		return err
	}
	if replaced {
		return errAgain
	}
	r.from = cut.Through
	return nil
}

// collect reads into open blocks, until a cut is to be made or the reader ends. The outcome is reads in the first case.
func (p *process) collect(r *reading, c *collection) outcome {
	for {
		out := r.read(c)
		open := c.all().Moved()
		if out != reads || p.w.luck.cuts(p, open, c.open.Through >= p.w.stream.cur.last) && open {
			return out
		}
	}
}

// row is a line of a data file.
type row struct {
	Seq uint64
	Val int
}

// String is how scripts print a row: 5=m7 is message 7 at sequence 5.
func (r row) String() string { return fmt.Sprintf("%d=m%d", r.Seq, r.Val) }

// rows are rows in the order of a file or of a stream.
type rows []row

func (r rows) String() string { return strings.Trim(fmt.Sprint([]row(r)), "[]") }

// group is the grouping of a message by one version of the decoder.
func group(version int, m message) int { return (m.key + version*m.val) % 3 }

// groupDir is the directory of a group.
func groupDir(g int) string { return fmt.Sprintf("k%d", g) }

// check is what a cut asks the server. A stream that is another one by now needs no check.
func (p *process) check(r *reading) (facts engine.StreamFacts, replaced bool, err error) {
	p.yield()
	if r.epoch != p.w.stream.epoch && !r.same() {
		return r.facts, true, nil
	}
	if !r.counted() && p.w.cfg.Mutant != NoConsumerCheck {
		p.w.Cov.Disturbed++
		p.w.trace("%s: %s", p.name, disturbed)
		return facts, false, errAgain
	}
	return p.streamFacts(), false, nil
}

// commit carries out a cut, and acknowledges it.
func (p *process) commit(ctx context.Context, cut *engine.Cut, s engine.StreamFacts, r *reading, replaced bool) error {
	n := p.entry.Head.N + 1
	if p.w.cfg.Mutant == AckBeforeDone {
		r.ack(cut.Through)
	}
	p.w.trace("%s commits cut %d (%d, %d]", p.name, n, cut.From, cut.Through)
	checked := engine.Checked{
		Reason: cutlog.ReasonPressure, Stream: s, Witness: engine.Witness{Floor: r.floor, Unproved: replaced},
	}
	if replaced {
		checked.Reason = cutlog.ReasonDiverged
	}
	done, err := p.entry.Commit(ctx, cut, checked, &delivery{p, r})
	p.still = false
	switch {
	case err != nil:
		return err
	case done.Outcome == engine.Beaten:
		p.w.Cov.CutsLost++
		p.w.trace("%s drops what it read: cut %d is another writer's", p.name, n)
		return errAgain
	case done.Outcome == engine.Overtaken:
		p.w.Cov.Overtaken++
		p.w.trace("%s drops what it read: others have finished cut %d and gone on", p.name, n)
		return errAgain
	}
	return done.Unacked
}

// delivery is the commit of one cut. It implements engine.Delivery.
type delivery struct {
	p *process
	r *reading
}

// Content implements engine.Delivery.
func (d *delivery) Content(b *engine.Block) engine.Content { return d.p.w.contents[b].rows }

// OwesAcks implements engine.Delivery. From here to the ack nothing else happens in the world. In reality the stream
// may change between the question whether it is the same and the ack, and a new message with the old sequence be
// delivered meanwhile. No protocol without conditional acks can exclude that.
func (d *delivery) OwesAcks(context.Context) bool {
	d.p.still = d.p.w.cfg.Durable
	return d.p.w.cfg.Durable
}

// Ack implements engine.Delivery.
func (d *delivery) Ack(_ context.Context, to uint64) error {
	if d.p.w.cfg.Mutant == AckBehind {
		to = d.r.pos
	}
	d.r.ack(to)
	return nil
}
