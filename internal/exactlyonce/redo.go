package exactlyonce

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/capture"
	"github.com/jetcapture/jetcapture/internal/engine"
	"github.com/jetcapture/jetcapture/internal/reader"
)

// redoer implements engine.Redoer. It stores the files of cuts, and it makes the files of an earlier plan again,
// grouped as the plan says and under the plan's settings.
type redoer struct{ *Keeper }

// Remake implements engine.Redoer. It reads the range of the plan as often as the spool needs to hold all blocks. The
// goroutine of Run.Live calls it.
func (r *redoer) Remake(ctx context.Context, p *cutlog.Plan, blocks []int, done func([]engine.Remade) error) error {
	maker, err := r.makerFor(p)
	if err != nil {
		return err
	}
	for len(blocks) > 0 {
		if blocks, err = r.pass(ctx, maker, p, blocks, done); err != nil {
			return err
		}
	}
	return nil
}

// makerFor returns what makes files of a plan, under the plan's settings.
func (k *Keeper) makerFor(p *cutlog.Plan) (*capture.Maker, error) {
	form := k.run.Config.Form
	if !maps.Equal(k.cfg.Settings, p.Settings) { // the options have changed since the plan was made
		var err error
		if form, err = k.cfg.FormOf(p.Settings); err != nil {
			return nil, err
		}
	}
	return k.run.Maker.Under(form)
}

// pass reads the range once and hands the files that it has made to done. When the spool is full, it puts off half of
// the blocks and returns them. If the consumer has passed over planned messages, the range is read again without one.
func (r *redoer) pass(
	ctx context.Context, k *capture.Maker, p *cutlog.Plan, blocks []int, done func([]engine.Remade) error,
) (later []int, err error) {
	rd, err := r.openReader(ctx, reader.Position{After: p.From, Created: p.Stream.Created})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rd.Close(context.WithoutCancel(ctx))) }()
	later, passed, err := r.readOnce(ctx, k, p, blocks, rd, done)
	if err != nil || passed.Empty() {
		return later, err
	}
	r.run.Observer.Observe(capture.Unwitnessed{
		Seq: passed.First(), From: p.From, To: p.To, Missing: passed.Count(), Server: r.stream.Server(), Times: 1,
	})
	direct := &doubted{streamReader: rd, stored: reader.OpenStored(r.stream, r.cfg.Filter, p.From, p.To)}
	later, still, err := r.readOnce(ctx, k, p, blocks, direct, done)
	if err == nil && !still.Empty() {
		err = fmt.Errorf("sequence %d was planned and is in the stream, but the filter leaves it out", still.First())
	}
	if err == nil {
		r.again = p.From + 1 // what the durable consumer has passed over is still to be acknowledged
		r.run.Observer.Observe(capture.Recovered{Messages: passed.Count()})
	}
	return later, err
}

// readOnce is a pass with a reader. It makes no file if the reader has passed over planned messages, and returns those.
func (r *redoer) readOnce(
	ctx context.Context, k *capture.Maker, p *cutlog.Plan, blocks []int, rd reader.Reader,
	done func([]engine.Remade) error,
) (later []int, passed cutlog.SeqSet, err error) {
	s, err := newPass(k, p, blocks)
	defer s.made.Discard()
	if err != nil {
		return nil, passed, err
	}
	later, err = s.read(ctx, rd, r.run.Observer)
	look, lookErr := r.Look(ctx, p.Anchor)
	switch {
	case lookErr == nil && look == engine.AnchorOther: // an error of read was about another message, too
		return nil, passed, s.diverged(p.Stream.Created)
	case err != nil || lookErr != nil:
		return nil, passed, cmp.Or(err, lookErr)
	}
	if passed, err = s.passedOver(ctx, r.stream); err != nil || !passed.Empty() {
		return nil, passed, err
	}
	return later, passed, s.finish(ctx, done)
}

// pass is one reading of a plan's range. It belongs to one goroutine.
type pass struct {
	plan   *cutlog.Plan
	made   *capture.Planned
	blocks map[int]*capture.Block // the blocks that this pass makes, by their place in the plan
	assign *engine.Assignment     // from a sequence to its block
}

// newPass opens the blocks. After an error, too, the caller discards what the pass has made.
func newPass(k *capture.Maker, p *cutlog.Plan, blocks []int) (*pass, error) {
	s := &pass{plan: p, made: k.NewPlanned(p), blocks: map[int]*capture.Block{}, assign: engine.Assign(p, blocks)}
	for _, i := range blocks {
		b, err := s.made.Open(i)
		if err != nil {
			return s, err
		}
		s.blocks[i] = b
	}
	return s, nil
}

// read reads the whole range and returns the blocks that it put off.
func (s *pass) read(ctx context.Context, rd reader.Reader, o capture.Observer) (later []int, err error) {
	for through := s.plan.From; through < s.plan.To; {
		batch, err := rd.Next(ctx)
		if err != nil {
			return nil, err
		}
		for i := range batch.Messages {
			if err := s.take(&batch.Messages[i]); err != nil {
				return nil, err
			}
		}
		through = max(through, batch.Through)
		o.Observe(capture.ReadAgain{N: s.plan.N, Read: min(through, s.plan.To) - s.plan.From, Of: s.plan.To - s.plan.From})
		if s.made.Over() {
			later = append(later, s.putOff()...)
		}
	}
	return later, nil
}

// take puts a message into the block that the plan says, if this pass makes that block. Another message at the place of
// the anchor shows that the stream was rolled back.
func (s *pass) take(m *reader.Message) error {
	if m.Seq == s.plan.Anchor.Seq && capture.AnchorOf(m) != s.plan.Anchor {
		return s.diverged(s.plan.Stream.Created)
	}
	i, ok := s.assign.Block(m.Seq)
	b := s.blocks[i]
	if !ok || b == nil {
		return nil
	}
	if err := s.made.Take(b, m); err != nil {
		return fmt.Errorf("cut %d, block %s: sequence %d was planned and cannot be written any more: %w",
			s.plan.N, s.plan.Blocks[i].Path(), m.Seq, err)
	}
	return nil
}

// diverged is the error of a pass over a stream, created at a time, that is not the planned one any more.
func (s *pass) diverged(created time.Time) error {
	was := s.plan.Stream.Created
	return &reader.DivergedError{
		Stream: s.plan.Stream.Name, Was: was, Is: created, RolledBack: created.Equal(was),
	}
}

// putOff drops half of the blocks and leaves them to a later pass. It keeps at least one, so that each pass makes a
// block.
func (s *pass) putOff() (later []int) {
	all := slices.Sorted(maps.Keys(s.blocks))
	for _, i := range all[(len(all)+1)/2:] {
		s.made.Drop(s.blocks[i])
		delete(s.blocks, i)
		later = append(later, i)
	}
	return later
}

// passedOver asks the stream for the planned messages that the reader did not deliver, and returns those that it has.
// The others are lost.
func (s *pass) passedOver(ctx context.Context, src stream) (passed cutlog.SeqSet, err error) {
	var missing cutlog.SeqSet
	for i, b := range s.blocks {
		missing = missing.Union(s.plan.Blocks[i].Seqs.Minus(b.Seqs))
	}
	if missing.Empty() {
		return passed, nil
	}
	info, err := src.Info(ctx)
	if err != nil {
		return passed, err
	}
	if !info.Created.Equal(s.plan.Stream.Created) {
		return passed, s.diverged(info.Created)
	}
	for seq := range missing.All() {
		if seq < info.FirstSeq || seq > info.LastSeq { // gone; most are, so do not ask for each
			continue
		}
		switch _, err := src.Get(ctx, seq); {
		case err == nil:
			passed.Add(seq)
		case !errors.Is(err, reader.ErrMessageNotFound):
			return passed, err
		}
	}
	return passed, nil
}

// finish seals the blocks of this pass and hands their files to done, which discards them.
func (s *pass) finish(ctx context.Context, done func([]engine.Remade) error) error {
	files, err := s.made.Finish(ctx)
	if err != nil {
		return err
	}
	var made []engine.Remade
	for _, i := range slices.Sorted(maps.Keys(s.blocks)) {
		b := s.blocks[i]
		m, err := engine.NewRemade(s.plan, i, b.Seqs, b.Rows)
		if err != nil {
			return err
		}
		if !m.Empty {
			m.Content = files[b.Block].Sealed
		}
		made = append(made, m)
	}
	return done(made)
}
