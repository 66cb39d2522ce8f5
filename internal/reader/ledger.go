package reader

import (
	"encoding/binary"
	"strconv"
	"time"
)

const (
	chunkSize    = 64 << 10
	maxEntrySize = 3 * binary.MaxVarintLen64
	// markEvery is the least time between two delivery times that a ledger keeps.
	markEvery = 50 * time.Millisecond
)

// ledger keeps what is needed to acknowledge the messages of one life of a consumer: the numbers in their reply
// subjects, as differences from one message to the next. A message costs 3 to 10 bytes. The consumer sequences cost
// nothing, because a life accepts only contiguous ones. It is not safe for concurrent use.
type ledger struct {
	prefix string   // of all reply subjects
	chunks [][]byte // three signed varints an entry; no entry spans two chunks
	head   int      // offset of the first entry in chunks[0]
	n      int      // entries
	front  entry    // the entry before the first; its consumer sequence is that of the last one taken
	back   entry    // the last entry
	marks  []mark   // delivery times, oldest first
}

// entry is one delivered message: the numbers in its reply subject, see ackToken.
type entry struct {
	dseq    uint64
	sseq    uint64
	time    int64
	pending uint64
}

// mark says that the messages from the mark before up to a consumer sequence were delivered at a time, or less than
// markEvery later.
type mark struct {
	dseq uint64
	at   time.Time
}

// add appends a message. Its consumer sequence must be the last one plus one.
func (l *ledger) add(t ackToken) {
	last := len(l.chunks) - 1
	if last < 0 || cap(l.chunks[last])-len(l.chunks[last]) < maxEntrySize {
		l.chunks = append(l.chunks, make([]byte, 0, chunkSize))
		last++
	}
	c := l.chunks[last]
	c = binary.AppendVarint(c, int64(t.sseq-l.back.sseq))
	c = binary.AppendVarint(c, t.time-l.back.time)
	c = binary.AppendVarint(c, int64(t.pending-l.back.pending))
	l.chunks[last] = c
	l.back = entry{dseq: l.back.dseq + 1, sseq: t.sseq, time: t.time, pending: t.pending}
	l.n++
}

// mark notes that the messages added since the last call are delivered now.
func (l *ledger) mark(now time.Time) {
	if n := len(l.marks); n > 0 && now.Sub(l.marks[n-1].at) < markEvery {
		l.marks[n-1].dseq = l.back.dseq
		return
	}
	l.marks = append(l.marks, mark{l.back.dseq, now})
}

// oldest returns when the oldest message in the ledger was delivered, or the zero time if the ledger is empty.
func (l *ledger) oldest() time.Time {
	for len(l.marks) > 0 && l.marks[0].dseq <= l.front.dseq {
		l.marks = l.marks[1:]
	}
	if len(l.marks) == 0 {
		return time.Time{}
	}
	return l.marks[0].at
}

// cursor walks over the entries of a ledger, which must not change meanwhile. It stands before an entry until next is
// called.
type cursor struct {
	l     *ledger
	chunk int   // where the next entry is
	off   int   // where it begins in its chunk
	left  int   // entries still to come
	entry entry // the present entry
}

func (l *ledger) entries() cursor { return cursor{l: l, off: l.head, left: l.n, entry: l.front} }

// next moves to the next entry and reports whether there is one.
func (c *cursor) next() bool {
	if c.left == 0 {
		return false
	}
	if c.off >= len(c.l.chunks[c.chunk]) {
		c.chunk, c.off = c.chunk+1, 0
	}
	buf := c.l.chunks[c.chunk]
	var d [3]int64
	for i := range d {
		v, n := binary.Varint(buf[c.off:])
		d[i], c.off = v, c.off+n
	}
	e := &c.entry
	*e = entry{dseq: e.dseq + 1, sseq: e.sseq + uint64(d[0]), time: e.time + d[1], pending: e.pending + uint64(d[2])}
	c.left--
	return true
}

// first returns the oldest entry and reports whether there is one.
func (l *ledger) first() (entry, bool) {
	c := l.entries()
	ok := c.next()
	return c.entry, ok
}

// take removes at most limit entries from the front whose stream sequence is at most to, and returns their reply
// subjects.
func (l *ledger) take(to uint64, limit int) (replies []string) {
	c := l.entries()
	for range limit {
		before := c
		if !c.next() {
			break
		}
		if c.entry.sseq > to {
			c = before
			break
		}
		replies = append(replies, l.reply(c.entry))
	}
	l.chunks = l.chunks[c.chunk:]
	l.head, l.n, l.front = c.off, c.left, c.entry
	if l.n == 0 {
		l.chunks, l.head = nil, 0
	}
	return replies
}

// reply rebuilds the reply subject of an entry. Every message in a ledger is a first delivery.
func (l *ledger) reply(e entry) string {
	b := make([]byte, 0, len(l.prefix)+64)
	b = append(b, l.prefix...)
	b = append(b, "1."...)
	b = strconv.AppendUint(b, e.sseq, 10)
	b = append(b, '.')
	b = strconv.AppendUint(b, e.dseq, 10)
	b = append(b, '.')
	b = strconv.AppendInt(b, e.time, 10)
	b = append(b, '.')
	b = strconv.AppendUint(b, e.pending, 10)
	return string(b)
}
