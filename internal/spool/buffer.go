package spool

import (
	"fmt"

	"github.com/jetcapture/jetcapture/internal/codec"
)

// A Buffer takes the bytes of one open block, row by row. One goroutine uses it at a time. The bytes of the file are
// made of the rows alone: a frame ends at the first [Buffer.Commit] at which FrameSize plain bytes or more came since
// the last one, whatever memory and disk are doing.
//
// From the first Write of a row to its Commit the buffer keeps the lock of its tail: one lock for each row, not for
// each Write, and no row that is not whole is ever spilled.
type Buffer struct {
	s         *Spool
	codec     *codec.Codec
	out       *Sealed // nil before the first frame
	tail      stash   // plain rows since the last frame
	inRow     bool    // the lock of tail is held
	ended     bool
	framed    int64 // plain bytes in frames
	committed int64 // plain bytes at the last Commit, from the start
}

// Write appends p to the row that is being written. It keeps no reference to p, and its only error is that the buffer
// was sealed or discarded.
func (b *Buffer) Write(p []byte) (int, error) {
	if b.ended {
		return 0, b.gone()
	}
	if !b.inRow {
		b.tail.mu.Lock()
		b.inRow = true
	}
	b.tail.append(&b.s.mem, p)
	return len(p), nil
}

// gone returns why the buffer takes no more bytes.
func (b *Buffer) gone() error {
	if b.out != nil && !b.out.isDiscarded() {
		return ErrSealed
	}
	return ErrDiscarded
}

// Len returns how many plain bytes were written and not truncated.
func (b *Buffer) Len() int64 {
	if !b.inRow {
		return b.committed
	}
	return b.framed + b.tail.len()
}

// Truncate cuts back to the first n plain bytes. Bytes before the last Commit are final: Truncate panics if n is below
// them or beyond Len.
func (b *Buffer) Truncate(n int64) {
	drop := b.Len() - n
	if n < b.committed || drop < 0 {
		panic(fmt.Sprintf("spool: truncate to %d: not between the last commit at %d and the end at %d", n, b.committed,
			b.Len()))
	}
	if drop > 0 {
		b.tail.truncate(&b.s.mem, drop)
	}
	if n == b.committed {
		b.endRow()
	}
}

// endRow gives back the lock that the first Write of a row has taken.
func (b *Buffer) endRow() {
	if b.inRow {
		b.inRow = false
		b.tail.mu.Unlock()
	}
}

// Commit ends a row. It may hand a frame to the compressors, waiting for them when they are behind, and it may move
// bytes of any block to disk. The row is committed in any case. An error of the disk means that the spool holds more
// than its budget, with nothing lost: the owner stops writing and calls [Spool.Relieve] until it succeeds. After any
// other error (the spool was closed, or a block's bytes cannot be read back from disk) this block cannot be stored any
// more.
func (b *Buffer) Commit() error {
	if err := b.commit(); err != nil {
		return err
	}
	return b.s.Relieve()
}

// commit is Commit without regard to the budget.
func (b *Buffer) commit() error {
	if b.ended {
		return b.gone()
	}
	b.committed = b.Len()
	if b.committed-b.framed < int64(b.s.cfg.FrameSize) {
		b.endRow()
		return nil
	}
	return b.frame()
}

// frame hands the tail to the compressors, or adds it to the file as it is if it needs no compression.
func (b *Buffer) frame() error {
	if !b.inRow {
		b.tail.mu.Lock()
	}
	rows := b.s.mem.unlist(&b.tail)
	b.inRow = false
	b.tail.mu.Unlock()
	b.framed = b.committed
	if b.out == nil {
		b.out = newSealed(b)
	}
	if b.out.adopt(rows) {
		return nil
	}
	j := &job{content: rows, done: make(chan struct{}), out: b.out, prev: b.out.last}
	b.out.last = j.done
	if err := b.s.frames.submit(j); err != nil {
		return fmt.Errorf("compress a frame: %w", err)
	}
	return b.out.failure()
}

// Seal commits what was written, makes the last frame and ends the buffer. A block without a byte becomes the empty
// file of its codec. It may wait and spill as Commit does, but a full disk is not an error here: the bytes stay in
// memory, and [Spool.Over] reports that. After an error the buffer must still be discarded.
func (b *Buffer) Seal() (*Sealed, error) {
	if b.ended {
		return nil, b.gone()
	}
	b.committed = b.Len()
	if b.out == nil || b.committed > b.framed {
		if err := b.frame(); err != nil {
			return nil, err
		}
	}
	b.endRow()
	b.ended = true
	b.s.mem.charge(-bufferCost)
	b.out.plain = b.committed
	_ = b.s.Relieve() // the next Commit meets the same error, and its caller can stop
	return b.out, nil
}

// Discard drops everything. It does nothing after Seal or another Discard. Seal's result has a Discard of its own.
func (b *Buffer) Discard() {
	if b.ended {
		return
	}
	b.ended = true
	if !b.inRow {
		b.tail.mu.Lock()
	}
	b.s.drop(b.s.mem.unlist(&b.tail))
	b.inRow = false
	b.tail.mu.Unlock()
	b.s.mem.charge(-bufferCost)
	if b.out != nil {
		b.out.Discard()
	}
}

// drop gives back the room of a content that is not needed any more.
func (s *Spool) drop(c content) {
	s.mem.put(c.chunks)
	s.file.drop(c.last)
	if c.again {
		s.again.Add(-c.spilled)
	}
}
