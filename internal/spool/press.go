package spool

import (
	"fmt"
	"sync"
	"sync/atomic"
)

// press compresses frames on a few goroutines. The frames of one block are added to it in their order: each waits for
// the one before, which left the queue earlier, so somebody is at work on it.
type press struct {
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

func (p *press) init(s *Spool, c Config) {
	p.s, p.workers = s, c.Workers
	p.limit = int64(2*c.Workers) * int64(c.FrameSize)
	p.changed.L = &p.mu
}

// submit hands a frame over. It waits while too many are in flight: a slow compressor holds the owner back.
func (p *press) submit(j *job) error {
	size := j.len()
	p.mu.Lock()
	defer p.mu.Unlock()
	for !p.closed && p.inFlight.Load() > 0 && p.inFlight.Load()+size > p.limit {
		p.changed.Wait()
	}
	if p.closed {
		j.fail(p.s, ErrClosed)
		return ErrClosed
	}
	p.inFlight.Add(size)
	p.queue = append(p.queue, j)
	if !p.started {
		p.start()
	}
	p.changed.Broadcast()
	return nil
}

// start runs the compressors; close joins them.
func (p *press) start() {
	p.started = true
	for range p.workers {
		p.wg.Go(p.run)
	}
}

func (p *press) run() {
	var w worker
	for j := p.next(); j != nil; j = p.next() {
		size := j.len()
		w.compress(p.s, j)
		p.finished(size)
	}
}

// next returns the oldest frame, or nil after close.
func (p *press) next() *job {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.queue) == 0 && !p.closed {
		p.changed.Wait()
	}
	if p.closed {
		return nil
	}
	j := p.queue[0]
	p.queue[0] = nil
	if p.queue = p.queue[1:]; len(p.queue) == 0 {
		p.queue = nil
	}
	return j
}

func (p *press) finished(size int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.inFlight.Add(-size)
	p.changed.Broadcast()
}

func (p *press) close() {
	p.mu.Lock()
	p.closed = true
	p.changed.Broadcast()
	p.mu.Unlock()
	p.wg.Wait()
	for _, j := range p.queue { // nobody else is left
		j.fail(p.s, ErrClosed)
	}
	p.queue = nil
}

// fail gives the frame up, and with it the file.
func (j *job) fail(s *Spool, err error) {
	s.mem.put(j.chunks)
	j.chunks = nil
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
	frame, err := w.load(s, j)
	if err != nil {
		err = fmt.Errorf("read rows back to compress them: %w", err)
		if j.prev != nil {
			<-j.prev
		}
		j.fail(s, err)
		return
	}
	w.packed = j.out.packer().Append(w.packed[:0], frame)
	if j.prev != nil {
		<-j.prev
	}
	j.out.add(w.packed)
	close(j.done)
}

// load makes the frame contiguous and gives back where its bytes were.
func (w *worker) load(s *Spool, j *job) ([]byte, error) {
	head := headerSize + int(j.spilled)
	if need := headerSize + int(j.len()); cap(w.plain) < need {
		w.plain = make([]byte, need+need/16)
	}
	w.plain = w.plain[:headerSize+j.len()]
	if _, err := s.file.readBack(j.last, w.plain[:head]); err != nil {
		return nil, err
	}
	j.copyChunks(w.plain[head:], 0)
	s.mem.put(j.chunks)
	j.chunks = nil
	return w.plain[headerSize:], nil
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
