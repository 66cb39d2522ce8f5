package rowread

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// lines reads a text line by line.
type lines struct {
	in      *bufio.Reader
	scratch *Scratch // for a line that the buffer cannot hold
}

// next returns the next line without its line feed, valid until the next call.
func (l *lines) next() ([]byte, error) {
	line, err := l.in.ReadSlice('\n')
	switch {
	case err == nil:
		return line[:len(line)-1], nil
	case errors.Is(err, bufio.ErrBufferFull):
		return l.nextLong(line)
	}
	return nil, ended(err, len(line))
}

// nextLong is next for a line that begins with a full buffer.
func (l *lines) nextLong(part []byte) ([]byte, error) {
	line := l.scratch.grow(len(part))
	copy(line, part)
	for {
		part, err := l.in.ReadSlice('\n')
		had := len(line)
		line = l.scratch.grow(had + len(part))
		copy(line[had:], part)
		switch {
		case err == nil:
			return line[:len(line)-1], nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, ended(err, len(line))
		case len(line) > maxRow:
			return nil, fmt.Errorf("a row has more than %d bytes", maxRow)
		}
	}
}

// Skip implements Reader.
func (l *lines) Skip() error {
	for had := 0; ; {
		part, err := l.in.ReadSlice('\n')
		had += len(part)
		if err == nil {
			return nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return ended(err, had)
		}
	}
}

// ended is the error of a file that ends behind so many bytes of a row.
func ended(err error, had int) error {
	if errors.Is(err, io.EOF) && had > 0 {
		return ErrCutOff
	}
	return err
}

// textReader reads rows that are lines.
type textReader struct {
	*lines
	parse func(line []byte, m *Message) error
}

// Next implements Reader.
func (t *textReader) Next(m *Message) error {
	line, err := t.next()
	if err != nil {
		return err
	}
	*m = Message{}
	return notRow(t.parse(line, m))
}

func parsePayload(line []byte, m *Message) error {
	m.Data = line
	return nil
}
