package jetcapture

import (
	"context"
	"fmt"
	"time"

	"github.com/jetcapture/jetcapture/internal/capture"
)

// ErrSkip is what a MessageDecoder returns, as it is or wrapped, to leave a message out on purpose. The message is
// counted, recorded as skipped, and acknowledged with its cut: on a work queue that deletes it.
var ErrSkip = capture.ErrSkip

// PoisonPolicy says what becomes of a message that cannot be decoded or written, or whose key cannot be a path.
type PoisonPolicy string

// The policies. The zero value is PoisonFail.
const (
	// PoisonFail ends Run with a *PoisonError. The message stays in the stream.
	PoisonFail PoisonPolicy = "fail"
	// PoisonDeadLetter keeps the message whole, with the error, as a DeadLetter.
	PoisonDeadLetter PoisonPolicy = "dead-letter"
	// PoisonSkip leaves the message out. It is counted and recorded as skipped.
	PoisonSkip PoisonPolicy = "skip"
)

// PoisonError says which message could not be decoded or written, and why.
type PoisonError struct {
	Stream  string
	Seq     uint64 // stream sequence
	Subject string
	Err     error // what the decoder or the writer returned, or a panic as an error
}

// Error names the stream, the sequence and the cause.
func (e *PoisonError) Error() string {
	return fmt.Sprintf("stream %s sequence %d (subject %q): %v", e.Stream, e.Seq, e.Subject, e.Err)
}

// Unwrap returns the cause.
func (e *PoisonError) Unwrap() error { return e.Err }

// DeadLetter is a poison message, kept whole, with the error. Its JSON is a row of a dead letter file.
type DeadLetter struct {
	Stream     string              `json:"stream"`
	Seq        uint64              `json:"seq"` // stream sequence
	Time       time.Time           `json:"time"`
	Subject    string              `json:"subject"`
	SubjectRaw []byte              `json:"subject_raw,omitempty"` // only if Subject is not UTF-8
	Header     map[string][]string `json:"header,omitempty"`
	HeaderRaw  []byte              `json:"header_raw,omitempty"` // only if Header does not hold all of the header
	Data       []byte              `json:"data"`
	Error      string              `json:"error"`
}

// DeadLetterFunc stores a dead letter. When it returns nil the letter must be durable, because its message will be
// acknowledged. After an error it is called again with the same letter until it succeeds, and a letter may also come
// again after a restart. It is called one at a time, perhaps from different goroutines.
type DeadLetterFunc func(ctx context.Context, d DeadLetter) error
