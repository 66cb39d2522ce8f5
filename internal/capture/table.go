package capture

import (
	"slices"
	"strings"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/engine"
	"github.com/jetcapture/jetcapture/internal/reader"
)

// Table holds the blocks of a range of the stream. The loop owns it until the range is cut, then the goroutine that
// stores the cut. A redo has a table of its own.
type Table struct {
	*Maker
	cut    *engine.Cut // counts the messages of the blocks
	keys   Keys
	blocks []*Block         // all of them, in the order in which they were opened
	groups [][]*Block       // by Group, the blocks that take more messages, one for each window
	dead   map[int64]*Block // by window, the blocks that take more dead letters; nil before the first
	free   int64            // bytes that further writers may hold that are fed early
	one    Batch            // a slot for decode
	keeper keptWriter
}

// NewTable returns an empty table that counts its messages in cut. The goroutine of Run.Live calls it.
func (k *Maker) NewTable(cut *engine.Cut) *Table {
	t := &Table{Maker: k, cut: cut, keys: k.user.NewKeys(), one: k.user.NewBatch()}
	if !k.writers.patient {
		t.free = k.room()
	}
	return t
}

// freeze says that no message follows. It flushes the writers of all blocks, and gives up what only more messages would
// need.
func (t *Table) freeze() error {
	t.keys.Freeze()
	t.groups, t.dead = nil, nil
	return t.finish()
}

// next returns an empty table for what follows behind t, which is frozen. A backfill may begin a table for each
// message, so this is cheap.
func (t *Table) next() *Table {
	n := &Table{Maker: t.Maker, cut: t.cut.Next(), keys: t.user.NewKeys(), one: t.one, keeper: t.keeper}
	if !t.writers.patient {
		n.free = t.room()
	}
	return n
}

// join adds the blocks of next, which holds what follows, and must not be used any more.
func (t *Table) join(next *Table) {
	t.cut.Join(next.cut)
	t.blocks = append(t.blocks, next.blocks...)
}

// decode decodes one message, one call at a time unless DecodeWorkers allows more. The next call overwrites the item.
func (t *Table) decode(m *reader.Message) (Item, error) {
	t.one.Reset(1)
	return Item{Message: m, Batch: t.one}, t.Maker.decode(t.one, 0, m)
}

// add puts an item into the block of its key and window. An error is a *blockError, or it says why the message is
// skipped or poison.
func (t *Table) add(it Item) error {
	b, err := t.block(it, engine.WindowStart(it.Message.Time, t.cfg.MaxAge))
	if err != nil {
		return err
	}
	return t.Add(b, it)
}

// block returns the block that takes the messages of an item's key and window. It opens one if there is none.
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
	b.keys, b.group = t.keys, n
	t.groups[n] = append(t.groups[n], b)
	return b, nil
}

// open opens a block of data.
func (t *Table) open(e *engine.Block) (*Block, error) {
	b := &Block{Block: e}
	err := t.begin(b)
	if b.buf != nil { // after an error, too, so that Discard ends the writer
		t.blocks = append(t.blocks, b)
	}
	if err != nil {
		return nil, err
	}
	t.cut.Open(e)
	return b, nil
}

// begin gives a block of data a writer, or finds that its messages must be kept. Until one writer has said what it
// holds, a writer has to be made to be asked.
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

// feedEarly reserves the memory that the writer of b holds while the block is open, here and in the spool's budget.
func (t *Table) feedEarly(b *Block, w Writer, held int64) {
	t.free -= held
	t.spool.Charge(held)
	b.buf, b.fill = t.spool.NewBuffer(t.codec), &early{w: w, release: func() {
		t.free += held
		t.spool.Charge(-held)
	}}
}

// keep makes b a block that keeps its messages. They are not compressed, since they are read again soon.
func (t *Table) keep(b *Block) { b.buf, b.fill = t.spool.NewBuffer(nil), keeping{} }

// Add puts an item into b. An error is a *blockError, or it says why the message is poison. After a *blockError with
// spoolFull, the message is in the block.
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

// keepFrom turns b, of which m is the first message, into a block that keeps its messages. Its writer has taken a row
// and written no byte, so it holds rows back although it is no BufferedWriter.
func (t *Table) keepFrom(b *Block, m *reader.Message) error {
	t.writers.learn(HoldsUnknown)
	if err := b.finish(); err != nil {
		return err
	}
	b.buf.Discard()
	t.keep(b)
	return t.keepMessage(b, m)
}

// keepMessage puts a message into a block that keeps its messages.
func (t *Table) keepMessage(b *Block, m *reader.Message) error {
	if err := t.keeper.write(b.buf, m); err != nil {
		return &blockError{spoolFull, err}
	}
	t.cut.Add(b.Block, m.Seq, 0)
	return t.commit(b)
}

// commit ends a row, and closes the block if it is complete as a part.
func (t *Table) commit(b *Block) error {
	err := b.buf.Commit()
	if !b.Closed && t.cfg.full(b.Messages, b.fill.size(b)) {
		t.close(b)
		if _, ok := b.fill.(*early); ok { // it gets no more rows, so its writer need not hold memory any more
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

// close says that a block takes no more messages. The next message of its key and window opens another block.
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

// finish flushes the writers of all blocks. The goroutine that wrote the rows calls it.
func (t *Table) finish() error {
	for _, b := range t.blocks {
		if err := b.finish(); err != nil {
			return err
		}
	}
	return nil
}

// Discard drops all blocks. Their messages stay in the stream.
func (t *Table) Discard() {
	for _, b := range t.blocks {
		b.drop()
	}
}

// joinSuffix joins the suffixes of a format and of a compression.
func joinSuffix(format, compression string) string {
	return strings.Trim(format+"."+compression, ".")
}
