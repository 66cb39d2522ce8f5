package jetcapture

import (
	"context"
	"fmt"
	"time"

	"github.com/jetcapture/jetcapture/internal/capture"
)

// ErrSkip is returned by a MessageDecoder, as it is or wrapped, to leave a message out on purpose. It is counted and recorded as
// skipped, and then acknowledged: on a work queue that deletes it.
var ErrSkip = capture.ErrSkip

// PoisonPolicy says what becomes of a message that cannot be decoded or written.
type PoisonPolicy string

// The policies. The zero value is PoisonFail.
const (
	PoisonFail       PoisonPolicy = "fail"        // Run ends with a *PoisonError; the message stays in the stream
	PoisonDeadLetter PoisonPolicy = "dead-letter" // it is kept whole, with the error
	PoisonSkip       PoisonPolicy = "skip"        // it is counted, recorded as skipped, and left out
)

// PoisonError says which message could not be decoded or written, and why.
type PoisonError struct {
	Stream  string
	Seq     uint64 // stream sequence
	Subject string
	Err     error
}

// Error implements error.
func (e *PoisonError) Error() string {
	return fmt.Sprintf("stream %s sequence %d (subject %q): %v", e.Stream, e.Seq, e.Subject, e.Err)
}

// Unwrap returns the cause.
func (e *PoisonError) Unwrap() error { return e.Err }

// DeadLetter is a poison message, kept whole, and what was wrong with it. Its JSON is a row of a dead letter file.
type DeadLetter struct {
	Stream     string              `json:"stream"`
	Seq        uint64              `json:"seq"` // stream sequence
	Time       time.Time           `json:"time"`
	Subject    string              `json:"subject"`
	SubjectRaw []byte              `json:"subject_raw,omitempty"` // only when Subject is not UTF-8
	Header     map[string][]string `json:"header,omitempty"`
	HeaderRaw  []byte              `json:"header_raw,omitempty"` // only when the header cannot be parsed or is not UTF-8
	Data       []byte              `json:"data"`
	Error      string              `json:"error"`
}

// DeadLetterFunc keeps a dead letter. It is called from one goroutine, and again after an error.
type DeadLetterFunc func(ctx context.Context, d DeadLetter) error
