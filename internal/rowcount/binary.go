package rowcount

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// rawMagic equals jetcapture.RawMagic.
const rawMagic = "JCRAW001"

// countRaw counts the records of a raw file, see docs/FORMAT.md.
func countRaw(r io.Reader, buf []byte) (n int64, err error) {
	s := stepper{r: r, buf: buf}
	if err := s.expect([]byte(rawMagic)); err != nil {
		return 0, err
	}
	for {
		var length [4]byte
		if err := s.read(length[:], true); errors.Is(err, io.EOF) {
			return n, nil
		} else if err != nil {
			return n, err
		}
		if err := s.skip(int64(binary.BigEndian.Uint32(length[:]))); err != nil {
			return n, err
		}
		n++
	}
}

// stepper reads small parts of r and skips large ones.
type stepper struct {
	r          io.Reader
	buf        []byte
	start, end int // bounds of the bytes in buf that are not read yet
}

// read fills p. At the end of r the error is ErrUnfinished, or io.EOF if the file may end there.
func (s *stepper) read(p []byte, mayEnd bool) error {
	for got := 0; got < len(p); {
		if s.start == s.end {
			if err := s.fill(); errors.Is(err, io.EOF) && got == 0 && mayEnd {
				return io.EOF
			} else if errors.Is(err, io.EOF) {
				return ErrUnfinished
			} else if err != nil {
				return err
			}
		}
		n := copy(p[got:], s.buf[s.start:s.end])
		got, s.start = got+n, s.start+n
	}
	return nil
}

// fill reads the next bytes of r into the empty buffer.
func (s *stepper) fill() error {
	for {
		n, err := s.r.Read(s.buf)
		s.start, s.end = 0, n
		if n > 0 {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// skip skips n bytes.
func (s *stepper) skip(n int64) error {
	for n > 0 {
		if s.start == s.end {
			if err := s.fill(); errors.Is(err, io.EOF) {
				return ErrUnfinished
			} else if err != nil {
				return err
			}
		}
		step := min(int64(s.end-s.start), n)
		s.start += int(step)
		n -= step
	}
	return nil
}

// expect reads bytes that must have a given value.
func (s *stepper) expect(want []byte) error {
	got := make([]byte, len(want))
	if err := s.read(got, false); err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("it has %q where %q belongs", got, want)
	}
	return nil
}

// ReadByte implements io.ByteReader.
func (s *stepper) ReadByte() (byte, error) {
	var b [1]byte
	err := s.read(b[:], true)
	return b[0], err
}

// errAvro is the error of a file that is not an Avro file.
var errAvro = errors.New("it is not a container file of Avro")

// countAvro adds up the counts of the blocks of an object container file (Avro 1.12, "Object Container Files").
func countAvro(r io.Reader, buf []byte) (n int64, err error) {
	s := &stepper{r: r, buf: buf}
	if err := s.expect([]byte("Obj\x01")); err != nil {
		return 0, err
	}
	if err := s.skipAvroMap(); err != nil {
		return 0, err
	}
	sync := make([]byte, 16)
	if err := s.read(sync, false); err != nil {
		return 0, err
	}
	for {
		count, err := binary.ReadVarint(s)
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		size, sizeErr := binary.ReadVarint(s)
		if err := errors.Join(err, sizeErr); err != nil {
			return n, unfinished(err)
		}
		if count < 0 || size < 0 {
			return n, errAvro
		}
		if err := s.skip(size); err != nil {
			return n, err
		}
		if err := s.expect(sync); err != nil {
			return n, err
		}
		if n += count; n < 0 {
			return 0, errAvro
		}
	}
}

// skipAvroMap skips a map of bytes, which consists of blocks of entries, the last one empty. A negative count is
// followed by the size of the block.
func (s *stepper) skipAvroMap() error {
	for {
		count, err := binary.ReadVarint(s)
		if err != nil {
			return unfinished(err)
		}
		if count == 0 {
			return nil
		}
		if count < 0 {
			size, err := binary.ReadVarint(s)
			if err != nil {
				return unfinished(err)
			}
			if err := s.skip(size); err != nil {
				return err
			}
			continue
		}
		for range 2 * count {
			size, err := binary.ReadVarint(s)
			if err != nil {
				return unfinished(err)
			}
			if err := s.skip(size); err != nil {
				return err
			}
		}
	}
}

// unfinished turns the end of the file into ErrUnfinished.
func unfinished(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrUnfinished
	}
	return err
}
