package source

import (
	"errors"
	"strconv"
	"time"

	"github.com/jetcapture/jetcapture/internal/jsontext"
)

// Kind is the kind of a value.
type Kind uint8

// The kinds. Of the first three, the value has no text.
const (
	Missing Kind = iota // no such token, header, or place in the JSON
	Null                // JSON null
	NotJSON             // a JSON path, but the payload is no JSON
	String              // a subject, token or header, or a JSON string without quotes and escapes; not always valid UTF-8
	Number              // a JSON number, its text as it stands in the payload
	Bool                // true or false
	JSON                // an object or array, its text as it stands in the payload
	Seq                 // a stream sequence
	Time                // a timestamp
)

// String returns the kind's name as errors print it.
func (k Kind) String() string {
	names := [...]string{"missing", "null", "not JSON", "string", "number", "boolean", "object or array", "sequence", "time"}
	if int(k) < len(names) {
		return names[k]
	}
	return "kind " + strconv.Itoa(int(k))
}

// Value is what a source gives for a message. The zero Value is missing.
type Value struct {
	Kind Kind
	Text string    // String, Number, Bool, JSON; part of the message's memory, see Source.Eval
	Raw  string    // of a JSON value, as it stands in the payload, a string with its quotes and escapes
	Seq  uint64    // Seq
	Time time.Time // Time
}

// Absent tells whether there is no value: Missing, Null or NotJSON.
func (v Value) Absent() bool { return v.Kind <= NotJSON }

// HalfPair tells whether a JSON value has an escape of half a surrogate pair. Of a string it has become U+FFFD in Text: other values have the
// same text.
func (v Value) HalfPair() bool { return jsontext.HalfPair(v.Raw) }

// AppendText appends the value's text to dst: nothing if it is absent, decimal digits for Seq, time.RFC3339Nano in UTC for Time.
func (v Value) AppendText(dst []byte) []byte {
	switch v.Kind {
	case Seq:
		return strconv.AppendUint(dst, v.Seq, 10)
	case Time:
		return v.Time.UTC().AppendFormat(dst, time.RFC3339Nano)
	default:
		return append(dst, v.Text...)
	}
}

// String returns what AppendText appends.
func (v Value) String() string {
	switch v.Kind {
	case Seq, Time:
		return string(v.AppendText(nil))
	default:
		return v.Text
	}
}

// None is the key of a message without a value.
const None = "_none"

// ErrCompositeKey says that a key would be a JSON object or array: the message is poison.
var ErrCompositeKey = errors.New("a JSON object or array cannot be a key")

// ErrHalfPairKey says that a key would be a text with half of a surrogate pair, which shares its text with others: the message is poison.
var ErrHalfPairKey = errors.New("half of a surrogate pair cannot be in a key")

// Key returns the value as a destination key: None if it is absent (a payload that is no JSON has no value: messages of another kind are
// kept apart, not lost), else its text. A key that is not None may be the text "_none" as well: who must tell them apart asks Absent.
func (v Value) Key() (string, error) {
	switch {
	case v.Absent():
		return None, nil
	case v.Kind == JSON:
		return "", ErrCompositeKey
	case v.HalfPair():
		return "", ErrHalfPairKey
	default:
		return v.String(), nil
	}
}
