package jetcapture

import (
	"unicode/utf8"

	"github.com/jetcapture/jetcapture/internal/wire"
	"github.com/nats-io/nats.go"
)

// NatsMessage is a stored message as a payload, made by NatsToNats. It holds what the stream stores and nothing of the delivery, so that it is
// the same whenever and however the message is read: Reply is empty, and Metadata has only Stream, Sequence.Stream and Timestamp (UTC).
//
// JSON has no place for strings that are not UTF-8: encoding/json puts U+FFFD in. SubjectRaw and HeaderRaw keep such ones as they were.
type NatsMessage struct {
	Subject    string              `json:"subject"`
	SubjectRaw []byte              `json:"subject_raw,omitempty"` // only if Subject is not valid UTF-8
	Reply      string              `json:"reply"`                 // always empty, kept for the readers of v0.1.0's files
	Header     map[string][]string `json:"header"`                // never nil
	HeaderRaw  []byte              `json:"header_raw,omitempty"`  // only if a name or value is not valid UTF-8: the header block, names sorted
	Data       []byte              `json:"data"`                  // base64 in JSON
	Metadata   *nats.MsgMetadata   `json:"metadata"`
}

// NatsToNats returns a MessageDecoder that takes the message as it is and asks resolve for its key. The messages must come from a
// JetStream consumer. resolve is called as a MessageDecoder is.
func NatsToNats[K DestKey](resolve func(msg *nats.Msg) K) func(msg *nats.Msg) (*NatsMessage, K, error) {
	return func(msg *nats.Msg) (*NatsMessage, K, error) {
		key := resolve(msg)
		m, err := newNatsMessage(msg)
		return m, key, err
	}
}

// SubjectToDestKey groups messages by subject, for NatsToNats. The key is the subject as it is: it may hold any byte but a blank or a
// line break, see EscapePath.
func SubjectToDestKey(msg *nats.Msg) string { return msg.Subject }

func newNatsMessage(msg *nats.Msg) (*NatsMessage, error) {
	metadata, err := msg.Metadata() // a fresh one each time
	if err != nil {
		return nil, err
	}
	forgetDelivery(metadata)
	m := &NatsMessage{
		Subject:    msg.Subject,
		SubjectRaw: rawSubject(msg.Subject),
		Header:     msg.Header,
		HeaderRaw:  rawHeader(msg.Header),
		Data:       msg.Data,
		Metadata:   metadata,
	}
	// Both forms of emptiness occur, depending on where a message was read: rows must not tell.
	if m.Header == nil {
		m.Header = map[string][]string{}
	}
	if m.Data == nil {
		m.Data = []byte{}
	}
	return m, nil
}

// forgetDelivery leaves only what is a fact about the stored message.
func forgetDelivery(m *nats.MsgMetadata) {
	*m = nats.MsgMetadata{Stream: m.Stream, Sequence: nats.SequencePair{Stream: m.Sequence.Stream}, Timestamp: m.Timestamp.UTC()}
}

// rawSubject returns the bytes of a subject that is not valid UTF-8, and nil for any other.
func rawSubject(subject string) []byte {
	if utf8.ValidString(subject) {
		return nil
	}
	return []byte(subject)
}

// rawHeader returns the block of a header that is not valid UTF-8, and nil for any other.
func rawHeader(h nats.Header) []byte {
	if wire.ValidHeader(h) {
		return nil
	}
	return wire.HeaderBlock(h)
}
