package jetcapture

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/codec"
	"github.com/jetcapture/jetcapture/internal/engine"
	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/jetcapture/jetcapture/internal/spool"
)

// openBlock is a block whose rows, or messages, are in the spool.
type openBlock[P Payload, K DestKey] struct {
	*engine.Block
	key  K
	of   *keyed[P, K]           // whose open blocks it is one of; nil for dead letters and in a redo
	w    FormattedDataWriter[P] // nil when the messages are kept
	buf  *spool.Buffer
	kept bool // the writer buffers: it is fed at the seal
	// Of a block whose writer buffers and is fed early:
	eager bool
	size  int64  // of its messages
	free  func() // gives back what the writer held; nil: it was
}

// plain is the size of the rows before compression, or of the messages they are made of.
func (b *openBlock[P, K]) plain() int64 {
	if b.eager {
		return b.size
	}
	return b.buf.Len()
}

// eagerError says that a writer which was fed early has lost its file: the messages are to be read again, and kept until their seal.
type eagerError struct{ error }

func (e *eagerError) Unwrap() error { return e.error }

// start begins the file of a writer that does not buffer.
func (b *openBlock[P, K]) start(w FormattedDataWriter[P]) error {
	b.w = w
	if err := guard(func() error { return w.InitNew(b.buf) }); err != nil {
		return fmt.Errorf("start a block in %s: %w", b.Dir, err)
	}
	b.commit()
	return nil
}

// commit ends a row where a full disk is no reason to stop: the bytes stay in memory, and the next row, or nobody, has to wait. What else can
// go wrong with a buffer is found again when it is sealed.
func (b *openBlock[P, K]) commit() { _ = b.buf.Commit() }

// writeRow calls the writer; a failed or panicking Write leaves no byte.
func (b *openBlock[P, K]) writeRow(p P) (rows int, err error) {
	before := b.buf.Len()
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("writer panics: %v", r)
			if b.eager {
				err = &writerError{&eagerError{err}}
			}
		}
		if err != nil {
			b.buf.Truncate(before)
		}
	}()
	return b.w.Write(p)
}

// finish flushes the writer. It is called once, whatever became of the block.
func (b *openBlock[P, K]) finish() error {
	if b.w == nil {
		return nil
	}
	w := b.w
	b.w = nil
	if b.free != nil {
		defer b.free()
		b.free = nil
	}
	err := guard(w.Flush)
	if err == nil {
		b.commit() // lets go of the last rows, which could not be moved to disk before
		return nil
	}
	err = fmt.Errorf("finish a block in %s: %w", b.Dir, err)
	if b.eager {
		err = &eagerError{err}
	}
	return err
}

// guard makes an error of a panic in the user's code.
func guard(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return f()
}

// keyed is what the table knows of a key.
type keyed[P Payload, K DestKey] struct {
	key    K
	texts  []cutlog.Text
	path   string
	broken error              // the key cannot be a path
	open   []*openBlock[P, K] // one for each window that is open
}

// table holds the open blocks of one cut. One goroutine uses it at a time.
type table[P Payload, K DestKey] struct {
	opts      *Options[P, K]
	spool     *spool.Spool
	codec     *codec.Codec
	gzip      *codec.Codec // of dead letters
	cut       *engine.Cut
	blocks    []*openBlock[P, K]
	keys      map[K]*keyed[P, K]
	byPath    map[string]*keyed[P, K]
	dead      map[int64]*openBlock[P, K] // by window
	buffered  bool                       // writers buffer, as one of them has shown
	room      int64                      // that eager writers may still take
	perWriter int64                      // what an eager writer holds; 0: not known yet, math.MaxInt64: writers are not eager
	keeping   keptWriter
	replies   *replies // with a Store
}

// newTable returns an empty table for a cut that begins after what cut has.
func (r *run[P, K]) newTable(cut *engine.Cut) *table[P, K] {
	room := r.writerRoom()
	if r.patient {
		room = 0
	}
	return &table[P, K]{
		opts: &r.opts, spool: r.spool, codec: r.codec, gzip: r.gzip, cut: cut, buffered: r.buffered, perWriter: r.perWriter, room: room,
		replies: &replies{}, keys: map[K]*keyed[P, K]{}, byPath: map[string]*keyed[P, K]{}, dead: map[int64]*openBlock[P, K]{},
	}
}

// block returns the open block of key and window.
func (t *table[P, K]) block(key K, window int64) (*openBlock[P, K], error) {
	k := t.keys[key]
	if k == nil {
		k = t.newKey(key)
	}
	if k.broken != nil {
		return nil, k.broken
	}
	for _, b := range k.open {
		if b.Window == window {
			return b, nil
		}
	}
	dir, err := t.opts.Archive.dir(k.texts, k.path, window)
	if err != nil {
		return nil, err
	}
	b := t.newBlock(&engine.Block{
		Kind: cutlog.KindData, Key: k.texts, Dir: dir,
		Suffix: fileSuffix(t.opts.Suffix, t.codec.Suffix()), Window: window,
	}, k.key)
	if err := t.begin(b); err != nil {
		return nil, &writerError{err}
	}
	t.cut.Open(b.Block)
	b.of, k.open = k, append(k.open, b)
	return b, nil
}

// writerError marks an error after which the writer cannot go on: it ends Run.
type writerError struct{ error }

func (e *writerError) Unwrap() error { return e.error }

// newKey adds a key. Keys with an equal path share their blocks.
func (t *table[P, K]) newKey(key K) *keyed[P, K] {
	k := &keyed[P, K]{key: key}
	if t.opts.Store == nil {
		k.texts, k.path, k.broken = t.opts.Archive.keyPath(key)
		if k.broken == nil { // the path of a broken key is that of no segments
			if same := t.byPath[k.path]; same != nil {
				k = same
			}
			t.byPath[k.path] = k
		}
	}
	t.keys[key] = k
	return k
}

// newBlock returns a block without a writer.
func (t *table[P, K]) newBlock(b *engine.Block, key K) *openBlock[P, K] {
	c := t.codec
	if b.Kind == cutlog.KindDead {
		c = t.gzip
	}
	o := &openBlock[P, K]{Block: b, key: key, kept: t.buffered && b.Kind == cutlog.KindData}
	if o.kept {
		c = nil
	}
	o.buf = t.spool.NewBuffer(c)
	t.blocks = append(t.blocks, o)
	return o
}

// begin makes the writer of a data block, or finds out that its messages must be kept.
func (t *table[P, K]) begin(b *openBlock[P, K]) error {
	if b.kept && t.perWriter > t.room {
		return nil
	}
	w := t.opts.WriterFactory()
	if w == nil {
		return fmt.Errorf("WriterFactory returns nil")
	}
	if bw, ok := w.(BufferedWriter); !ok || !bw.Buffered() {
		return b.start(w)
	}
	t.perWriter = math.MaxInt64
	if e, ok := w.(EagerWriter); ok {
		t.perWriter = max(1, e.Held())
	}
	if t.perWriter > t.room {
		t.keep(b)
		return nil
	}
	return t.beginEarly(b, w)
}

// beginEarly starts a writer that buffers, to be fed now.
func (t *table[P, K]) beginEarly(b *openBlock[P, K], w FormattedDataWriter[P]) error {
	if b.kept {
		b.buf.Discard()
		b.buf = t.spool.NewBuffer(t.codec)
	}
	held := t.perWriter
	t.room -= held
	t.spool.Charge(held)
	t.buffered, b.kept, b.eager = true, false, true
	b.free = func() {
		t.room += held
		t.spool.Charge(-held)
	}
	return b.start(w)
}

// keep turns b, which has no message yet, and all blocks to come into blocks that keep their messages.
func (t *table[P, K]) keep(b *openBlock[P, K]) {
	t.buffered, b.kept = true, true
	if t.perWriter == 0 {
		t.perWriter = math.MaxInt64
	}
	b.buf.Discard()
	b.buf = t.spool.NewBuffer(nil)
}

// add puts a decoded message into the block of its key and window. An error is a *writerError, an error of the spool, or the reason why the message is
// poison.
func (t *table[P, K]) add(m *reader.Message, p P, key K) (*openBlock[P, K], error) {
	b, err := t.block(key, engine.WindowStart(m.Time, t.opts.MaxAge))
	if err != nil {
		return nil, err
	}
	return b, t.addTo(b, m, p)
}

// addTo puts a decoded message into b.
func (t *table[P, K]) addTo(b *openBlock[P, K], m *reader.Message, p P) error {
	if b.kept {
		return t.keepMessage(b, m)
	}
	before := b.buf.Len()
	rows, err := b.writeRow(p)
	if err != nil {
		return err
	}
	if b.Messages == 0 && rows > 0 && b.buf.Len() == before && !b.eager {
		return t.keepFrom(b, m)
	}
	t.cut.Add(b.Block, m.Seq, rows)
	b.size += int64(m.Size)
	return t.commit(b)
}

// keepFrom turns b into a block that keeps its messages: the first successful Write added no byte, so the writer buffers.
func (t *table[P, K]) keepFrom(b *openBlock[P, K], m *reader.Message) error {
	if err := b.finish(); err != nil {
		return &writerError{err}
	}
	t.keep(b)
	return t.keepMessage(b, m)
}

func (t *table[P, K]) keepMessage(b *openBlock[P, K], m *reader.Message) error {
	if err := t.keeping.write(b.buf, m); err != nil {
		return &spoolError{err}
	}
	t.cut.Add(b.Block, m.Seq, 0)
	return t.commit(b)
}

// spoolError marks an error of the spool: no byte is lost, and reading waits until it is mended.
type spoolError struct{ error }

func (e *spoolError) Unwrap() error { return e.error }

// unlessFull makes nothing of an error of the spool, where nobody can wait: the bytes are in memory.
func unlessFull(err error) error {
	var full *spoolError
	if errors.As(err, &full) {
		return nil
	}
	return err
}

// commit ends a row, and the part when it is full.
func (t *table[P, K]) commit(b *openBlock[P, K]) error {
	err := b.buf.Commit()
	if t.opts.full(b.Messages, b.plain()) && !b.Closed {
		t.close(b)
		if b.eager { // it gets no more rows: its writer lets go of what it holds
			if err := t.finishBlock(b); err != nil {
				return err
			}
		}
	}
	if err != nil {
		return &spoolError{err}
	}
	return nil
}

// full reports whether a block of so many messages and bytes is a full part.
func (o *Options[P, K]) full(messages, size int64) bool {
	return (o.MaxMessages > 0 && messages >= int64(o.MaxMessages)) || (o.MaxBytes > 0 && size >= o.MaxBytes)
}

// close ends a part; the next message of its key and window opens another.
func (t *table[P, K]) close(b *openBlock[P, K]) {
	t.cut.Close(b.Block)
	if b.Kind == cutlog.KindDead {
		delete(t.dead, b.Window)
		return
	}
	if i := slices.Index(b.of.open, b); i >= 0 { // not by b.key: NaN, for one, is no key of a map
		b.of.open = slices.Delete(b.of.open, i, i+1)
	}
}

// addDead puts a dead letter into the block of its window.
func (t *table[P, K]) addDead(m *reader.Message, letter DeadLetter) error {
	window := engine.WindowStart(m.Time, t.opts.MaxAge)
	b := t.dead[window]
	if b == nil {
		b = t.newBlock(deadBlock(t.opts.Archive.Capture, window), *new(K))
		t.cut.Open(b.Block)
		t.dead[window] = b
	}
	return t.addLetter(b, m.Seq, letter)
}

// addLetter writes a dead letter as a row of b.
func (t *table[P, K]) addLetter(b *openBlock[P, K], seq uint64, letter DeadLetter) error {
	row, err := json.Marshal(letter)
	if err != nil {
		return &writerError{fmt.Errorf("encode the dead letter of sequence %d: %w", seq, err)}
	}
	if _, err := b.buf.Write(append(row, '\n')); err != nil {
		return &spoolError{err}
	}
	t.cut.Add(b.Block, seq, 1)
	return t.commit(b)
}

// deadBlock is a new block of dead letters.
func deadBlock(capture string, window int64) *engine.Block {
	return &engine.Block{
		Kind: cutlog.KindDead, Window: window, Suffix: "ndjson.gz",
		Dir: joinPath(cutlog.DeadPrefix(capture), engine.WindowDir(window)),
	}
}

// closedBytes returns how many bytes before compression the closed parts hold.
func (t *table[P, K]) closedBytes() (n int64) {
	for _, b := range t.blocks {
		if b.Closed {
			n += b.plain()
		}
	}
	return n
}

// finish flushes all writers, in the goroutine that wrote the rows.
func (t *table[P, K]) finish() error {
	for _, b := range t.blocks {
		if err := t.finishBlock(b); err != nil {
			return err
		}
	}
	return nil
}

func (t *table[P, K]) finishBlock(b *openBlock[P, K]) error {
	if err := b.finish(); err != nil {
		return &writerError{err}
	}
	return nil
}

// discard drops every block. What was read stays in the stream.
func (t *table[P, K]) discard() {
	for _, b := range t.blocks {
		_ = b.finish() // the file is dropped: what Flush says of it does not matter any more
		b.buf.Discard()
	}
}
