package archive

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/jetcapture/jetcapture/internal/wire"
)

// ErrNoStream is wrapped by the error of a Stream's Info if the stream does not exist.
var ErrNoStream = errors.New("the stream does not exist")

// Stream is what a verification needs of the stream of a capture. It must not change the stream. Verify calls its
// methods from one goroutine.
type Stream interface {
	// Info says which stream it is and what it holds now.
	Info(ctx context.Context) (StreamInfo, error)
	// Messages yields all messages that the stream holds with sequences above after, up to and including through, and that
	// the filter of the capture matches, ascending. The stream has reached through. A message is valid until the next one
	// is yielded. An error ends the sequence.
	Messages(ctx context.Context, after, through uint64) iter.Seq2[Message, error]
	// Close is called once, after all other calls.
	Close(ctx context.Context) error
}

// StreamInfo is what Verify needs to know of a stream.
type StreamInfo struct {
	Created     time.Time
	First, Last uint64 // sequences of the oldest and the newest message
}

// Message is a message as a stream holds it.
type Message struct {
	Seq       uint64
	Time      time.Time
	Subject   string
	Header    map[string][]string // nil: none, or one that cannot be parsed
	HeaderRaw []byte              // the stored block if Header does not hold all of it; otherwise nil
	Data      []byte
}

// HeaderBlock is the header as a stream keeps it: HeaderRaw, or the fields of Header with their names sorted; nil if
// there is none.
func (m *Message) HeaderBlock() []byte {
	if m.HeaderRaw != nil {
		return m.HeaderRaw
	}
	return wire.HeaderBlock(m.Header)
}
