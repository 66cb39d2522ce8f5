package rowread

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/jetcapture/jetcapture/internal/wire"
)

// What a raw file begins with, and how many bytes of a record are between its length and the subject.
const (
	RawMagic = "JCRAW001" // equals jetcapture.RawMagic
	RawFixed = 8 + 8 + 4 + 4
)

// rawReader reads raw files, see docs/FORMAT.md.
type rawReader struct {
	in      *bufio.Reader
	scratch *Scratch
	want    Parts
	begun   bool
}

// length reads the magic, if it comes next, and the length of the next record.
func (r *rawReader) length() (int, error) {
	if !r.begun {
		var magic [len(RawMagic)]byte
		switch _, err := io.ReadFull(r.in, magic[:]); {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return 0, ErrCutOff // even an empty file has the magic
		case err != nil:
			return 0, err
		case string(magic[:]) != RawMagic:
			return 0, fmt.Errorf("it begins with %q: a raw file begins with %s", magic, RawMagic)
		}
		r.begun = true
	}
	var b [4]byte
	if _, err := io.ReadFull(r.in, b[:]); err != nil {
		return 0, cutOff(err)
	}
	n := binary.BigEndian.Uint32(b[:])
	if n < RawFixed || n > maxRow {
		return 0, fmt.Errorf("a record of %d bytes", n)
	}
	return int(n), nil
}

// cutOff is the error of a file that ends where io.ReadFull has begun to read; io.EOF stays.
func cutOff(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrCutOff
	}
	return err
}

// within is the error of a file that must not end yet.
func within(err error) error {
	if errors.Is(err, io.EOF) {
		return ErrCutOff
	}
	return cutOff(err)
}

// Next implements Reader.
func (r *rawReader) Next(m *Message) error {
	n, err := r.length()
	if err != nil {
		return err
	}
	record := r.scratch.grow(n)
	if _, err := io.ReadFull(r.in, record); err != nil {
		return within(err)
	}
	return notRow(parseRaw(record, m, r.want))
}

// Skip implements Reader.
func (r *rawReader) Skip() error {
	n, err := r.length()
	if err != nil {
		return err
	}
	_, err = r.in.Discard(n)
	return within(err)
}

// parseRaw reads a record without its length. m keeps parts of it.
func parseRaw(b []byte, m *Message, want Parts) error {
	subject, header := uint64(binary.BigEndian.Uint32(b[16:])), uint64(binary.BigEndian.Uint32(b[20:]))
	rest := b[RawFixed:]
	if subject+header > uint64(len(rest)) {
		return fmt.Errorf("a record of %d bytes with a subject of %d and a header of %d", len(b), subject, header)
	}
	*m = Message{
		Seq:  binary.BigEndian.Uint64(b),
		Time: time.Unix(0, int64(binary.BigEndian.Uint64(b[8:]))).UTC(),
		Data: rest[subject+header:],
	}
	if want&Subject != 0 {
		m.Subject = string(rest[:subject])
	}
	if block := rest[subject : subject+header]; len(block) > 0 && want&Header != 0 {
		m.Header = wire.ParseBlock(block)
		if m.Header == nil || !bytes.Equal(wire.HeaderBlock(m.Header), block) {
			m.HeaderRaw = block
		}
	}
	return nil
}
