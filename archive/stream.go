package archive

import (
	"context"
	"errors"
	"iter"
	"time"
)

// ErrNoStream is what the Info of a Stream wraps when the stream does not exist.
var ErrNoStream = errors.New("the stream does not exist")

// Stream is what a verification needs of the stream of a capture. It changes nothing of it. Verify calls its methods from one goroutine.
type Stream interface {
	// Info says which stream it is and what it holds now.
	Info(ctx context.Context) (StreamInfo, error)
	// Messages yields what the stream holds with sequences above after, up to and with through, as far as the filter of the capture lets
	// it through: all of it, ascending. The stream has reached through. A message may be used until the next one is asked for. An error ends
	// the sequence.
	Messages(ctx context.Context, after, through uint64) iter.Seq2[Message, error]
	// Close is called once, last.
	Close(ctx context.Context) error
}

// StreamInfo is what Verify needs to know of a stream.
type StreamInfo struct {
	Created     time.Time
	First, Last uint64 // sequences; what is not in between, the stream does not hold
}

// Message is a message as a stream holds it.
type Message struct {
	Seq       uint64
	Time      time.Time
	Subject   string
	Header    map[string][]string // nil: none, or one that cannot be parsed
	HeaderRaw []byte              // the stored block of a header that cannot be parsed
	Data      []byte
}
