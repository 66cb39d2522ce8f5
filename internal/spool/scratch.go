package spool

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// A Scratch is room for bytes that a writer has made and that are not part of its file yet, such as the pages of a row
// group. They are appended, and then read from the start, as often as needed. Beyond the budget they go to disk as rows
// do, but no Write waits for that: the next [Buffer.Commit] of any block does it. One goroutine uses it at a time.
type Scratch struct {
	buf    *Buffer
	sealed *Sealed       // from the first Seek after a Write on
	in     io.ReadCloser // from the first Seek after a Write on
}

// Scratch returns new room in the spool of b. The caller owns it and calls Close.
func (b *Buffer) Scratch() io.ReadWriteSeeker { return &Scratch{buf: b.s.NewBuffer(b.s.plain)} }

// Write implements io.Writer. It fails after a Seek that found bytes.
func (x *Scratch) Write(p []byte) (int, error) {
	n, err := x.buf.Write(p)
	if err == nil {
		err = x.buf.commit()
	}
	return n, err
}

// Seek goes to the start. Any other place is an error.
func (x *Scratch) Seek(offset int64, whence int) (int64, error) {
	if offset != 0 || whence != io.SeekStart {
		return 0, fmt.Errorf("seek in scratch room to %d from %d: only the start can be found", offset, whence)
	}
	if x.sealed == nil && x.buf.Len() == 0 {
		return 0, nil
	}
	if err := x.rewind(); err != nil {
		return 0, fmt.Errorf("seek in scratch room: %w", err)
	}
	return 0, nil
}

func (x *Scratch) rewind() (err error) {
	if x.sealed == nil {
		if x.sealed, err = x.buf.Seal(); err != nil {
			return err
		}
	}
	// it is short: frames are only copied, and Spool.Close ends it
	if err := x.sealed.Wait(context.Background()); err != nil {
		return err
	}
	x.in, err = x.sealed.Open()
	return err
}

// Read implements io.Reader, from where Seek went to.
func (x *Scratch) Read(p []byte) (int, error) {
	switch {
	case x.in != nil:
		return x.in.Read(p)
	case x.sealed == nil && x.buf.Len() == 0:
		return 0, io.EOF
	}
	return 0, errors.New("read scratch room: seek to its start first")
}

// Close gives back the room.
func (x *Scratch) Close() error {
	x.buf.Discard()
	if x.sealed != nil {
		x.sealed.Discard()
	}
	x.in = nil
	return nil
}

// Charge counts n bytes that the caller holds while a block is open against the budget. A negative n gives them back.
func (s *Spool) Charge(n int64) { s.mem.charge(n) }
