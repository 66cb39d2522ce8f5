package jetcapture

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/engine"
	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/jetcapture/jetcapture/internal/spool"
)

// sealedCut is a cut on its way into the store. One goroutine owns it.
type sealedCut[P Payload, K DestKey] struct {
	*run[P, K]
	reason cutlog.Reason
	cut    *engine.Cut
	table  *table[P, K]
	began  time.Time
	files  map[*engine.Block]file[K]
	event  CutDone

	mu sync.Mutex // held for cut and table while blocks are encoded
}

// file is a sealed block.
type file[K DestKey] struct {
	*spool.Sealed
	key K
}

// store seals the blocks, has them stored, and tells of it.
func (s *sealedCut[P, K]) store(ctx context.Context, k keeper[P, K], rd reader.Reader) error {
	defer s.discard()
	if err := s.seal(ctx); err != nil {
		return err
	}
	if err := k.commit(ctx, rd, s); err != nil {
		return err
	}
	s.event.Took = time.Since(s.began)
	s.tellCut(s.event)
	return nil
}

// seal makes every block immutable: those that kept their messages are encoded now.
func (s *sealedCut[P, K]) seal(ctx context.Context) error {
	s.files = make(map[*engine.Block]file[K], len(s.table.blocks))
	kept := slices.DeleteFunc(slices.Clone(s.table.blocks), func(b *openBlock[P, K]) bool { return !b.kept })
	if err := each(ctx, s.encoders(), len(kept), func(ctx context.Context, i int) error { return s.encode(ctx, kept[i]) }); err != nil {
		return err
	}
	for _, b := range s.table.blocks {
		if b.Messages == 0 {
			b.buf.Discard()
			continue
		}
		sealed, err := b.buf.Seal()
		if err != nil {
			return fmt.Errorf("seal a block in %s: %w", b.Dir, err)
		}
		s.files[b.Block] = file[K]{sealed, b.key}
	}
	for _, f := range s.files {
		if err := f.Wait(ctx); err != nil {
			return fmt.Errorf("seal a block: %w", err)
		}
	}
	return nil
}

// maxEncoders bounds how many writers work at the same time that do not say what they hold.
const maxEncoders = 4

// encoders is how many blocks are encoded at the same time: as many as user code may run at a time, and as there is room for their writers.
func (s *sealedCut[P, K]) encoders() int {
	room := int64(maxEncoders)
	if held := s.table.perWriter; held > 0 && held < math.MaxInt64 {
		room = s.writerRoom() / held
	}
	return int(max(1, min(int64(s.opts.DecodeWorkers), room)))
}

// encode writes the rows of a block that kept its messages. Whenever a Write fails, the block is written anew without that message.
func (s *sealedCut[P, K]) encode(ctx context.Context, b *openBlock[P, K]) error {
	kept, err := b.buf.Seal()
	if err != nil {
		return fmt.Errorf("seal a block in %s: %w", b.Dir, err)
	}
	defer kept.Discard()
	if err := kept.Wait(ctx); err != nil {
		return err
	}
	var poison cutlog.SeqSet
	for {
		bad, err := s.encodeWithout(b, kept, poison)
		if err != nil || bad.Empty() {
			return err
		}
		poison = poison.Union(bad)
	}
}

// encodeWithout writes the kept messages but those in poison into a new buffer of b. If some cannot be written, it says which, and the
// buffer is dropped.
func (s *sealedCut[P, K]) encodeWithout(b *openBlock[P, K], kept *spool.Sealed, poison cutlog.SeqSet) (bad cutlog.SeqSet, err error) {
	in, err := kept.Plain()
	if err != nil {
		return bad, err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	b.buf = s.spool.NewBuffer(s.codec)
	b.Rows = 0
	defer func() { _ = s.exclusive(b.finish) }() // once, whatever becomes of the block; where it matters, it was called before
	if err := s.exclusive(func() error { return b.start(s.opts.WriterFactory()) }); err != nil {
		return bad, err
	}
	var dead *openBlock[P, K]
	for k := (keptReader{bufio.NewReaderSize(in, 64<<10)}); ; {
		m, err := k.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return bad, err
		}
		if poison.Contains(m.Seq) {
			continue
		}
		rows, err := s.encodeOne(b, m)
		b.Rows += int64(rows)
		b.commit()
		if err != nil {
			bad.Add(m.Seq)
			if dead, err = s.poisonAtSeal(b, dead, m, err); err != nil {
				return bad, err
			}
		}
	}
	err = s.exclusive(b.finish)
	if !bad.Empty() {
		b.buf.Discard()
		return bad, nil // what Flush says of a file that is dropped does not matter
	}
	return bad, err
}

// encodeOne decodes a kept message again and writes its rows.
func (s *sealedCut[P, K]) encodeOne(b *openBlock[P, K], m *reader.Message) (rows int, err error) {
	d := s.decode(m)
	if d.err != nil {
		return 0, d.err
	}
	err = s.exclusive(func() (err error) {
		rows, err = b.writeRow(d.payload)
		return err
	})
	return rows, err
}

// poisonAtSeal takes a message out of its block, by the poison policy. Dead letters go to dead, which is made when it is nil: the block of dead
// letters that is open already may hold later messages.
func (s *sealedCut[P, K]) poisonAtSeal(b, dead *openBlock[P, K], m *reader.Message, cause error) (*openBlock[P, K], error) {
	p := &PoisonError{Stream: s.opts.NATSStreamName, Seq: m.Seq, Subject: m.Msg.Subject, Err: cause}
	s.tellPoison(p)
	s.mu.Lock()
	defer s.mu.Unlock()
	one := cutlog.NewSeqSet(m.Seq)
	s.cut.Take(b.Block, one)
	switch s.opts.Poison {
	case PoisonDeadLetter:
		if dead == nil {
			dead = s.table.newBlock(deadBlock(s.opts.Archive.Capture, b.Window), b.key)
			s.cut.Open(dead.Block)
		}
		return dead, unlessFull(s.table.addLetter(dead, m.Seq, s.letter(m, cause)))
	case PoisonSkip:
		s.cut.Skipped = s.cut.Skipped.Union(one)
		s.stats.update(func(st *Stats) { st.Skipped++ })
		return nil, nil
	}
	return nil, fmt.Errorf("poison message (policy fail): %w", p)
}

// discard frees what the cut held in the spool.
func (s *sealedCut[P, K]) discard() {
	for _, f := range s.files {
		f.Discard()
	}
	for _, b := range s.table.blocks {
		if _, ok := s.files[b.Block]; !ok {
			b.buf.Discard()
		}
	}
}
