// Package reader reads a JetStream stream in stream-sequence order, each message once, through our own pull loop on a plain
// subscription, and tells absence from loss.
package reader

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go"
)

// Errors of readers. All other errors of Next are permanent: the capture cannot go on by itself.
var (
	// ErrStreamNotFound: the stream does not exist. Next returns it only with FailWhenGone, otherwise it waits for the stream.
	ErrStreamNotFound = errors.New("stream not found")
	// ErrDisturbed: somebody else moved the consumer (reset, deleted, acked) since this reader positioned it last, so what was read
	// since the last cut proves nothing. The owner drops its open blocks without a cut, closes the reader and opens another one.
	ErrDisturbed = errors.New("the consumer was moved by somebody else")
)

// DivergedError says that the stream is not the one that was read so far: it was deleted and recreated, or rolled back. What was
// returned before stays valid. Next returns this error for good: the new stream takes a new reader.
type DivergedError struct {
	Stream     string
	Was, Is    time.Time // created
	RolledBack bool      // same created, but another message at the anchor, or a last sequence below it
	Info       StreamInfo
}

// Message is one stored message as delivered.
type Message struct {
	Msg    *nats.Msg // bound to a subscription: Metadata works
	Seq    uint64    // stream sequence
	Time   int64     // nanoseconds since the Unix epoch, the stream's timestamp
	Size   int       // bytes of subject, header and payload
	Header []byte    // the raw header block, only set when it could not be parsed; Msg.Header is nil then
}

// Batch is what Next returns.
type Batch struct {
	Messages []Message // ascending Seq; may be empty
	// Through: every message of the capture's filter with a sequence up to here has been returned, in this or an earlier batch; what was
	// not returned below it is absent. It never goes back, and is 0 while nothing is known (shared readers: always).
	Through uint64
	// Pending is the number of matching messages that the stream holds beyond the last one delivered (lag), as last told by the server.
	Pending uint64
}

// Reader is one way to read a stream: *Ordered, *Durable or *Shared. Next, Check and Close are called from one goroutine; Ack may run
// beside Next. After Close no method may be called.
type Reader interface {
	// Next waits for messages or progress. It goes on by itself after every fault that time can mend.
	Next(ctx context.Context) (Batch, error)
	// Check proves, before a cut, that the batches returned so far are complete: identity of the stream, and for a durable consumer that
	// nobody else moved it. It returns nil, ErrDisturbed, *DivergedError or an error that a later try may mend.
	Check(ctx context.Context) error
	// Ack acknowledges every delivered message up to the stream sequence to: plain acks in order, the last one confirmed. It does
	// nothing on an ordered reader. A missing confirmation is no error.
	Ack(ctx context.Context, to uint64) error
	// Close ends the subscription and, on an ordered reader, deletes the consumer. It leaves the connection as it was.
	Close(ctx context.Context) error
}

// Position is where reading starts and what proves that the stream is still the same.
type Position struct {
	After   uint64    // last sequence in hand
	Created time.Time // the incarnation's stream creation time
	Anchor  Anchor    // zero Seq: none
}

// Anchor is a message that the stream must still hold, or have dropped, but never have replaced. See cutlog.Anchor.
type Anchor struct {
	Seq     uint64
	Time    time.Time
	Subject string
	Hash    string // cutlog.HashMessage
}

// StreamInfo is what the capture needs to know of a stream.
type StreamInfo struct {
	Name      string
	Created   time.Time
	FirstSeq  uint64
	LastSeq   uint64
	Messages  uint64
	Retention nats.RetentionPolicy
	Discard   nats.DiscardPolicy
	HasLeader bool // false while a clustered stream has no leader
	MaxAge    time.Duration
	// ConfiguredFirst is the first sequence that the stream was created with, at least 1.
	ConfiguredFirst uint64
}
