// Package spool stages the bytes of open blocks until their files are stored: plain rows at the tail of each block,
// compressed frames before it. They live in memory up to a budget and in one temporary file beyond it. Nothing here
// survives the process, and nothing is fsynced: the stream is the write-ahead log.
//
// Goroutines: the compressors, started by the first frame and joined by [Spool.Close]. Everything else runs in the
// goroutines that call in. Locks are taken in this order, and no other: Spool.spilling, stash.mu, memory.mu or file.mu.
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
}

// A Spool holds the bytes of many blocks. It is safe for concurrent use; each buffer has one owner. Make one with
// [New], end it with [Spool.Close].
type Spool struct {
	cfg    Config
	kept   *codec.Codec // of buffers that have no codec of their own
	plain  *codec.Codec // of scratch room
	mem    memory
	file   file
	frames compressors

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
	if c.Workers == 0 {
		c.Workers = runtime.GOMAXPROCS(0)
	}
	if c.FrameSize == 0 {
		c.FrameSize = DefaultFrameSize
	}
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
	s.mem.budget = c.Memory
	s.file.init(c)
	s.frames.init(s, c)
	return s, nil
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
func (s *Spool) Over() bool {
	if s.cfg.Limit > 0 && s.file.inUse()+s.again.Load() >= s.cfg.Limit {
		return true
	}
	used := s.mem.used.Load()
	if used <= s.cfg.Memory {
		return false
	}
	if s.cfg.Disk && s.worthAPass() {
		return s.blocked.Load() // if not blocked, the next commit helps
	}
	return used-s.mem.fixed.Load()-s.frames.inFlight.Load() > s.cfg.Memory
}

// Half reports whether the spool holds at least half of what it may: of the file if there is one with a limit, else of
// the memory, unless bytes may go to disk without a limit.
func (s *Spool) Half() bool {
	switch {
	case !s.cfg.Disk:
		return s.mem.used.Load()-s.mem.fixed.Load()-s.frames.inFlight.Load() > s.cfg.Memory/2
	case s.cfg.Limit > 0:
		return s.file.inUse()+s.again.Load() >= s.cfg.Limit/2
	}
	return false
}

// Close stops the compressors, waits for them and removes the file. Frames that they have not begun fail with
// [ErrClosed]. The error is one of the file; calling Close again returns it again.
func (s *Spool) Close() error {
	s.closing.Do(func() {
		s.frames.close()
		s.closed = s.file.close()
	})
	return s.closed
}
