// Package reader reads a JetStream stream in the order of its sequences, each message once, and tells absence from
// loss. It pulls through a plain subscription of its own, so that it sees the heartbeats and every error.
package reader

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go"
)

// Errors of readers. All other errors of Next are permanent: the capture cannot go on by itself.
var (
	// ErrStreamNotFound: the stream does not exist. Next returns it only with FailWhenGone, otherwise it waits for the
	// stream.
	ErrStreamNotFound = errors.New("stream not found")
	// ErrDisturbed: another process moved the consumer (reset, deleted, acked) since this reader positioned it last, so
	// what was read since the last cut proves nothing. The owner drops its open blocks without a cut, closes the reader
	// and opens another one.
	ErrDisturbed = errors.New("the consumer was moved by somebody else")
)

// DivergedError says that the stream is not the one that was read so far: it was deleted and recreated, or rolled back.
// What was returned before stays valid. Next returns this error for good: the new stream takes a new reader.
type DivergedError struct {
	Stream     string
	Was, Is    time.Time // created
	RolledBack bool      // same created, but another message at the anchor, or a last sequence below it
	// Proved: what has no message up to the last batch is proved as well, as by an archive.
	Proved bool
	Info   StreamInfo
}

// Message is one stored message as delivered. Nobody changes it after Next has returned it.
type Message struct {
	Msg  *nats.Msg // bound to a subscription: Metadata works
	Seq  uint64    // stream sequence
	Time int64     // the stream's timestamp, in nanoseconds since the Unix epoch
	Size int       // bytes of subject, header and payload
	// the raw header block if it could not be parsed, when Msg.Header is nil; empty: the stream has dropped it
	Header []byte
	// the raw header block if Msg.Header does not hold all of it; empty: it does, or there is no header
	Block string
}

// Batch is what Next returns. It belongs to the caller.
type Batch struct {
	Messages []Message // ascending Seq; may be empty
	// Through is the stream sequence up to which every message that the filter matches has been returned, in this or an
	// earlier batch. What was not returned below it is absent. It never goes back. It is 0 while nothing is known, and
	// always with a shared reader.
	Through uint64
	// Pending is the number of matching messages that the stream holds beyond the last one delivered (the lag), as the
	// server last said.
	Pending uint64
}

// Reader is one way to read a stream: *Ordered, *Durable or *Shared. Next, Check and Close are called from one
// goroutine; Ack may run beside Next. After Close no method may be called.
type Reader interface {
	// Next waits for messages or progress. After a fault that can go away by itself it waits and goes on; any other error
	// is final, and Next returns it again. Besides those of this package, the error is the context's, after which Next may
	// be called again.
	Next(ctx context.Context) (Batch, error)
	// Check proves, before a cut, that the batches returned so far are complete: that the stream is the same, and that no
	// other process moved the durable consumer. The error is ErrDisturbed, *DivergedError, or one after which a later call
	// may succeed.
	Check(ctx context.Context) error
	// Ack acknowledges every delivered message up to the stream sequence to: plain acks in order, the last one confirmed.
	// A missing confirmation is not an error. On an ordered and on a shared reader it does nothing.
	Ack(ctx context.Context, to uint64) error
	// Close ends the subscription and, on an ordered reader, deletes the consumer. The connection stays as it was.
	Close(ctx context.Context) error
}

// Position is where reading starts and what proves that the stream is still the same.
type Position struct {
	After   uint64    // everything up to this stream sequence is in hand
	Created time.Time // when the stream was created; zero: not known
	Anchor  Anchor    // zero Seq: none
}

// Anchor is a message that the stream must still hold or have dropped, but cannot have replaced. See cutlog.Anchor.
type Anchor struct {
	Seq     uint64
	Time    time.Time
	Subject string
	Hash    string // by cutlog.HashMessage; empty: not known
}

// ConsumerLimits bound the settings of the consumers of a stream. Zero: no limit.
type ConsumerLimits struct {
	InactiveThreshold time.Duration `json:"inactive_threshold"`
	MaxAckPending     int           `json:"max_ack_pending"`
}

// Drops says which limits of a stream take messages away.
type Drops struct {
	Oldest bool // age, number or bytes: only the oldest messages
	Any    bool // messages of a subject, or the lifetime of a message: anywhere
	// Subject: messages of a subject, which is one of Any.
	Subject bool
}

// StreamInfo is what the capture needs to know of a stream.
type StreamInfo struct {
	Name      string
	Created   time.Time // differs when a stream is recreated with the same name
	FirstSeq  uint64    // the oldest message, or one beyond LastSeq if there is none
	LastSeq   uint64    // the newest message that the stream ever had
	Messages  uint64    // in the stream now
	Bytes     uint64    // of these messages, as the server counts
	FirstTime time.Time // timestamp of the oldest message; zero if there is none
	LastTime  time.Time // of the newest message that the stream ever had; zero: it had none
	Retention nats.RetentionPolicy
	Mirror    bool // of another stream
	Drops     Drops
	HasLeader bool // false while a clustered stream has no leader
	// The limits of the stream. Zero: no limit.
	MaxAge        time.Duration
	MaxMessages   int64
	MaxBytes      int64
	MaxPerSubject int64
	RefusesNew    bool          // a stream that is full refuses messages, and drops none
	ClockOffset   time.Duration // the local clock minus the server's; 0 if it is not known
	// Deleted is how many sequences between FirstSeq and LastSeq the stream does not have.
	Deleted uint64
	// ConsumerLimits are what the stream allows its consumers.
	ConsumerLimits ConsumerLimits
	// ConfiguredFirst is the first sequence that the stream was created with, at least 1.
	ConfiguredFirst uint64
	// Config is the whole configuration of the stream, as the server answers it: a JSON object.
	Config string
	// Subjects are those that the stream takes its messages from; empty if some come from elsewhere (mirror, sources) or
	// are stored under another subject.
	Subjects []string
	// Now is the server's time; zero if it does not say it.
	Now time.Time
	// Server is the version of the nats-server that leads the stream; empty before 2.11.
	Server string
}
