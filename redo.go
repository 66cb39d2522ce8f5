package jetcapture

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/engine"
	"github.com/jetcapture/jetcapture/internal/reader"
)

// redoer carries out a plan that somebody has made before: grouped by the plan, under the plan's settings.
type redoer[P Payload, K DestKey] struct {
	*archiveKeeper[P, K]
	plain *run[P, K] // with the plan's settings, and no poison policy: what was planned must decode
}

// Find implements engine.Redoer.
func (r *redoer[P, K]) Find(ctx context.Context, p *cutlog.Plan, i int) (f cutlog.File, ok bool, err error) {
	err = r.retry(ctx, "look for "+p.Blocks[i].Name, func(ctx context.Context) error {
		f, ok, err = r.find(ctx, p, i)
		return err
	})
	return f, ok, err
}

// Put implements engine.Redoer.
func (r *redoer[P, K]) Put(ctx context.Context, p *cutlog.Plan, i int, c engine.Content) (cutlog.File, error) {
	f := c.(file[K])
	defer f.Discard()
	return r.put(ctx, p, i, f.Sealed)
}

// Each implements engine.Redoer.
func (r *redoer[P, K]) Each(ctx context.Context, n int, f func(ctx context.Context, i int) error) error {
	return each(ctx, r.opts.StoreWorkers, n, f)
}

// Remake implements engine.Redoer. It makes as many passes over the range as the spool needs.
func (r *redoer[P, K]) Remake(ctx context.Context, p *cutlog.Plan, blocks []int, done func([]engine.Remade) error) error {
	if err := r.adopt(p); err != nil {
		return err
	}
	for len(blocks) > 0 {
		var err error
		if blocks, err = r.pass(ctx, p, blocks, done); err != nil {
			return err
		}
	}
	return nil
}

// adopt takes over the plan's settings, or says why it cannot.
func (r *redoer[P, K]) adopt(p *cutlog.Plan) error {
	run := *r.run
	if ours := run.opts.settings(); !maps.Equal(ours, p.Settings) {
		opts, err := run.opts.under(p.Settings)
		if err != nil {
			return err
		}
		run.opts = opts
	}
	run.opts.Poison = PoisonFail
	run.opts.MaxMessages, run.opts.MaxBytes = 0, 0
	var err error
	run.codec, err = newCodec(run.opts.Compression, run.opts.CompressionLevel)
	r.plain = &run
	return err
}

// under returns the options that make the bytes which a plan with these settings promised.
func (o *Options[P, K]) under(settings cutlog.Settings) (Options[P, K], error) {
	if o.ForPlan != nil {
		opts, err := o.ForPlan(settings)
		if err != nil {
			return *o, fmt.Errorf("finish a cut under its own settings %v: %w", settings, err)
		}
		d := *o
		d.MessageDecoder, d.WriterFactory = opts.MessageDecoder, opts.WriterFactory
		d.Compression, d.CompressionLevel, d.Suffix = opts.Compression, opts.CompressionLevel, opts.Suffix
		return d, nil
	}
	d := *o
	d.Compression, d.Suffix = Compression(settings.Compression()), settings[cutlog.SettingSuffix]
	var err error
	if d.CompressionLevel, err = settings.CompressionLevel(); err != nil {
		return d, fmt.Errorf("a plan's %w", err)
	}
	ours, theirs := o.settings(), maps.Clone(settings)
	for _, name := range []string{
		cutlog.SettingCompression, cutlog.SettingSuffix, cutlog.SettingCompressionLevel, cutlog.SettingMaxAge,
	} {
		delete(ours, name)
		delete(theirs, name)
	}
	if !maps.Equal(ours, theirs) {
		return d, fmt.Errorf("a cut was planned with the settings %v, now they are %v: start once with the old ones to finish it", theirs, ours)
	}
	return d, nil
}

// pass reads the range once. When the spool is full, it puts off half of the blocks, and returns those.
func (r *redoer[P, K]) pass(ctx context.Context, p *cutlog.Plan, blocks []int, done func([]engine.Remade) error) (later []int, err error) {
	s := r.newPass(p, blocks)
	defer s.table.discard()
	if err := s.begin(); err != nil {
		return nil, err
	}
	rd, err := r.openReader(ctx, reader.Position{After: p.From, Created: p.Stream.Created})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rd.Close(context.WithoutCancel(ctx))) }()
	for through := p.From; through < p.To; {
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
		if r.plain.spool.Over() {
			later = append(later, s.putOff()...)
		}
	}
	if err := s.fetchMissing(ctx, r.src); err != nil {
		return nil, err
	}
	return later, s.finish(ctx, done)
}

// pass is one reading of a plan's range.
type pass[P Payload, K DestKey] struct {
	*run[P, K]
	plan   *cutlog.Plan
	blocks map[int]*openBlock[P, K]
	assign *engine.Assignment
	table  *table[P, K]
	cut    *engine.Cut
}

func (r *redoer[P, K]) newPass(p *cutlog.Plan, blocks []int) *pass[P, K] {
	s := &pass[P, K]{run: r.plain, plan: p, blocks: map[int]*openBlock[P, K]{}, assign: engine.Assign(p, blocks), cut: engine.NewCut(p.From, p.Anchor)}
	s.table = r.plain.newTable(s.cut)
	for _, i := range blocks {
		b := p.Blocks[i]
		s.blocks[i] = s.table.newBlock(&engine.Block{Kind: b.Kind, Key: b.Key, Dir: b.Dir, Window: b.Window.UnixNano()}, *new(K))
		s.cut.Open(s.blocks[i].Block)
	}
	return s
}

// begin starts the writers.
func (s *pass[P, K]) begin() error {
	for _, b := range s.blocks {
		if b.Kind == cutlog.KindData {
			if err := s.table.begin(b); err != nil {
				return err
			}
		}
	}
	return nil
}

// take puts a message into the block that the plan says.
func (s *pass[P, K]) take(m *reader.Message) error {
	if m.Seq == s.plan.Anchor.Seq && anchorOf(m) != s.plan.Anchor {
		return &reader.DivergedError{Stream: s.plan.Stream.Name, Was: s.plan.Stream.Created, Is: s.plan.Stream.Created, RolledBack: true}
	}
	i, ok := s.assign.Block(m.Seq)
	b := s.blocks[i]
	if !ok || b == nil {
		return nil
	}
	d := s.decode(m)
	var err error
	switch {
	case b.Kind == cutlog.KindDead:
		err = s.table.addLetter(b, m.Seq, s.letter(m, deadCause(d.err)))
	case d.err != nil:
		err = d.err
	default:
		err = s.table.addTo(b, m, d.payload)
	}
	if err = unlessFull(err); err != nil { // when the spool is full, blocks are put off
		return fmt.Errorf("cut %d, block %s/%s: sequence %d was planned and cannot be written any more: %w",
			s.plan.N, b.Dir, s.plan.Blocks[i].Name, m.Seq, err)
	}
	return nil
}

var errDeadThen = errors.New("was a poison message when its cut was planned")

// deadCause is the error that a planned dead letter gets: that of today's decoder if it still fails.
func deadCause(err error) error {
	if err != nil {
		return err
	}
	return errDeadThen
}

// putOff drops half of the blocks, at least one and never the last, for a later pass.
func (s *pass[P, K]) putOff() (later []int) {
	all := slices.Sorted(maps.Keys(s.blocks))
	for _, i := range all[(len(all)+1)/2:] {
		_ = s.blocks[i].finish()
		s.blocks[i].buf.Discard()
		delete(s.blocks, i)
		later = append(later, i)
	}
	return later
}

// fetchMissing asks the stream itself for planned messages that the reader did not deliver. Only the stream's word counts.
func (s *pass[P, K]) fetchMissing(ctx context.Context, src *reader.Source) error {
	var missing cutlog.SeqSet
	for i, b := range s.blocks {
		missing = missing.Union(s.plan.Blocks[i].Seqs.Minus(b.Seqs))
	}
	if missing.Empty() {
		return nil
	}
	info, err := src.Info(ctx)
	if err != nil {
		return err
	}
	for seq := range missing.All() {
		if seq < info.FirstSeq || seq > info.LastSeq {
			continue
		}
		_, err := src.Get(ctx, seq)
		if errors.Is(err, reader.ErrMessageNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		return fmt.Errorf("sequence %d was planned and is in the stream, but the reader did not deliver it; the filter or the consumer may have changed", seq)
	}
	return nil
}

// finish seals the blocks of this pass and hands them over.
func (s *pass[P, K]) finish(ctx context.Context, done func([]engine.Remade) error) error {
	if err := s.table.finish(); err != nil {
		return err
	}
	sealed := &sealedCut[P, K]{run: s.run, cut: s.cut, table: s.table}
	s.table.blocks = slices.DeleteFunc(s.table.blocks, func(b *openBlock[P, K]) bool { return !s.has(b) })
	if err := sealed.seal(ctx); err != nil {
		return err
	}
	s.table.blocks = nil // sealed: the files own the spool now
	var made []engine.Remade
	for _, i := range slices.Sorted(maps.Keys(s.blocks)) {
		b := s.blocks[i]
		m, err := engine.NewRemade(s.plan, i, b.Seqs, b.Rows)
		if err != nil {
			return err
		}
		if !m.Empty {
			m.Content = sealed.files[b.Block]
		}
		made = append(made, m)
	}
	return done(made)
}

func (s *pass[P, K]) has(b *openBlock[P, K]) bool {
	for _, o := range s.blocks {
		if o == b {
			return true
		}
	}
	return false
}
