package column

import (
	"unicode/utf8"

	"github.com/jetcapture/jetcapture/internal/jsontext"
	"github.com/jetcapture/jetcapture/internal/source"
)

// RescuedName is the column of what fits no other. No column of a user has the name, since names begin with a letter.
const RescuedName = "_rescued"

// payloadMember stands for the payload in the rescued column.
const payloadMember = "_payload"

// Rescued collects the values of a row that do not fit their columns: an object with a member for each column, and in it the reason and the
// value, as JSON or, where readers would stop at it (no valid UTF-8, half a surrogate pair), in base64. A payload that is not JSON is there
// once, as _payload.
type Rescued struct {
	text    []byte
	payload bool
}

// Reset makes it empty.
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

// member appends a member; asJSON says that the value is JSON.
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
