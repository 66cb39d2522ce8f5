package capture

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/jetcapture/jetcapture/internal/wire"
)

// ErrSkip is what a decoder returns, as it is or wrapped, to leave a message out on purpose. The root package exports
// it.
var ErrSkip = errors.New("skip this message")

// Policy says what becomes of a message that cannot be decoded or written.
type Policy string

// The policies. The root package has the same, with their contracts.
const (
	PoisonFail       Policy = "fail"
	PoisonDeadLetter Policy = "dead-letter"
	PoisonSkip       Policy = "skip"
)

// DeadLetter is a poison message, kept whole, with the error. Its JSON is a row of a dead letter file. The root
// package's DeadLetter has the same fields, and the compiler checks the conversion.
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

// skip leaves a message out. Its sequence will be in the plan as skipped.
func (l *loop) skip(seq uint64) {
	l.open.cut.Skip(seq)
	l.observer.Observe(Skipped{Seq: seq})
}

// poison deals with a message that cannot be decoded or written, as the policy says.
func (l *loop) poison(ctx context.Context, m *reader.Message, cause error) error {
	err := l.maker.poisoned(m, cause)
	switch l.cfg.Poison {
	case PoisonDeadLetter:
		err := l.open.addDead(m, l.maker.letter(m, cause))
		if is(err, spoolFull) {
			return l.waitForSpool(ctx, err)
		}
		return err
	case PoisonSkip:
		l.skip(m.Seq)
		return nil
	}
	return fmt.Errorf("poison message (policy fail): %w", err)
}

// poisoned reports a poison message and returns the error that the library's user sees. Any goroutine may call it.
func (k *Maker) poisoned(m *reader.Message, cause error) error {
	err := k.cfg.PoisonError(m, cause)
	k.observer.Observe(Poisoned{Policy: k.cfg.Poison, Err: err})
	return err
}

// letter returns the dead letter of a message.
func (k *Maker) letter(m *reader.Message, cause error) DeadLetter {
	d := DeadLetter{
		Stream: k.stream, Seq: m.Seq, Time: time.Unix(0, m.Time).UTC(), Subject: m.Msg.Subject,
		Header: m.Msg.Header, HeaderRaw: m.Header, Data: m.Msg.Data, Error: cause.Error(),
	}
	if !utf8.ValidString(d.Subject) {
		d.SubjectRaw = []byte(d.Subject)
	}
	switch {
	case d.HeaderRaw != nil:
	case m.Block != "":
		d.HeaderRaw = []byte(m.Block)
	case !wire.ValidHeader(d.Header):
		d.HeaderRaw = wire.HeaderBlock(d.Header)
	}
	return d
}
