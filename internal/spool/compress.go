package spool

import (
	"fmt"
	"sync"
	"sync/atomic"
)

// compressors make frames on a few goroutines. The frames of a block are added to it in their order: each waits for the
// one before. That one left the queue earlier, so a worker has it, and nobody waits for a frame in the queue.
type compressors struct {
	s       *Spool
	workers int
	limit   int64 // plain bytes of frames in flight, which one frame alone may exceed

	inFlight atomic.Int64 // written under mu

	mu      sync.Mutex // guards the following
	changed sync.Cond  // of queue, inFlight or closed
	queue   []*job     // oldest first
	started bool
	closed  bool
	wg      sync.WaitGroup // the workers
}

// A job is a frame on its way to its file. The worker that took it from the queue owns it.
type job struct {
	content
	out  *Sealed
	prev <-chan struct{} // closed when the frame before was added; nil: this is the first
	done chan struct{}   // closed when this one was added, or has failed
}

func (c *compressors) init(s *Spool, cfg Config) {
	c.s, c.workers = s, cfg.Workers
	c.limit = int64(2*cfg.Workers) * int64(cfg.FrameSize)
	c.changed.L = &c.mu
}

// submit hands over a frame. It waits while too many are in flight, so slow compressors hold back the owner of the
// block.
func (c *compressors) submit(j *job) error {
	if !c.enqueue(j) {
		j.fail(c.s, ErrClosed)
		return ErrClosed
	}
	return nil
}

// enqueue returns false after close.
func (c *compressors) enqueue(j *job) bool {
	size := j.len()
	c.mu.Lock()
	defer c.mu.Unlock()
	for !c.closed && c.inFlight.Load() > 0 && c.inFlight.Load()+size > c.limit {
		c.changed.Wait()
	}
	if c.closed {
		return false
	}
	c.inFlight.Add(size)
	c.queue = append(c.queue, j)
	if !c.started {
		c.start()
	}
	c.changed.Broadcast()
	return true
}

// start runs the compressors; close joins them.
func (c *compressors) start() {
	c.started = true
	for range c.workers {
		c.wg.Go(c.run)
	}
}

func (c *compressors) run() {
	var w worker
	for j := c.next(); j != nil; j = c.next() {
		size := j.len()
		w.compress(c.s, j)
		c.finished(size)
	}
}

// next returns the oldest frame, or nil after close.
func (c *compressors) next() *job {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.queue) == 0 && !c.closed {
		c.changed.Wait()
	}
	if c.closed {
		return nil
	}
	j := c.queue[0]
	c.queue[0] = nil
	if c.queue = c.queue[1:]; len(c.queue) == 0 {
		c.queue = nil
	}
	return j
}

func (c *compressors) finished(size int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.inFlight.Add(-size)
	c.changed.Broadcast()
}

// close stops the compressors, joins them, and fails the frames that none of them has begun.
func (c *compressors) close() {
	c.mu.Lock()
	c.closed = true
	c.changed.Broadcast()
	c.mu.Unlock()
	c.wg.Wait()
	for _, j := range c.queue { // no worker is left
		j.fail(c.s, ErrClosed)
	}
	c.queue = nil
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

func (w *worker) compress(s *Spool, j *job) {
	defer w.settle(s)
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

// settle charges the room that the worker keeps. Room that only a huge row needed is dropped.
func (w *worker) settle(s *Spool) {
	if cap(w.plain) > 4*s.cfg.FrameSize+maxChunk {
		w.plain, w.packed = nil, nil
	}
	now := int64(cap(w.plain) + cap(w.packed))
	s.mem.chargeFixed(now - w.charged)
	w.charged = now
}
