package spool

import "sync"

// content is a sequence of bytes. The older ones are in the file, the newer ones in chunks.
type content struct {
	last    extent // newest extent in the file; each says where the one before is
	spilled int64  // bytes in the file
	chunks  [][]byte
	mem     int64 // bytes in chunks
	held    int64 // what the chunks count for in the budget; written under mu and memory.mu
	again   bool  // a later step turns these bytes into others: plain rows, kept messages
}

func (c *content) len() int64 { return c.spilled + c.mem }

// A stash is a content that can be spilled whenever nobody holds its lock.
type stash struct {
	mu sync.Mutex // guards content
	content
	packed bool // the bytes are compressed; never changes

	// Guarded by memory.mu.
	rank       uint8
	prev, next *stash
}

// append copies p behind the bytes of t, whose lock the caller holds.
func (t *stash) append(m *memory, p []byte) {
	t.mem += int64(len(p))
	for {
		if n := len(t.chunks); n > 0 {
			c := t.chunks[n-1]
			k := copy(c[len(c):cap(c)], p)
			t.chunks[n-1] = c[:len(c)+k]
			p = p[k:]
		}
		if len(p) == 0 {
			return
		}
		m.grow(t, len(p))
	}
}

// truncate drops the newest n bytes, which must be in chunks. The caller holds the lock.
func (t *stash) truncate(m *memory, n int64) {
	t.mem -= n
	last := len(t.chunks)
	for n > 0 {
		c := t.chunks[last-1]
		k := min(n, int64(len(c)))
		t.chunks[last-1] = c[:int64(len(c))-k]
		n -= k
		if int64(len(c)) == k {
			last--
		}
	}
	if last < len(t.chunks) {
		m.shorten(t, last)
	}
}

// copyChunks copies the bytes in chunks from offset at on, counted from the first one in memory.
func (c *content) copyChunks(p []byte, at int64) (n int) {
	for _, chunk := range c.chunks {
		if at >= int64(len(chunk)) {
			at -= int64(len(chunk))
			continue
		}
		n += copy(p[n:], chunk[at:])
		at = 0
		if n == len(p) {
			break
		}
	}
	return n
}
