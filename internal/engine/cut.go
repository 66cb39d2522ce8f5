// Package engine takes the decisions of a capture: which window a message belongs to, when a cut is due, what a plan
// holds, in which order a cut is committed, where an interrupted capture goes on, what a redo must make.
//
// It has no clock, and no I/O but the small interfaces that it declares, so that a simulation can drive the code that
// production runs. It starts no goroutine. Redoer.Each may call it back from several at a time; methods for which
// that is allowed say so. cutlog.EncodePlan checks a plan on a goroutine of its own, which has ended when the call
// returns.
package engine

import (
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
)

// Block is the bookkeeping of one open block: everything that a plan says about it.
type Block struct {
	Kind     cutlog.Kind
	Key      []cutlog.Text
	Dir      string // directory below the root
	Suffix   string // of the file, without a leading dot
	Window   int64  // start, nanoseconds since the Unix epoch
	Messages int64
	Rows     int64
	Seqs     cutlog.SeqSet
	Closed   bool // a full part: the next message of this key and window opens another block
}

// Cut is what was read of a range of the stream, as far as a plan needs it. The owner of the open blocks uses it, from
// one goroutine at a time.
type Cut struct {
	From     uint64 // last sequence before the range
	Through  uint64 // every sequence up to here is in a set, or was proved absent
	Blocks   []*Block
	Skipped  cutlog.SeqSet
	Last     cutlog.Anchor // the last message delivered, or the anchor of the cut before
	Messages int64         // in blocks, dead letters included
	Dead     int64         // dead letters

	marks marks
	open  int // blocks that are not closed

	holes   cutlog.SeqSet // all of them, when there were as many as holesOf says
	holesOf holeCount
}

// NewCut starts collecting after the sequence from, whose anchor is anchor.
func NewCut(from uint64, anchor cutlog.Anchor) *Cut {
	return &Cut{From: from, Through: from, Last: anchor, marks: marks{stride: 1}}
}

// Next returns an empty cut that begins where c ends. Nothing may be added to c any more except by Join.
func (c *Cut) Next() *Cut {
	return &Cut{From: c.Through, Through: c.Through, Last: c.Last, marks: c.marks.next()}
}

// Join adds everything of next, which begins where c ends, and must not be used any more.
func (c *Cut) Join(next *Cut) {
	c.Through, c.Last = next.Through, next.Last
	c.Blocks = append(c.Blocks, next.Blocks...)
	c.Skipped = joinSets(c.Skipped, next.Skipped)
	c.Messages += next.Messages
	c.Dead += next.Dead
	c.open += next.open
	c.marks.join(next.marks)
}

// joinSets returns the union of two sets. It is cheap if more lies behind s, as it does unless a consumer is shared.
func joinSets(s, more cutlog.SeqSet) cutlog.SeqSet {
	if !more.Empty() && more.First() <= s.Last() {
		return s.Union(more)
	}
	for first, last := range more.Runs() {
		s.AddRange(first, last)
	}
	return s
}

// Marks counts a message that was delivered, and reports whether the plan may need its anchor: then Mark follows. They
// are few, so that most messages need not be hashed.
func (c *Cut) Marks() bool {
	c.marks.at++
	return c.marks.at&(c.marks.stride-1) == 0
}

// Mark keeps the anchor of the message that was just counted. When there are too many, it drops every second one, and
// from then on they are twice as far apart.
func (c *Cut) Mark(a cutlog.Anchor) { c.marks.add(a) }

// anchors returns the marks before the last message, which has an anchor of its own.
func (c *Cut) anchors() []cutlog.Anchor { return c.marks.before(c.Last.Seq) }

// Open adds an open block.
func (c *Cut) Open(b *Block) {
	c.Blocks = append(c.Blocks, b)
	c.open++
}

// Add notes that the message with the stream sequence seq became rows of the block b.
func (c *Cut) Add(b *Block, seq uint64, rows int) {
	add(&b.Seqs, seq)
	b.Messages++
	b.Rows += int64(rows)
	c.Messages++
	if b.Kind == cutlog.KindDead {
		c.Dead++
	}
}

// Skip notes that the message with the stream sequence seq was left out on purpose.
func (c *Cut) Skip(seq uint64) { add(&c.Skipped, seq) }

// add adds a sequence. Only a shared consumer delivers one below the last.
func add(s *cutlog.SeqSet, seq uint64) {
	if seq <= s.Last() {
		*s = s.Union(cutlog.NewSeqSet(seq))
		return
	}
	s.Add(seq)
}

// Take takes messages out of b that could not be written when it was sealed.
func (c *Cut) Take(b *Block, seqs cutlog.SeqSet) {
	b.Seqs = b.Seqs.Minus(seqs)
	b.Messages -= int64(seqs.Count())
	c.Messages -= int64(seqs.Count())
}

// Close notes that b is full.
func (c *Cut) Close(b *Block) {
	b.Closed = true
	c.open--
}

// Empty reports that no message was read since the last cut.
func (c *Cut) Empty() bool { return len(c.Blocks) == 0 && c.Skipped.Empty() }

// Moved reports whether there is anything to cut: messages, or proved absence.
func (c *Cut) Moved() bool { return c.Through > c.From || !c.Empty() }

// PlanBytes estimates the size of the cut's plan before compression.
func (c *Cut) PlanBytes() int {
	n := c.Skipped.EncodedLen()
	for _, b := range c.Blocks {
		n += (&cutlog.Block{Key: b.Key, Dir: b.Dir, Seqs: b.Seqs}).EncodedLen()
	}
	return n
}

// WindowStart returns the start of the window that holds the time t. Both are in nanoseconds since the Unix epoch,
// and windows are aligned to the epoch.
func WindowStart(t int64, maxAge time.Duration) int64 {
	m := int64(maxAge)
	r := t % m
	if r < 0 {
		r += m
	}
	return t - r
}

// WindowDir is the default directory of a window: YYYY/MM/DD/HH/mm of its start, in UTC.
func WindowDir(start int64) string {
	return time.Unix(0, start).UTC().Format("2006/01/02/15/04")
}

// StoreName is the file name of a block in a Store. It ends in 8 hex digits of the SHA-256 of the stream's creation
// time and the block's exact sequences, so that an equal name means equal messages.
func StoreName(stream string, created time.Time, seqs cutlog.SeqSet, suffix string) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s,", created.UTC().Format(time.RFC3339Nano))
	for first, last := range seqs.Runs() {
		fmt.Fprintf(h, "%d-%d,", first, last)
	}
	name := fmt.Sprintf("%s-%020d-%020d-%x", cutlog.EscapeSegment(stream), seqs.First(), seqs.Last(), h.Sum(nil)[:4])
	if suffix == "" {
		return name
	}
	return name + "." + suffix
}
