package capture

import (
	"errors"
	"fmt"

	"github.com/jetcapture/jetcapture/internal/engine"
	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/jetcapture/jetcapture/internal/spool"
)

// Item is a decoded message.
type Item struct {
	Message *reader.Message
	Batch   Batch
	Slot    int // of Batch
}

// Block is an open block. Its content is in the spool; how it gets there is its filling. It belongs to its Table.
type Block struct {
	*engine.Block
	group Group // of its key; not used for dead letters and in a redo
	fill  filling
	buf   *spool.Buffer
}

// filling is one way in which a block gets its content, and what has to be known for it.
type filling interface {
	// size returns the size of the content before compression.
	size(b *Block) int64
}

type (
	// streaming: a writer gets each message at once and writes its rows at once.
	streaming struct{ w Writer }
	// early: a writer gets each message at once, but holds rows back.
	early struct {
		w       Writer
		taken   int64  // bytes of the messages
		release func() // gives back the room that the writer takes
	}
	// keeping: the messages are kept, and a writer gets them at the seal.
	keeping struct{}
	// letters: the rows are dead letters.
	letters struct{}
	// ended: the writer has finished. There are no more messages.
	ended struct{ bytes int64 }
)

func (streaming) size(b *Block) int64 { return b.buf.Len() }
func (e *early) size(*Block) int64    { return e.taken }
func (keeping) size(b *Block) int64   { return b.buf.Len() }
func (letters) size(b *Block) int64   { return b.buf.Len() }
func (e ended) size(*Block) int64     { return e.bytes }

// writer returns the writer that is at work on the block, or nil.
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

// start begins the file, of which w writes the rows.
func (b *Block) start(w Writer) error {
	if err := w.Start(b.buf); err != nil {
		return startError(b.Dir, err)
	}
	b.commit()
	return nil
}

// commit ends a row where a full disk is no reason to stop: the bytes stay in memory, and the next row waits, if there is
// one. Whatever else can go wrong with a buffer shows again when it is sealed.
func (b *Block) commit() { _ = b.buf.Commit() }

// write gives an item to the writer. If that fails, not a byte of its rows stays.
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

// finish flushes the writer that is at work, if there is one. After that it does nothing.
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
	b.commit() // lets go of the last rows, which could not be moved to disk before
	return nil
}

// drop ends the block without a file.
func (b *Block) drop() {
	_ = b.finish() // what Flush says of a file that is dropped does not matter
	b.buf.Discard()
}
