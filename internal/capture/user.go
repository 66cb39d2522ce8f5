package capture

import (
	"context"
	"fmt"
	"io"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/reader"
)

// User is the code of the library's user, seen without its types: decoder, keys and writers. The implementation in the
// root package is generic over payload and key; nothing behind this interface is. A panic in the decoder, in a method
// of a writer or in making a path comes back as a *PanicError.
type User interface {
	// NewBatch returns room for decoded messages. Any goroutine calls it.
	NewBatch() Batch
	// NewKeys returns the numbering of the keys of one table. Any goroutine calls it.
	NewKeys() Keys
	// NewWriter returns the writer of one block. The loop calls it, and the goroutines that encode blocks at the seal.
	NewWriter() (Writer, error)
}

// Batch holds what the decoder made of some messages, each in a slot. It has one owner at a time, except that several
// goroutines may call Decode.
type Batch interface {
	// Reset forgets all slots and makes n empty ones.
	Reset(n int)
	// Decode decodes m into slot i. The error is ErrSkip, as it is or wrapped, or says why m is poison. Keys.Group returns
	// it again. Several goroutines may call it at the same time for different slots.
	Decode(i int, m *reader.Message) error
	// Write gives the payload in slot i to a writer of the same User and returns the number of rows. An error makes the
	// message poison.
	Write(i int, w Writer) (rows int, err error)
}

// Group is the number of a key within one table. The numbers begin at 0 and have no gaps, except for broken keys.
type Group int

// Keys are the keys of one table, and belong to its owner.
type Keys interface {
	// Group returns the number of the key in slot i of b. A key that is new to the table gets a new number, unless it
	// shares the directories of another key, and then its number, too. The error is that of decoding, or says why the key
	// cannot be a path; then it is returned for each message of that key.
	Group(b Batch, i int) (Group, error)
	// Dir returns the directory of a group for the window that begins at window, in nanoseconds since the Unix epoch, and
	// the segments of the key as a plan keeps them. An error makes the message poison.
	Dir(g Group, window int64) (dir string, key []cutlog.Text, err error)
	// Freeze says that no message follows: neither Group nor Dir is called any more. What only they need can go.
	Freeze()
	// Store hands a block of the group to the user's BlockStore. Several goroutines call it. It is for at least once only.
	Store(ctx context.Context, g Group, body io.Reader, dir, name string) (location string, err error)
}

// Writer writes the rows of one block; Batch.Write gives it the payloads. One goroutine uses it at a time.
type Writer interface {
	// Start begins the file.
	Start(out io.Writer) error
	// Finish writes what was held back. It is called once.
	Finish() error
	// Held says what the writer holds back. It may be called before Start.
	Held() Held
}

// Held says how many bytes a writer holds back until Finish. A writer that says a number can be fed while its block is
// open.
type Held int64

// The special values of Held.
const (
	HoldsNothing Held = 0
	HoldsUnknown Held = 1<<63 - 1
)

// Form is what shapes the bytes and the names of the files.
type Form struct {
	User        User
	Compression string // name of the codec; empty means none
	Level       int    // level of the codec; 0 means the codec's own choice
	Suffix      string // suffix of the file's name, without that of the codec
}

// PanicError is a panic of the user's code.
type PanicError struct {
	Who   string // "decoder" or "writer"; empty if the error around it says that
	Value any    // the argument of panic
}

// Error implements error.
func (e *PanicError) Error() string {
	if e.Who == "" {
		return fmt.Sprintf("panic: %v", e.Value)
	}
	return fmt.Sprintf("%s panics: %v", e.Who, e.Value)
}
