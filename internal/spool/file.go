package spool

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// The file is divided into segments of equal size. The passes fill one of them, the head, each with one write behind
// the one before. A segment is free again when no extent in it is needed any more. So one number has to be remembered
// for each segment, however many extents it has. Free segments at the end are cut off the file.
//
// An extent is a header and bytes of one stash. The header says where the stash's extent before is, so a stash
// remembers only its newest one, however often it was spilled.
const (
	headerSize = 16 // offset and size of the extent before; four bytes are unused
	minSegment = 64 << 10
	maxSegment = 1 << 20

	poolSegment = 256 << 10 // where there are many files
)

// An extent is a place in the file; size includes the header, and is 0 for none.
type extent struct {
	off  int64
	size int32
}

func (e extent) payload() int64 { return int64(e.size) - headerSize }

func (e extent) appendTo(b []byte) []byte {
	b = binary.LittleEndian.AppendUint64(b, uint64(e.off))
	return binary.LittleEndian.AppendUint64(b, uint64(e.size))
}

func parseExtent(b []byte) extent {
	return extent{int64(binary.LittleEndian.Uint64(b)), int32(binary.LittleEndian.Uint64(b[8:]))}
}

// errFull says that the file may not grow.
var errFull = errors.New("spool file is at its limit")

// file is the one temporary file of a spool. It is safe for concurrent use.
type file struct {
	dir     string
	segment int64
	limit   int // segments; 0: none

	mu     sync.Mutex // guards the following; not held during reads and writes
	f      *os.File   // nil before the first pass
	name   string     // to be removed on close; empty where that was possible at once
	live   []int64    // bytes of needed extents, by segment
	taken  []bool     // the head or not empty, by segment
	hint   int        // no segment below it is free
	head   int        // -1: none
	fill   int64      // bytes written to the head
	size   int64      // of the file
	busy   bool       // a pass is filling the head
	closed bool
	failed error // errors of giving back space, for close

	used atomic.Int64 // segments taken
}

// init sets the size of the segments: for large writes, but small compared with memory and limit.
func (f *file) init(c Config) {
	f.dir, f.head = c.Dir, -1
	f.segment = max(minSegment, min(maxSegment, c.Memory/16))
	if c.Pool != nil {
		f.segment = min(f.segment, poolSegment)
	}
	if c.Limit > 0 {
		f.segment = max(minSegment, min(f.segment, c.Limit/16))
		f.limit = max(1, int(c.Limit/f.segment))
	}
}

func (f *file) inUse() int64 { return f.used.Load() * f.segment }

// room returns where the next bytes go and how many fit, at least a header and the largest chunk. Only the spiller
// calls room, write, and rest at the end of its pass.
func (f *file) room() (off, room int64, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.open(); err != nil {
		return 0, 0, err
	}
	f.busy = true
	if f.head < 0 || f.segment-f.fill < headerSize+maxChunk {
		if err := f.turn(); err != nil {
			return 0, 0, err
		}
	}
	return int64(f.head)*f.segment + f.fill, f.segment - f.fill, nil
}

// open creates the file when it is needed first. Where the system allows that, its name is removed at once, so that a
// killed process leaves nothing behind. Elsewhere the next process removes it. The caller holds mu.
func (f *file) open() error {
	if f.closed {
		return ErrClosed
	}
	if f.f != nil {
		return nil
	}
	if err := os.MkdirAll(f.dir, 0o700); err != nil {
		return fmt.Errorf("make the spool's directory: %w", err)
	}
	sweep(f.dir)
	file, err := os.CreateTemp(f.dir, filePrefix+"*") // mode 0600, and never an existing file
	if err != nil {
		return fmt.Errorf("make the spool file: %w", err)
	}
	f.f = file
	if err := os.Remove(file.Name()); err != nil && !errors.Is(err, os.ErrNotExist) {
		f.name = file.Name()
	}
	return nil
}

// filePrefix begins the name of every spool file.
const filePrefix = "jetcapture-spool-"

// sweep removes the files that killed processes have left. Where a file in use has a name, the system refuses to remove
// it. Files that we may not remove stay.
func sweep(dir string) {
	entries, _ := os.ReadDir(dir) // without a list there is nothing to remove
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), filePrefix) && e.Type().IsRegular() {
			_ = os.Remove(filepath.Join(dir, e.Name())) // fails for files in use and those of other users
		}
	}
}

// turn makes another segment the head. The caller holds mu.
func (f *file) turn() error {
	next := f.hint
	for next < len(f.taken) && f.taken[next] {
		next++
	}
	f.hint = next
	if f.limit > 0 && next >= f.limit {
		return errFull
	}
	if next == len(f.taken) {
		f.live, f.taken = append(f.live, 0), append(f.taken, false)
	}
	f.taken[next] = true
	f.used.Add(1)
	f.leave()
	f.head, f.fill = next, 0
	return nil
}

// rest ends a pass.
func (f *file) rest() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.busy = false
	if f.head >= 0 && f.live[f.head] == 0 {
		f.leave()
	}
}

// leave makes the head a segment like the others. The caller holds mu.
func (f *file) leave() {
	old := f.head
	f.head = -1
	if old >= 0 && f.live[old] == 0 {
		f.release(old)
	}
}

// write puts p behind the bytes of the head, where room said. If it fails, none of p counts.
func (f *file) write(p []byte) error {
	f.mu.Lock()
	file, off := f.f, int64(f.head)*f.segment+f.fill
	closed := f.closed
	f.mu.Unlock()
	if closed {
		return ErrClosed
	}
	if _, err := file.WriteAt(p, off); err != nil {
		return fmt.Errorf("write the spool file in %s: %w", f.dir, err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fill += int64(len(p))
	f.size = max(f.size, off+int64(len(p)))
	f.live[f.head] += int64(len(p))
	return nil
}

// free gives back an extent.
func (f *file) free(e extent) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := int(e.off / f.segment)
	f.live[i] -= int64(e.size)
	switch {
	case f.live[i] > 0 || i == f.head && f.busy:
	case i == f.head:
		f.leave()
	default:
		f.release(i)
	}
}

// release makes a segment free, and cuts the file once a quarter of it is free at the end. The caller holds mu.
func (f *file) release(i int) {
	f.taken[i] = false
	f.used.Add(-1)
	f.hint = min(f.hint, i)
	end := len(f.taken)
	for end > 0 && !f.taken[end-1] {
		end--
	}
	if spare := len(f.taken) - end; f.closed || spare*4 < len(f.taken) && end > 0 {
		return
	}
	f.live, f.taken = f.live[:end], f.taken[:end]
	f.hint = min(f.hint, end)
	size := int64(end) * f.segment
	if size >= f.size {
		return
	}
	if err := f.f.Truncate(size); err != nil {
		f.failed = errors.Join(f.failed, fmt.Errorf("cut the spool file in %s: %w", f.dir, err))
		return
	}
	f.size = size
}

// readBack reads the extents that end with last into the end of dst and frees them. dst has headerSize bytes more than
// they hold: each read brings its header along, and the next read overwrites it.
func (f *file) readBack(last extent, dst []byte) error {
	end := int64(len(dst))
	for e := last; e.size > 0; {
		from := end - int64(e.size)
		if err := f.readAt(dst[from:end], e.off); err != nil {
			return err
		}
		f.free(e)
		end = from + headerSize
		e = parseExtent(dst[from:end])
	}
	return nil
}

// chain returns the extents that end with last, the oldest first.
func (f *file) chain(last extent) (all []extent, err error) {
	var header [headerSize]byte
	for e := last; e.size > 0; e = parseExtent(header[:]) {
		all = append(all, e)
		if err := f.readAt(header[:], e.off); err != nil {
			return nil, err
		}
	}
	slices.Reverse(all)
	return all, nil
}

// drop frees the extents that end with last. What cannot be read stays taken, and Close returns why.
func (f *file) drop(last extent) {
	all, err := f.chain(last)
	if err != nil && !errors.Is(err, ErrClosed) {
		f.mu.Lock()
		f.failed = errors.Join(f.failed, err)
		f.mu.Unlock()
	}
	for _, e := range all {
		f.free(e)
	}
}

func (f *file) readAt(p []byte, off int64) error {
	f.mu.Lock()
	file, closed := f.f, f.closed
	f.mu.Unlock()
	if closed {
		return ErrClosed
	}
	if _, err := file.ReadAt(p, off); err != nil {
		if errors.Is(err, os.ErrClosed) {
			err = ErrClosed
		}
		return fmt.Errorf("read the spool file in %s: %w", f.dir, err)
	}
	return nil
}

func (f *file) close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	if f.f == nil {
		return nil
	}
	err := errors.Join(f.failed, f.f.Close())
	if f.name != "" {
		err = errors.Join(err, os.Remove(f.name))
	}
	return err
}
