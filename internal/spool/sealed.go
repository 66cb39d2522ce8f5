package spool

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/jetcapture/jetcapture/internal/codec"
)

// A Sealed is the bytes of a block that takes no more rows. It is safe for concurrent use. The bytes can be read as
// often as an upload needs, until Discard.
type Sealed struct {
	s     *Spool
	codec *codec.Codec // nil: the bytes are not a file, see Spool.NewBuffer
	// last is closed when the newest frame was added; nil: none was compressed. The buffer's owner sets it, before Seal
	// returns.
	last  <-chan struct{}
	plain int64 // set by Seal

	out stash // compressed bytes; its lock guards err, too
	err error // why there is no file
}

func newSealed(b *Buffer) *Sealed {
	z := &Sealed{s: b.s, codec: b.codec}
	z.out.packed, z.out.again = true, z.codec == nil
	b.s.mem.charge(sealedCost)
	return z
}

// packer returns the codec of what the spool holds.
func (z *Sealed) packer() *codec.Codec {
	if z.codec == nil {
		return z.s.kept
	}
	return z.codec
}

// adopt takes over rows that need no compression, without a copy. It returns false if they do need it, if some of them
// are on disk, or if a frame before is still missing.
func (z *Sealed) adopt(rows content) bool {
	if z.codec == nil || z.codec.Name() != codec.None || rows.spilled > 0 || !z.settled() {
		return false
	}
	z.out.mu.Lock()
	defer z.out.mu.Unlock()
	if z.err != nil {
		z.s.drop(rows)
		return true
	}
	z.s.mem.adopt(&z.out, rows)
	return true
}

// settled reports whether all frames were added.
func (z *Sealed) settled() bool {
	select {
	case <-z.last:
		return true
	default:
		return z.last == nil
	}
}

// add appends a compressed frame.
func (z *Sealed) add(frame []byte) {
	z.out.mu.Lock()
	defer z.out.mu.Unlock()
	if z.err == nil {
		z.out.append(&z.s.mem, frame)
	}
}

// fail keeps the first reason why there is no file, and gives back the room of the frames that were added.
func (z *Sealed) fail(err error) {
	z.out.mu.Lock()
	defer z.out.mu.Unlock()
	if z.err != nil {
		return
	}
	z.err = err
	z.s.drop(z.s.mem.unlist(&z.out))
}

// failure returns why there is no file; nil while there is one.
func (z *Sealed) failure() error {
	z.out.mu.Lock()
	defer z.out.mu.Unlock()
	return z.err
}

func (z *Sealed) isDiscarded() bool { return errors.Is(z.failure(), ErrDiscarded) }

// Wait returns when all frames are compressed. Its error is the context's, or why there is no file.
func (z *Sealed) Wait(ctx context.Context) error {
	if z.settled() {
		return z.failure()
	}
	select {
	case <-z.last:
		return z.failure()
	case <-ctx.Done():
		return fmt.Errorf("wait for the compression of a block: %w", ctx.Err())
	}
}

// Len returns how many plain bytes were written.
func (z *Sealed) Len() int64 { return z.plain }

// Size returns the size of the file that Open reads, or 0 before Wait has returned nil.
func (z *Sealed) Size() int64 {
	if !z.settled() {
		return 0
	}
	if z.codec == nil && z.failure() == nil {
		return z.plain
	}
	z.out.mu.Lock()
	defer z.out.mu.Unlock()
	return z.out.len()
}

// Open returns the bytes of the file from the start; without a codec they are the plain bytes. Call it after Wait, as
// often as needed, from any goroutine. The reader itself belongs to one goroutine.
func (z *Sealed) Open() (io.ReadCloser, error) {
	if z.codec == nil {
		return z.Plain()
	}
	return z.open()
}

// Plain returns the uncompressed bytes from the start, under the same rules.
func (z *Sealed) Plain() (io.ReadCloser, error) {
	raw, err := z.open()
	if err != nil {
		return nil, err
	}
	r, err := z.packer().NewReader(raw)
	if err != nil {
		return nil, fmt.Errorf("open a sealed block: %w", errors.Join(err, raw.Close()))
	}
	return r, nil // raw needs no Close
}

func (z *Sealed) open() (*reader, error) {
	if !z.settled() {
		return nil, errors.New("open a sealed block: wait for its compression first")
	}
	if err := z.failure(); err != nil {
		return nil, fmt.Errorf("open a sealed block: %w", err)
	}
	return &reader{z: z}, nil
}

// Discard gives back all room. Readers that are still open fail with [ErrDiscarded]. Calling it again does nothing.
func (z *Sealed) Discard() {
	if !z.isDiscarded() {
		z.discard()
	}
}

func (z *Sealed) discard() {
	z.out.mu.Lock()
	defer z.out.mu.Unlock()
	if errors.Is(z.err, ErrDiscarded) {
		return
	}
	z.err = ErrDiscarded
	z.s.drop(z.s.mem.unlist(&z.out))
	z.s.mem.charge(-sealedCost)
}

// A reader reads the bytes of a sealed block while some of them may move from memory to disk.
type reader struct {
	z       *Sealed
	pos     int64
	extents []extent // what was on disk when it was last looked up
	start   int64    // position of the first byte of extents[0]
	closed  bool
}

func (r *reader) Read(p []byte) (int, error) {
	t := &r.z.out
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case r.closed:
		return 0, errors.New("read a sealed block: reader is closed")
	case r.z.err != nil:
		return 0, fmt.Errorf("read a sealed block: %w", r.z.err)
	case len(p) == 0:
		return 0, nil
	case r.pos >= t.len():
		return 0, io.EOF
	}
	n, err := r.read(p)
	r.pos += int64(n)
	return n, err
}

// read reads at least one byte. The caller holds the lock of out.
func (r *reader) read(p []byte) (int, error) {
	t := &r.z.out
	if r.pos >= t.spilled {
		return t.copyChunks(p, r.pos-t.spilled), nil
	}
	if len(r.extents) == 0 {
		if err := r.lookUp(); err != nil {
			return 0, err
		}
	}
	e := r.extents[0]
	at := r.pos - r.start
	n := min(int64(len(p)), e.payload()-at)
	if err := r.z.s.file.readAt(p[:n], e.off+headerSize+at); err != nil {
		return 0, err
	}
	if at+n == e.payload() {
		r.extents = r.extents[1:]
		r.start += e.payload()
	}
	return int(n), nil
}

// lookUp finds the extents from pos on. Older ones may have been read already. The caller holds the lock of out.
func (r *reader) lookUp() error {
	all, err := r.z.s.file.chain(r.z.out.last)
	if err != nil {
		return err
	}
	r.start = 0
	for len(all) > 0 && r.start+all[0].payload() <= r.pos {
		r.start += all[0].payload()
		all = all[1:]
	}
	r.extents = all
	return nil
}

// Close ends the reader; the block stays.
func (r *reader) Close() error {
	r.closed = true
	return nil
}
