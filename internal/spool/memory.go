package spool

import (
	"math/bits"
	"sync"
	"sync/atomic"
)

// The sizes of chunks are powers of two. A stash grows by about half of what it has, so that very many keys cost little
// each, and a busy one takes few steps.
const (
	minChunk     = 256
	maxChunk     = 32 << 10
	chunkClasses = 8
	chunkCost    = 32 // what a slice header costs in a list that grows by doubling
)

// readyPacked is the size from which on compressed bytes go to disk before any plain ones. They are denser, and are not
// needed before the file is stored, while plain ones are read back to be compressed.
const readyPacked = 4 << 10

// memory hands out chunks, counts everything against the budget, and knows which stash holds how much.
type memory struct {
	budget int64
	pool   *Pool        // nil: the budget is this spool's alone
	used   atomic.Int64 // bytes in use
	fixed  atomic.Int64 // the part of used that serves all blocks, whatever they hold

	mu     sync.Mutex // guards the following, and what stash says
	cached int64      // free chunks; used + cached stays within the budget if used does
	free   [chunkClasses][][]byte

	// Stashes with something to spill, by rank. Each list holds those of about the same weight, oldest first.
	ranks     [ranks]list
	spillable atomic.Int64 // bytes that the stashes in the lists hold; written under mu
}

// ranks is the number of ranks: one for each power of two of bytes held, and a last one for compressed bytes that are
// worth a write.
const ranks = 65

// charge counts n bytes against the budget, chargeFixed also as those of all blocks.
func (m *memory) charge(n int64) {
	m.used.Add(n)
	if m.pool != nil {
		m.pool.used.Add(n)
	}
}

func (m *memory) chargeFixed(n int64) {
	m.fixed.Add(n)
	m.charge(n)
}

// cache counts n bytes of free chunks. The caller holds mu.
func (m *memory) cache(n int64) {
	m.cached += n
	if m.pool != nil {
		m.pool.cached.Add(n)
	}
}

// spare is how many bytes may be free chunks. The caller holds mu.
func (m *memory) spare() int64 {
	if m.pool != nil {
		return m.pool.memory - m.pool.used.Load() - m.pool.cached.Load() + m.cached
	}
	return m.budget - m.used.Load()
}

func (m *memory) held() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.used.Load() + m.cached
}

// chunkFor returns the size of the next chunk of a stash that holds held bytes and has n to come now.
func chunkFor(held int64, n int) int {
	want := max(min(held/2, maxChunk), minChunk, int64(min(n, maxChunk)))
	return 1 << (bits.Len64(uint64(want)) - 1)
}

func chunkClass(size int) int { return bits.Len(uint(size)/minChunk) - 1 }

// grow adds a chunk to t, whose lock the caller holds, for n bytes to come.
func (m *memory) grow(t *stash, n int) {
	size := chunkFor(t.held, n)
	m.mu.Lock()
	defer m.mu.Unlock()
	t.chunks = append(t.chunks, m.take(size))
	cost := int64(size) + chunkCost
	m.charge(cost)
	m.weigh(t, cost)
}

// take returns an empty chunk. If none of this size is cached, cached chunks of other sizes are dropped first, so that
// a changed mix of sizes does not cost twice. The caller holds mu.
func (m *memory) take(size int) []byte {
	class := chunkClass(size)
	if n := len(m.free[class]); n > 0 {
		c := m.free[class][n-1]
		m.free[class][n-1] = nil
		m.free[class] = m.free[class][:n-1]
		m.cache(-int64(size))
		return c
	}
	m.shrink(m.spare() - int64(size))
	return make([]byte, 0, size)
}

// shrink gives cached chunks to the garbage collector until at most limit bytes of them are left.
func (m *memory) shrink(limit int64) {
	for class := chunkClasses - 1; class >= 0 && m.cached > max(limit, 0); class-- {
		list := m.free[class]
		for len(list) > 0 && m.cached > max(limit, 0) {
			list[len(list)-1] = nil
			list = list[:len(list)-1]
			m.cache(-int64(minChunk) << class)
		}
		m.free[class] = list
	}
}

// put takes back chunks whose stash is in no list any more.
func (m *memory) put(chunks [][]byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.putLocked(chunks)
}

// putLocked takes back chunks and returns what they counted for. The caller holds mu.
func (m *memory) putLocked(chunks [][]byte) (freed int64) {
	for _, c := range chunks {
		size := int64(cap(c))
		freed += size + chunkCost
		if m.cached+size-freed <= m.spare() {
			class := chunkClass(cap(c))
			m.free[class] = append(m.free[class], c[:0])
			m.cache(size)
		}
	}
	m.charge(-freed)
	return freed
}

// weigh changes what t holds and moves it to the list of its rank. The caller holds mu.
func (m *memory) weigh(t *stash, by int64) {
	t.held += by
	m.spillable.Add(by)
	m.place(t, rank(t))
}

// unlist takes t out of the lists and returns its content, which cannot be spilled then but still counts.
func (m *memory) unlist(t *stash) content {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := t.content
	m.weigh(t, -t.held)
	t.content = content{again: c.again}
	return c
}

// adopt puts a content that is in memory and in no list behind that of t, whose lock the caller holds.
func (m *memory) adopt(t *stash, c content) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t.chunks = append(t.chunks, c.chunks...)
	t.mem += c.mem
	m.weigh(t, c.held)
}

// shorten drops the chunks of t from index n on.
func (m *memory) shorten(t *stash, n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	freed := m.putLocked(t.chunks[n:])
	clear(t.chunks[n:])
	t.chunks = t.chunks[:n]
	m.weigh(t, -freed)
}

// rank returns the rank of a stash by what it holds.
func rank(t *stash) uint8 {
	if t.packed && t.held >= readyPacked {
		return ranks - 1
	}
	return uint8(bits.Len64(uint64(t.held)))
}

// place moves t to the list of rank r; rank 0 has no list. The caller holds mu.
func (m *memory) place(t *stash, r uint8) {
	if t.rank == r {
		return
	}
	if t.rank != 0 {
		m.ranks[t.rank].remove(t)
	}
	if t.rank = r; r != 0 {
		m.ranks[r].push(t)
	}
}

// list is a doubly linked list through the stashes themselves.
type list struct{ first, last *stash }

func (l *list) push(t *stash) {
	t.prev, t.next = l.last, nil
	if l.last == nil {
		l.first = t
	} else {
		l.last.next = t
	}
	l.last = t
}

func (l *list) remove(t *stash) {
	if t.prev == nil {
		l.first = t.next
	} else {
		t.prev.next = t.next
	}
	if t.next == nil {
		l.last = t.prev
	} else {
		t.next.prev = t.prev
	}
	t.prev, t.next = nil, nil
}
