// Package rowread reads messages back from files that hold them whole. It knows the rows by their layout only, as
// docs/FORMAT.md and docs/FORMATS.md describe it, and uses none of the code that writes them.
package rowread

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"time"
)

// Message is what a row says about its message.
type Message struct {
	Seq       uint64 // 0: the rows do not say it, see Kind.Whole
	Time      time.Time
	Subject   string
	Header    map[string][]string // nil: none, or one that no client can parse
	HeaderRaw []byte              // the stored header block if Header does not hold all of it; otherwise nil
	Data      []byte
	Error     string // of a dead letter: why it is one
}

// Kind is what the rows of a file hold.
type Kind int

// The kinds. The zero value is not a kind.
const (
	JSONMessage Kind = iota + 1 // lines: a message of package jetcapture as JSON
	Event                       // lines: a CloudEvent of package jetcapture
	DeadLetter                  // lines: a dead letter of package jetcapture
	Payload                     // lines: the payload alone
	Raw                         // the records of RawWriter
)

// Whole reports whether the rows hold whole messages.
func (k Kind) Whole() bool { return k != Payload }

// Parts are parts of a message.
type Parts uint8

// The parts that not everybody wants. Sequence and payload are wanted always.
const (
	Subject Parts = 1 << iota
	Time
	Header   // parsed and raw
	AllParts = Subject | Time | Header
)

// maxRow is the largest row in bytes that is read. A message has at most 64 MiB, and base64 adds a third.
const maxRow = 160 << 20

// BufferSize is a good size of the buffer for New.
const BufferSize = 64 << 10

// RowError says that a row is not of its kind. The next row can be read.
type RowError struct{ Err error }

// Error is that of the cause.
func (e *RowError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *RowError) Unwrap() error { return e.Err }

// notRow makes a *RowError of an error.
func notRow(err error) error {
	if err == nil {
		return nil
	}
	return &RowError{err}
}

// ErrCutOff is the error of a file that does not end with a whole row.
var ErrCutOff = errors.New("it ends in the middle of a row")

// maxCommon is the most bytes of a row that is read where it lies. Looking for the end of a longer one first costs
// little beside the rest.
const maxCommon = 8 << 10

// Scratch is memory for rows that a reader's buffer cannot hold, and for payloads. Many readers of one goroutine may
// share it. The zero value is ready.
type Scratch struct {
	row  []byte
	data [maxCommon / 4 * 3]byte // a payload that was decoded
}

// grow returns n bytes, the first ones as they were.
func (s *Scratch) grow(n int) []byte {
	const keep = 4 << 20 // that a large row may leave behind
	if small := cap(s.row) < n; small || cap(s.row) > keep && n < keep/2 {
		room := max(n, BufferSize)
		if small {
			room = max(room, 2*cap(s.row))
		}
		s.row = append(make([]byte, 0, room), s.row[:min(len(s.row), n)]...)
	}
	s.row = s.row[:n]
	return s.row
}

// Reader reads one file. It belongs to one goroutine.
type Reader interface {
	// Next reads the next row. Parts that are not wanted may be left empty. What it puts into m is valid until the next
	// call of a reader with the same Scratch. io.EOF is the end of the file; a *RowError is about this row alone.
	Next(m *Message) error
	// Skip passes over the next row. io.EOF is the end of the file.
	Skip() error
}

// New returns a reader of the uncompressed bytes r, for somebody who wants these parts. size is that of its buffer in
// bytes.
func New(k Kind, r io.Reader, size int, scratch *Scratch, want Parts) (Reader, error) {
	lines := &lines{in: bufio.NewReaderSize(r, size), scratch: scratch}
	switch k {
	case JSONMessage:
		return &quick{lines: lines, want: want, decoder: newBase64Decoder()}, nil
	case Event:
		return &textReader{lines, parseEvent}, nil
	case DeadLetter:
		return &textReader{lines, parseDeadLetter}, nil
	case Payload:
		return &textReader{lines, parsePayload}, nil
	case Raw:
		return &rawReader{in: lines.in, scratch: scratch, want: want}, nil
	}
	return nil, fmt.Errorf("rows of kind %d are not known", k)
}
