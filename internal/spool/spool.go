// Package spool stages the bytes of open blocks until their files are stored: plain rows at the tail of each block,
// compressed frames before it. They live in memory up to a budget and in one temporary file beyond it. Nothing here
// survives the process, and nothing is fsynced: the stream is the write-ahead log.
//
// Goroutines: the compressors, which run while frames wait for them. [Spool.Close] waits until they have done with its
// frames. Everything else runs in the goroutines that call in. Locks are taken in this order, and no other:
// Spool.spilling, Pool.mu, stash.mu, memory.mu or file.mu.
// The spiller meets stashes while it holds memory.mu, against that order, so it only tries their locks and skips those
// in use.
package spool

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/jetcapture/jetcapture/internal/codec"
)

// DefaultFrameSize is how many plain bytes make a frame when [Config] does not say.
const DefaultFrameSize = 256 << 10

// Errors of calls that come too late.
var (
	// ErrClosed is returned by all calls after Spool.Close.
	ErrClosed = errors.New("spool is closed")
	// ErrDiscarded is returned for bytes that were discarded.
	ErrDiscarded = errors.New("bytes were discarded")
	// ErrSealed is returned for a write to a buffer that was sealed.
	ErrSealed = errors.New("buffer is sealed")
)

// Config says how much a spool may hold, and where. The zero value keeps everything in memory and is over budget at
// once.
type Config struct {
	Dir       string // directory of the spool file; empty: the system's directory for temporary files
	Memory    int64  // budget in bytes, compared with the memory really held
	Limit     int64  // largest size of the spool file in bytes, at least 64 KiB; 0: none
	Disk      bool   // false: nothing goes to disk
	Workers   int    // compressors; 0: one for each processor
	FrameSize int    // plain bytes of a frame, at least; 0: DefaultFrameSize
	// Pool has memory, disk and compressors that this spool shares with others. Memory, Limit and Workers are its then.
	Pool *Pool
}

// A Spool holds the bytes of many blocks. It is safe for concurrent use; each buffer has one owner. Make one with
// [New], end it with [Spool.Close].
type Spool struct {
	cfg    Config
	kept   *codec.Codec // of buffers that have no codec of their own
	plain  *codec.Codec // of scratch room
	mem    memory
	file   file
	frames *compressors // the pool's, if there is one
	line   line         // of this spool's frames
	poked  chan struct{}

	spilling sync.Mutex // held during a pass; guards pass
	pass     pass
	blocked  atomic.Bool  // the last pass could not write: a limit or an error
	again    atomic.Int64 // bytes on disk that a later step reads and writes in another form
	closing  sync.Once
	closed   error // what Close returns
}

// Usage is what a spool holds, in bytes.
type Usage struct {
	Memory int64 // buffers, frames, and what is kept for reuse
	Disk   int64 // the part of the spool file that is in use
}

// New checks c and returns an empty spool. It creates no file and starts no goroutine.
func New(c Config) (*Spool, error) {
	if c.Memory < 0 || c.Limit < 0 || c.Workers < 0 || c.FrameSize < 0 {
		return nil, fmt.Errorf("check the spool's settings %+v: none may be negative", c)
	}
	c = c.withDefaults()
	if c.Dir == "" {
		c.Dir = os.TempDir()
	}
	kept, err := codec.New(codec.Snappy, 0)
	if err != nil {
		return nil, fmt.Errorf("set up the codec of kept messages: %w", err)
	}
	plain, err := codec.New(codec.None, 0)
	if err != nil {
		return nil, fmt.Errorf("set up scratch room: %w", err)
	}
	s := &Spool{cfg: c, kept: kept, plain: plain}
	s.mem.budget, s.mem.pool = c.Memory, c.Pool
	s.file.init(c)
	if c.Pool != nil {
		s.frames, s.poked = c.Pool.frames, make(chan struct{}, 1)
		c.Pool.join(s)
	} else {
		s.frames = newCompressors(c, s.mem.chargeFixed)
	}
	return s, nil
}

// withDefaults fills in what is zero, and what is the pool's.
func (c Config) withDefaults() Config {
	if c.Pool != nil {
		c.Memory, c.Limit, c.Workers = c.Pool.memory, c.Pool.disk, c.Pool.frames.workers
	}
	if c.Workers == 0 {
		c.Workers = runtime.GOMAXPROCS(0)
	}
	if c.FrameSize == 0 {
		c.FrameSize = DefaultFrameSize
	}
	return c
}

// NewBuffer returns the empty buffer of a block whose file is compressed by c. With a nil c the bytes are not a file
// yet: they are compressed for the spool only, and [Sealed.Open] returns them plain.
func (s *Spool) NewBuffer(c *codec.Codec) *Buffer {
	s.mem.charge(bufferCost)
	b := &Buffer{s: s, codec: c}
	b.tail.again = true
	return b
}

const (
	bufferCost = int64(unsafe.Sizeof(Buffer{}))
	sealedCost = int64(unsafe.Sizeof(Sealed{})) + 96 // and the channel that ends its newest frame
)

// Usage returns what the spool holds now. It costs two loads and a lock that is never held for long.
func (s *Spool) Usage() Usage {
	return Usage{Memory: s.mem.held(), Disk: s.file.inUse()}
}

// Over reports that the spool holds more than it should and cannot help itself. Either memory is over budget and
// nothing more may go to disk, or the file has no room left beyond what sealing needs, since its rows are compressed
// and written again before their own room is free. The owner then stops reading and makes a cut. What a cut does not
// change does not count here: the constant room of compressors and passes, and frames that wait for a compressor.
//
// With a pool, a spool that holds no more than its fair part is never over: others are.
func (s *Spool) Over() bool {
	if s.diskOver() {
		return true
	}
	over := s.excess()
	if over <= 0 {
		return false
	}
	if s.cfg.Disk && s.worthAPass() {
		return s.blocked.Load() // if not blocked, the next commit helps
	}
	return over > s.mem.fixed.Load()+s.line.inFlight.Load()
}

// Half reports whether the spool holds at least half of what it may: of the file if there is one with a limit, else of
// the memory, unless bytes may go to disk without a limit. With a pool, half of what is left for it counts.
func (s *Spool) Half() bool {
	memory, limit := s.cfg.Memory, s.cfg.Limit
	if p := s.cfg.Pool; p != nil {
		// As long as there is enough for all, the fair part is no limit: half of the disk is what they may hold together.
		memory, limit = min(memory, p.fairMemory.Load()), min(limit/2, p.fairDisk.Load())
	}
	switch {
	case !s.cfg.Disk:
		return s.mem.used.Load()-s.mem.fixed.Load()-s.line.inFlight.Load() > memory/2
	case s.cfg.Limit > 0:
		return s.onDisk() >= limit/2
	}
	return false
}

// onDisk is how many bytes the file has or will need.
func (s *Spool) onDisk() int64 { return s.file.inUse() + s.again.Load() }

// diskOver reports whether the file may not grow.
func (s *Spool) diskOver() bool {
	switch p := s.cfg.Pool; {
	case s.cfg.Limit == 0:
		return false
	case p != nil:
		return p.diskOver(s)
	}
	return s.onDisk() >= s.cfg.Limit
}

// excess is how many bytes of memory the spool should give back; 0 or less: none.
func (s *Spool) excess() int64 {
	if p := s.cfg.Pool; p != nil {
		return p.excess(s)
	}
	return s.mem.used.Load() - s.cfg.Memory
}

// Poked returns the channel that says that another spool of the pool needs what this one holds beyond its fair part:
// the owner calls Relieve, and makes a cut if the spool is over then. Without a pool it is nil.
func (s *Spool) Poked() <-chan struct{} { return s.poked }

// Rest gives back what is kept for reuse. The owner calls it when nothing has happened for a while.
func (s *Spool) Rest() {
	s.mem.mu.Lock()
	s.mem.shrink(0)
	s.mem.mu.Unlock()
	s.kept.Rest()
	s.spilling.Lock()
	defer s.spilling.Unlock()
	if s.pass.buf != nil {
		s.mem.chargeFixed(-s.file.segment)
		s.pass = pass{}
	}
	if s.cfg.Pool == nil {
		s.frames.rest()
	}
}

// Close waits for the frames that are being compressed, and removes the file. Frames that no compressor has begun fail
// with [ErrClosed]. The error is one of the file; calling Close again returns it again.
func (s *Spool) Close() error {
	s.closing.Do(func() {
		s.frames.leave(&s.line)
		s.closed = s.file.close()
		if s.cfg.Pool != nil {
			s.cfg.Pool.leave(s)
		} else {
			s.frames.wg.Wait()
		}
	})
	return s.closed
}
