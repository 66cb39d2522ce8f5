package column

import (
	"unicode/utf8"

	"github.com/jetcapture/jetcapture/internal/jsontext"
	"github.com/jetcapture/jetcapture/internal/source"
)

// RescuedName is the name of the column for values that fit no other. Columns of users cannot have it, since their
// names begin with a letter.
const RescuedName = "_rescued"

// payloadMember is the name of the payload in the rescued column.
const payloadMember = "_payload"

// Rescued collects the values of a row that do not fit their columns. It is a JSON object with a member for each column
// that holds the reason and the value. The value is JSON, or base64 where readers would stop at it (invalid UTF-8, half
// a surrogate pair). A payload that is not JSON is in it once, as _payload. It belongs to one goroutine.
type Rescued struct {
	text    []byte // the object without its closing brace; empty: nothing was added
	payload bool   // the payload is in it
}

// Reset empties it, for the next row.
func (r *Rescued) Reset() { r.text, r.payload = r.text[:0], false }

// Add adds a column that does not fit.
func (r *Rescued) Add(c Column, m *source.Message, reason string) {
	if reason == NotJSON {
		if !r.payload {
			r.payload = true
			r.member(payloadMember, reason, string(m.Data), false)
		}
		return
	}
	v := c.Source.Eval(m)
	switch v.Kind {
	case source.Seq, source.Time:
		r.member(c.Name, reason, v.String(), false)
	default:
		if v.Raw != "" {
			r.member(c.Name, reason, v.Raw, true)
			return
		}
		r.member(c.Name, reason, v.Text, false)
	}
}

// member appends a member. With asJSON the value is JSON.
func (r *Rescued) member(name, reason, value string, asJSON bool) {
	if len(r.text) == 0 {
		r.text = append(r.text, '{')
	} else {
		r.text = append(r.text, ',')
	}
	r.text = append(jsontext.AppendString(r.text, name), `:{"reason":`...)
	r.text = jsontext.AppendString(r.text, reason)
	switch {
	case !utf8.ValidString(value) || asJSON && jsontext.HalfPair(value):
		r.text = jsontext.AppendBytes(append(r.text, `,"base64":`...), []byte(value))
	case asJSON:
		r.text = append(append(r.text, `,"value":`...), value...)
	default:
		r.text = jsontext.AppendString(append(r.text, `,"value":`...), value)
	}
	r.text = append(r.text, '}')
}

// Text returns the object, or nothing if all values fit. It is valid until Reset.
func (r *Rescued) Text() []byte {
	if len(r.text) == 0 {
		return nil
	}
	return append(r.text, '}')
}
