package spool

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
)

// compressors make frames on a few goroutines, which run while frames wait. The frames of a block are added to it in
// their order: each waits for the one before. That one left its line earlier, so a worker has it, and nobody waits
// for a frame in a line.
//
// Each spool has a line of its own, and the lines take turns: many frames of one spool do not hold up the few of
// another.
type compressors struct {
	workers int
	limit   int64         // plain bytes of frames in flight, which the first frame of each spool may exceed
	charge  func(n int64) // counts the room that the workers keep

	mu       sync.Mutex // guards the following, and the lines
	changed  sync.Cond  // of a line or inFlight
	turns    []*line    // with frames that wait; the first one is next
	inFlight int64
	running  int
	idle     []*worker      // room of workers that have ended, for the next ones
	wg       sync.WaitGroup // the workers
}

// line is the frames of one spool that wait for a compressor.
type line struct {
	inFlight atomic.Int64 // plain bytes, also of the frames that are being compressed; written under compressors.mu
	queue    []*job       // oldest first; guarded, as what follows, by compressors.mu
	begun    int          // frames that are being compressed
	closed   bool
}

// A job is a frame on its way to its file. The worker that took it from its line owns it.
type job struct {
	content
	out  *Sealed
	prev <-chan struct{} // closed when the frame before was added; nil: this is the first
	done chan struct{}   // closed when this one was added, or has failed
	size int64           // plain bytes
}

func newCompressors(cfg Config, charge func(n int64)) *compressors {
	c := &compressors{workers: cfg.Workers, limit: int64(2*cfg.Workers) * int64(cfg.FrameSize), charge: charge}
	c.changed.L = &c.mu
	return c
}

// submit hands over a frame. It waits while too many are in flight, so slow compressors hold back the owner of the
// block.
func (c *compressors) submit(j *job) error {
	if !c.enqueue(j) {
		j.fail(j.out.s, ErrClosed)
		return ErrClosed
	}
	return nil
}

// enqueue returns false after the spool was closed.
func (c *compressors) enqueue(j *job) bool {
	size, l := j.len(), &j.out.s.line
	j.size = size
	c.mu.Lock()
	defer c.mu.Unlock()
	for !l.closed && l.inFlight.Load() > 0 && c.inFlight+size > c.limit {
		c.changed.Wait()
	}
	if l.closed {
		return false
	}
	l.inFlight.Add(size)
	c.inFlight += size
	if l.queue = append(l.queue, j); len(l.queue) == 1 {
		c.turns = append(c.turns, l)
	}
	if c.running < c.workers {
		c.start()
	}
	return true
}

// start runs another worker. The caller holds mu.
func (c *compressors) start() {
	c.running++
	w := &worker{}
	if n := len(c.idle); n > 0 {
		w, c.idle = c.idle[n-1], c.idle[:n-1]
	}
	c.wg.Go(func() { c.run(w) })
}

// run is the goroutine of a worker.
func (c *compressors) run(w *worker) {
	for j := c.next(w); j != nil; j = c.next(w) {
		l := &j.out.s.line
		c.charge(w.compress(j.out.s, j))
		c.finished(l, j.size)
	}
}

// next returns the oldest frame of the line whose turn it is. If there is none, it returns nil, and the worker ends.
func (c *compressors) next(w *worker) *job {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.turns) == 0 {
		c.running--
		c.idle, c.turns = append(c.idle, w), nil
		return nil
	}
	l := c.turns[0]
	c.turns = c.turns[1:]
	j := l.queue[0]
	l.queue[0] = nil
	if l.queue = l.queue[1:]; len(l.queue) > 0 {
		c.turns = append(c.turns, l)
	} else {
		l.queue = nil
	}
	l.begun++
	return j
}

func (c *compressors) finished(l *line, size int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	l.begun--
	l.inFlight.Add(-size)
	c.inFlight -= size
	c.changed.Broadcast()
}

// leave takes no more frames from a line, fails those that wait in it, and returns when none of them is being
// compressed.
func (c *compressors) leave(l *line) {
	c.mu.Lock()
	l.closed = true
	c.turns = slices.DeleteFunc(c.turns, func(other *line) bool { return other == l })
	waiting := l.queue
	l.queue = nil
	c.changed.Broadcast()
	c.mu.Unlock()
	for _, j := range waiting { // first: one that is being compressed may wait for them, never the other way round
		j.fail(j.out.s, ErrClosed)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, j := range waiting {
		c.inFlight -= j.size
		l.inFlight.Add(-j.size)
	}
	for l.begun > 0 {
		c.changed.Wait()
	}
}

// rest drops the room of workers that have ended.
func (c *compressors) rest() {
	c.mu.Lock()
	idle := c.idle
	c.idle = nil
	c.mu.Unlock()
	for _, w := range idle {
		c.charge(-w.charged)
	}
}

// fail gives up a frame that is not being compressed, and with it the file.
func (j *job) fail(s *Spool, err error) {
	s.drop(j.content)
	j.out.fail(err)
	close(j.done)
}

// A worker keeps the room for a frame and its compressed bytes from one frame to the next. It belongs to one goroutine.
type worker struct {
	plain, packed []byte
	charged       int64 // what the room counts for in the budget
}

// compress makes the frame of a job. It returns by how much the room has grown that the worker keeps.
func (w *worker) compress(s *Spool, j *job) (grown int64) {
	w.make(s, j)
	return w.settle(s)
}

// make is compress without the accounting.
func (w *worker) make(s *Spool, j *job) {
	defer close(j.done)
	if j.out.failure() != nil { // most likely discarded
		s.drop(j.content)
		return
	}
	frame, err := w.load(s, j)
	if err == nil {
		w.packed = j.out.packer().Append(w.packed[:0], frame)
	}
	if j.prev != nil {
		<-j.prev
	}
	if err != nil {
		j.out.fail(fmt.Errorf("read rows back to compress them: %w", err))
		return
	}
	j.out.add(w.packed)
}

// load copies the frame into one piece and gives back the room that it had.
func (w *worker) load(s *Spool, j *job) ([]byte, error) {
	head := headerSize + int(j.spilled)
	if need := headerSize + int(j.len()); cap(w.plain) < need {
		w.plain = make([]byte, need+need/16)
	}
	w.plain = w.plain[:headerSize+j.len()]
	j.copyChunks(w.plain[head:], 0)
	s.mem.put(j.chunks)
	s.again.Add(-j.spilled)
	err := s.file.readBack(j.last, w.plain[:head])
	return w.plain[headerSize:], err
}

// settle returns by how much the room has grown that the worker keeps. Room that only a huge row needed is dropped.
func (w *worker) settle(s *Spool) (grown int64) {
	if cap(w.plain) > 4*s.cfg.FrameSize+maxChunk {
		w.plain, w.packed = nil, nil
	}
	now := int64(cap(w.plain) + cap(w.packed))
	grown = now - w.charged
	w.charged = now
	return grown
}
