package capture

import (
	"context"
	"fmt"
	"io"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/reader"
)

// User is the code of the library's user, seen without its types: decoder, keys and writers. The root package's one
// implementation is generic over payload and key; nothing behind this interface is. A panic of the user's code is a
// *PanicError here.
type User interface {
	// NewBatch returns room for decoded messages. Any goroutine calls it.
	NewBatch() Batch
	// NewKeys returns the numbering of the keys of one cut. Any goroutine calls it.
	NewKeys() Keys
	// NewWriter returns the writer of one block. The loop calls it, and while a cut is sealed, the encoders.
	NewWriter() (Writer, error)
}

// Batch holds what the decoder made of some messages, each in a slot. It has one owner at a time, but for Decode.
type Batch interface {
	// Reset forgets all slots and makes n empty ones.
	Reset(n int)
	// Decode decodes m into slot i. The error is ErrSkip, as it is or wrapped, or says why m is poison; Keys.Group returns
	// it again. Several goroutines may call it for different slots.
	Decode(i int, m *reader.Message) error
	// Write gives the payload in slot i to a writer of the same User, and returns the number of rows.
	Write(i int, w Writer) (rows int, err error)
}

// Group is the number of a key within one cut, counted from 0 without a gap.
type Group int

// Keys are the keys of one cut. The loop owns them while the cut is open, then the goroutine that stores the cut.
type Keys interface {
	// Group returns the number of the key in slot i of b: a new one for a key that the cut does not have yet. Keys that share
	// their directories share their number. The error is that of decoding, or says why the key cannot be a path.
	Group(b Batch, i int) (Group, error)
	// Dir returns the directory of a group for the window that starts at window, in nanoseconds since the Unix epoch, and
	// the parts of the key as a plan keeps them.
	Dir(g Group, window int64) (dir string, key []cutlog.Text, err error)
	// Store hands a block of the group to the user's BlockStore. Several goroutines call it. Only at least once.
	Store(ctx context.Context, g Group, body io.Reader, dir, name string) (location string, err error)
}

// Writer writes the rows of one block; Batch.Write calls it. One goroutine uses it at a time.
type Writer interface {
	// Start begins the file.
	Start(out io.Writer) error
	// Finish writes what was held back. It is called once.
	Finish() error
	// Held says what the writer keeps back.
	Held() Held
}

// Held says what a writer keeps back until Finish: nothing, an amount, or an amount that it does not tell.
type Held int64

// Special values of Held. Others are a number of bytes: a writer that tells it can be fed while its block is open.
const (
	HoldsNothing Held = 0
	HoldsUnknown Held = 1<<63 - 1
)

// Form is what shapes the bytes of the files.
type Form struct {
	User        User
	Compression string
	Level       int    // of the compression; 0: the codec's own choice
	Suffix      string // of the file's name, without that of the compression
}

// PanicError is a panic of the user's code.
type PanicError struct {
	Who   string // "decoder", "writer"; empty: it is plain from what the error is wrapped in
	Value any    // of the panic
}

// Error implements error.
func (e *PanicError) Error() string {
	if e.Who == "" {
		return fmt.Sprintf("panic: %v", e.Value)
	}
	return fmt.Sprintf("%s panics: %v", e.Who, e.Value)
}
