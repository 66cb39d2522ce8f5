package spool

import (
	"fmt"
	"sync"
	"sync/atomic"
)

// compressors make frames on a few goroutines. The frames of one block are added to it in their order: each waits for
// the one before, which left the queue earlier, so somebody is at work on it.
type compressors struct {
	s       *Spool
	workers int
	limit   int64 // plain bytes of frames in flight, which one frame alone may exceed

	inFlight atomic.Int64 // written under mu

	mu      sync.Mutex
	changed sync.Cond
	queue   []*job
	started bool
	closed  bool
	wg      sync.WaitGroup
}

// A job is a frame on its way.
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

// submit hands a frame over. It waits while too many are in flight: slow compressors hold the owner back.
func (c *compressors) submit(j *job) error {
	if !c.enqueue(j) {
		j.fail(c.s, ErrClosed)
		return ErrClosed
	}
	return nil
}

// enqueue reports false after close.
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

func (c *compressors) close() {
	c.mu.Lock()
	c.closed = true
	c.changed.Broadcast()
	c.mu.Unlock()
	c.wg.Wait()
	for _, j := range c.queue { // nobody else is left
		j.fail(c.s, ErrClosed)
	}
	c.queue = nil
}

// fail gives up a frame that nobody works on, and with it the file.
func (j *job) fail(s *Spool, err error) {
	s.drop(j.content)
	j.out.fail(err)
	close(j.done)
}

// A worker keeps the room for a frame and its compressed bytes from one to the next.
type worker struct {
	plain, packed []byte
	charged       int64
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

// load makes the frame contiguous and gives back where its bytes were.
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

// settle charges the room that the worker keeps, and drops what only a huge row needed.
func (w *worker) settle(s *Spool) {
	if cap(w.plain) > 4*s.cfg.FrameSize+maxChunk {
		w.plain, w.packed = nil, nil
	}
	now := int64(cap(w.plain) + cap(w.packed))
	s.mem.chargeFixed(now - w.charged)
	w.charged = now
}
