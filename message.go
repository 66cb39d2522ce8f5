package jetcapture

import (
	"unicode/utf8"

	"github.com/jetcapture/jetcapture/internal/wire"
	"github.com/nats-io/nats.go"
)

// NatsMessage is a message as the stream stores it, made by NatsToNats. It holds nothing of the delivery, so it is
// equal whenever and however the message is read: Reply is empty, and Metadata has only Stream, Sequence.Stream and
// Timestamp, in UTC.
//
// In JSON, encoding/json replaces what is not UTF-8 by U+FFFD. SubjectRaw and HeaderRaw keep such subjects and headers.
type NatsMessage struct {
	Subject    string              `json:"subject"`
	SubjectRaw []byte              `json:"subject_raw,omitempty"` // only if Subject is not UTF-8
	Reply      string              `json:"reply"`                 // always empty; readers of v0.1.0's files expect it
	Header     map[string][]string `json:"header"`                // never nil
	// HeaderRaw is the header block. It is set only if Header does not hold all of it: if a name or a value is not UTF-8,
	// then with sorted names, or if a client does not parse all of it, then as the stream has it.
	HeaderRaw []byte            `json:"header_raw,omitempty"`
	Data      []byte            `json:"data"` // never nil; base64 in JSON
	Metadata  *nats.MsgMetadata `json:"metadata"`
}

// NatsToNats returns a MessageDecoder that takes the message as it is and asks resolve for its key. The messages must
// come from a JetStream consumer. For resolve, the rules of Options.MessageDecoder hold.
func NatsToNats[K DestKey](resolve func(msg *nats.Msg) K) func(msg *nats.Msg) (*NatsMessage, K, error) {
	return func(msg *nats.Msg) (*NatsMessage, K, error) {
		key := resolve(msg)
		m, err := newNatsMessage(msg)
		return m, key, err
	}
}

// SubjectToDestKey groups messages by subject; pass it to NatsToNats. The key is the subject as it is, which may hold
// any byte except blanks and line breaks. If you make paths of it yourself, use EscapePath.
func SubjectToDestKey(msg *nats.Msg) string { return msg.Subject }

func newNatsMessage(msg *nats.Msg) (*NatsMessage, error) {
	metadata, err := msg.Metadata() // a new value for each call
	if err != nil {
		return nil, err
	}
	forgetDelivery(metadata)
	header, block := wire.SplitBlock(msg.Header)
	if block == nil {
		block = rawHeader(header)
	}
	m := &NatsMessage{
		Subject:    msg.Subject,
		SubjectRaw: rawSubject(msg.Subject),
		Header:     header,
		HeaderRaw:  block,
		Data:       msg.Data,
		Metadata:   metadata,
	}
	// Whether an empty header or payload is nil depends on how the message was read. Rows must not depend on that.
	if m.Header == nil {
		m.Header = map[string][]string{}
	}
	if m.Data == nil {
		m.Data = []byte{}
	}
	return m, nil
}

// forgetDelivery keeps only what is a fact about the stored message.
func forgetDelivery(m *nats.MsgMetadata) {
	*m = nats.MsgMetadata{
		Stream: m.Stream, Sequence: nats.SequencePair{Stream: m.Sequence.Stream}, Timestamp: m.Timestamp.UTC(),
	}
}

// rawSubject returns the bytes of a subject that is not UTF-8, and nil for any other.
func rawSubject(subject string) []byte {
	if utf8.ValidString(subject) {
		return nil
	}
	return []byte(subject)
}

// rawHeader returns the block of a header that is not UTF-8, and nil for any other.
func rawHeader(h nats.Header) []byte {
	if wire.ValidHeader(h) {
		return nil
	}
	return wire.HeaderBlock(h)
}
