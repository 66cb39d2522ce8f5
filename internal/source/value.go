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
	NotJSON             // a JSON path, but the payload is not JSON
	String              // a subject, token or header, or a JSON string without quotes and escapes; not always valid UTF-8
	Number              // a JSON number, with its text as in the payload
	Bool                // true or false
	JSON                // an object or array, with its text as in the payload
	Seq                 // a stream sequence
	Time                // a timestamp
)

// String returns the kind's name for errors.
func (k Kind) String() string {
	names := [...]string{
		"missing", "null", "not JSON", "string", "number", "boolean", "object or array", "sequence", "time",
	}
	if int(k) < len(names) {
		return names[k]
	}
	return "kind " + strconv.Itoa(int(k))
}

// Value is the value of a source in a message. The zero Value is missing.
type Value struct {
	Kind Kind
	Text string    // String, Number, Bool, JSON; shares the message's memory, see Source.Eval
	Raw  string    // a JSON value as in the payload, a string with its quotes and escapes
	Seq  uint64    // Seq
	Time time.Time // Time
}

// Absent reports whether there is no value: Missing, Null or NotJSON.
func (v Value) Absent() bool { return v.Kind <= NotJSON }

// HalfPair reports whether a JSON value has an escape of half a surrogate pair. In the Text of a string it has become
// U+FFFD, so different values can have the same text.
func (v Value) HalfPair() bool { return jsontext.HalfPair(v.Raw) }

// AppendText appends the value's text to dst: nothing if it is absent, decimal digits for Seq, and time.RFC3339Nano in
// UTC for Time.
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

// ErrCompositeKey says that a key would be a JSON object or array, so the message is poison.
var ErrCompositeKey = errors.New("a JSON object or array cannot be a key")

// ErrHalfPairKey says that a key would be a text with half of a surrogate pair, which other keys could share, so the
// message is poison.
var ErrHalfPairKey = errors.New("half of a surrogate pair cannot be in a key")

// Key returns the value as a destination key: None if it is absent, otherwise its text. A payload that is not JSON has
// no value, so messages of another kind are kept apart and not lost. The text of a value can be "_none", too; Absent
// tells the two apart.
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
