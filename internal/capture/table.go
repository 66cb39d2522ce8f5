package capture

import (
	"slices"
	"strings"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/engine"
	"github.com/jetcapture/jetcapture/internal/reader"
)

// Table holds the blocks of one cut. The loop owns it while the cut is open, then the goroutine that stores the cut; a redo
// owns its own.
type Table struct {
	*Maker
	cut    *engine.Cut
	keys   Keys
	blocks []*Block
	groups [][]*Block       // by Group: the open blocks, one for each window
	dead   map[int64]*Block // open blocks of dead letters by window
	free   int64            // room for writers that are fed early
	one    Batch            // a slot for the message that decode decodes
	keeper keptWriter
}

// NewTable returns an empty table, which counts its messages in cut.
func (k *Maker) NewTable(cut *engine.Cut) *Table {
	t := &Table{Maker: k, cut: cut, keys: k.user.NewKeys(), dead: map[int64]*Block{}, one: k.user.NewBatch()}
	if !k.writers.patient {
		t.free = k.room
	}
	return t
}

// decode decodes one message, one call at a time unless DecodeWorkers allows more. The next call overwrites the item.
func (t *Table) decode(m *reader.Message) (Item, error) {
	t.one.Reset(1)
	return Item{Message: m, Batch: t.one}, t.Maker.decode(t.one, 0, m)
}

// add puts an item into the block of its key and window. An error is a *blockError, or says why the message is skipped or
// poison.
func (t *Table) add(it Item) error {
	b, err := t.block(it, engine.WindowStart(it.Message.Time, t.cfg.MaxAge))
	if err != nil {
		return err
	}
	return t.Add(b, it)
}

// block returns the open block of an item's key and window.
func (t *Table) block(it Item, window int64) (*Block, error) {
	n, err := t.keys.Group(it.Batch, it.Slot)
	if err != nil {
		return nil, err
	}
	for int(n) >= len(t.groups) {
		t.groups = append(t.groups, nil)
	}
	for _, b := range t.groups[n] {
		if b.Window == window {
			return b, nil
		}
	}
	dir, key, err := t.keys.Dir(n, window)
	if err != nil {
		return nil, err
	}
	b, err := t.open(&engine.Block{Kind: cutlog.KindData, Key: key, Dir: dir, Suffix: t.suffix, Window: window})
	if err != nil {
		return nil, &blockError{writerFailed, err}
	}
	b.group = n
	t.groups[n] = append(t.groups[n], b)
	return b, nil
}

// open opens a block of data.
func (t *Table) open(e *engine.Block) (*Block, error) {
	b := &Block{Block: e}
	err := t.begin(b)
	if b.buf != nil { // also after an error: Discard ends the writer
		t.blocks = append(t.blocks, b)
	}
	if err != nil {
		return nil, err
	}
	t.cut.Open(e)
	return b, nil
}

// begin makes the writer of a block of data, or finds that its messages must be kept.
func (t *Table) begin(b *Block) error {
	if t.writers.keeps(t.free) {
		t.keep(b)
		return nil
	}
	w, err := t.user.NewWriter()
	if err != nil {
		return err
	}
	held := w.Held()
	t.writers.learn(held)
	switch {
	case held == HoldsNothing:
		b.buf, b.fill = t.spool.NewBuffer(t.codec), streaming{w}
	case t.writers.keeps(t.free):
		t.keep(b)
		return nil
	default:
		t.feedEarly(b, w, int64(held))
	}
	return b.start(w)
}

// feedEarly reserves the room that the writer of b takes while the block is open.
func (t *Table) feedEarly(b *Block, w Writer, held int64) {
	t.free -= held
	t.spool.Charge(held)
	b.buf, b.fill = t.spool.NewBuffer(t.codec), &early{w: w, release: func() {
		t.free += held
		t.spool.Charge(-held)
	}}
}

// keep makes b a block that keeps its messages.
func (t *Table) keep(b *Block) { b.buf, b.fill = t.spool.NewBuffer(nil), keeping{} }

// Add puts an item into b. An error is a *blockError, or says why the message is poison.
func (t *Table) Add(b *Block, it Item) error {
	if b.keeps() {
		return t.keepMessage(b, it.Message)
	}
	before := b.buf.Len()
	rows, err := b.write(it)
	if err != nil {
		return err
	}
	switch f := b.fill.(type) {
	case streaming:
		if b.Messages == 0 && rows > 0 && b.buf.Len() == before {
			return t.keepFrom(b, it.Message)
		}
	case *early:
		f.taken += int64(it.Message.Size)
	}
	t.cut.Add(b.Block, it.Message.Seq, rows)
	return t.commit(b)
}

// keepFrom turns b, of which m is the first message, into a block that keeps its messages: the writer has added no byte, so
// it holds rows back without saying so.
func (t *Table) keepFrom(b *Block, m *reader.Message) error {
	t.writers.learn(HoldsUnknown)
	if err := b.finish(); err != nil {
		return err
	}
	b.buf.Discard()
	t.keep(b)
	return t.keepMessage(b, m)
}

func (t *Table) keepMessage(b *Block, m *reader.Message) error {
	if err := t.keeper.write(b.buf, m); err != nil {
		return &blockError{spoolFull, err}
	}
	t.cut.Add(b.Block, m.Seq, 0)
	return t.commit(b)
}

// commit ends a row, and the part when it is full.
func (t *Table) commit(b *Block) error {
	err := b.buf.Commit()
	if !b.Closed && t.cfg.full(b.Messages, b.fill.size(b)) {
		t.close(b)
		if _, ok := b.fill.(*early); ok { // it gets no more rows: its writer lets go of what it holds
			if err := b.finish(); err != nil {
				return err
			}
		}
	}
	if err != nil {
		return &blockError{spoolFull, err}
	}
	return nil
}

// close ends a part; the next message of its key and window opens another.
func (t *Table) close(b *Block) {
	t.cut.Close(b.Block)
	if b.Kind == cutlog.KindDead {
		delete(t.dead, b.Window)
		return
	}
	open := t.groups[b.group]
	if i := slices.Index(open, b); i >= 0 {
		t.groups[b.group] = slices.Delete(open, i, i+1)
	}
}

// closedBytes returns how many bytes before compression the closed parts hold.
func (t *Table) closedBytes() (n int64) {
	for _, b := range t.blocks {
		if b.Closed {
			n += b.fill.size(b)
		}
	}
	return n
}

// finish flushes all writers, in the goroutine that wrote the rows.
func (t *Table) finish() error {
	for _, b := range t.blocks {
		if err := b.finish(); err != nil {
			return err
		}
	}
	return nil
}

// Discard drops every block. Their messages stay in the stream.
func (t *Table) Discard() {
	for _, b := range t.blocks {
		b.drop()
	}
}

// joinSuffix joins the suffixes of a format and of a compression.
func joinSuffix(format, compression string) string {
	return strings.Trim(format+"."+compression, ".")
}
