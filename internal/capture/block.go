package capture

import (
	"errors"
	"fmt"

	"github.com/jetcapture/jetcapture/internal/engine"
	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/jetcapture/jetcapture/internal/spool"
)

// Item is a message whose decoded form is in slot Slot of Batch.
type Item struct {
	Message *reader.Message
	Batch   Batch
	Slot    int
}

// Block is an open block. Its content is in the spool, and fill says how it gets there. It belongs to the owner of its
// Table. While blocks are encoded at the seal, each belongs to the goroutine that encodes it.
type Block struct {
	*engine.Block
	keys  Keys          // of the table that opened it; nil for dead letters
	group Group         // the group of its key in keys
	fill  filling       // the state of the block; it changes as the block does
	buf   *spool.Buffer // the content so far
}

// filling is the way in which a block gets its content, with what that way needs.
type filling interface {
	// size returns the size of the content in bytes before compression, by which MaxBytes closes a part.
	size(b *Block) int64
}

type (
	// streaming means that a writer gets each message at once and writes its rows at once.
	streaming struct{ w Writer }
	// early means that a writer gets each message at once, but holds rows back.
	early struct {
		w       Writer
		taken   int64  // bytes of the messages so far
		release func() // gives back the memory that was reserved for the writer
	}
	// keeping means that the messages are kept in the spool. A writer gets them at the seal.
	keeping struct{}
	// letters means that the rows are dead letters, which need no writer.
	letters struct{}
	// ended means that the writer has finished. No message may follow.
	ended struct{ bytes int64 }
)

func (streaming) size(b *Block) int64 { return b.buf.Len() }
func (e *early) size(*Block) int64    { return e.taken }
func (keeping) size(b *Block) int64   { return b.buf.Len() }
func (letters) size(b *Block) int64   { return b.buf.Len() }
func (e ended) size(*Block) int64     { return e.bytes }

// writer returns the writer that is at work on the block, or nil if there is none.
func (b *Block) writer() Writer {
	switch f := b.fill.(type) {
	case streaming:
		return f.w
	case *early:
		return f.w
	}
	return nil
}

// keeps reports whether the block keeps its messages until the seal.
func (b *Block) keeps() bool {
	_, ok := b.fill.(keeping)
	return ok
}

// start lets w begin the file.
func (b *Block) start(w Writer) error {
	if err := w.Start(b.buf); err != nil {
		return startError(b.Dir, err)
	}
	b.commit()
	return nil
}

// commit ends a row where nobody can wait for a full disk: the bytes stay in memory, and the next row will find the
// disk full again. Any other error of a buffer comes again when it is sealed.
func (b *Block) commit() { _ = b.buf.Commit() }

// write gives an item to the writer. If that fails, no byte of its rows stays in the buffer. A panic of an early writer
// has spoilt the rows that it holds back, so the whole file is lost.
func (b *Block) write(it Item) (rows int, err error) {
	before := b.buf.Len()
	rows, err = it.Batch.Write(it.Slot, b.writer())
	if err == nil {
		return rows, nil
	}
	b.buf.Truncate(before)
	var panicked *PanicError
	if _, ok := b.fill.(*early); ok && errors.As(err, &panicked) {
		err = &blockError{fileLost, err}
	}
	return rows, err
}

// finish flushes the writer that is at work, if there is one. It may be called again.
func (b *Block) finish() error {
	w := b.writer()
	if w == nil {
		return nil
	}
	trouble := writerFailed
	if e, ok := b.fill.(*early); ok {
		trouble = fileLost
		defer e.release()
	}
	err := w.Finish()
	b.fill = ended{b.fill.size(b)}
	if err != nil {
		return &blockError{trouble, fmt.Errorf("finish a block in %s: %w", b.Dir, err)}
	}
	b.commit() // the last rows can be moved to disk now
	return nil
}

// drop ends the block without a file. Its writer is still flushed, as its contract says.
func (b *Block) drop() {
	_ = b.finish() // the file is dropped, so an error of Flush does not matter
	b.buf.Discard()
}
