package source

import (
	"strings"
	"unsafe"

	"github.com/jetcapture/jetcapture/internal/jsontext"
	"github.com/tidwall/gjson"
)

// validity is what is known about a message's Data.
type validity uint8

const (
	unchecked validity = iota
	valid
	invalid
)

// Eval returns the value of the source in m. It allocates only for JSON strings with escapes, and for paths with
// escapes or "#". The text of a value shares the memory of m: to keep the text without the payload, clone it.
func (s Source) Eval(m *Message) Value {
	switch s.what {
	case subject:
		return Value{Kind: String, Text: m.Subject}
	case subjectToken:
		return evalToken(m.Subject, s.token)
	case header:
		if values := m.Header[s.arg]; len(values) > 0 {
			return Value{Kind: String, Text: values[0]}
		}
		return Value{}
	case jsonWhole, jsonPath:
		return s.evalJSON(m)
	case payload:
		return Value{Kind: String, Text: unsafe.String(unsafe.SliceData(m.Data), len(m.Data))}
	case seq:
		return Value{Kind: Seq, Seq: m.Seq}
	case timestamp:
		return Value{Kind: Time, Time: m.Time}
	}
	return Value{}
}

func evalToken(subject string, n int) Value {
	for range n - 1 {
		i := strings.IndexByte(subject, '.')
		if i < 0 {
			return Value{}
		}
		subject = subject[i+1:]
	}
	if i := strings.IndexByte(subject, '.'); i >= 0 {
		subject = subject[:i]
	}
	return Value{Kind: String, Text: subject}
}

func (s Source) evalJSON(m *Message) Value {
	if !m.validJSON() {
		return Value{Kind: NotJSON}
	}
	// gjson.GetBytes would copy what it finds.
	doc := unsafe.String(unsafe.SliceData(m.Data), len(m.Data))
	if s.what == jsonWhole {
		return jsonValue(gjson.Parse(strings.TrimRight(doc, jsonSpace)))
	}
	// gjson looks for the first bracket anywhere, even in the string "{".
	doc = strings.TrimLeft(doc, jsonSpace)
	if doc[0] != '{' && doc[0] != '[' {
		return Value{}
	}
	return jsonValue(gjson.Get(doc, s.arg))
}

// jsonSpace is the white space of RFC 8259 section 2.
const jsonSpace = " \t\r\n"

func jsonValue(r gjson.Result) Value {
	switch r.Type {
	case gjson.Null:
		if r.Exists() {
			return Value{Kind: Null, Raw: r.Raw}
		}
		return Value{}
	case gjson.False, gjson.True:
		return Value{Kind: Bool, Text: r.Raw, Raw: r.Raw}
	case gjson.Number:
		return Value{Kind: Number, Text: r.Raw, Raw: r.Raw}
	case gjson.String:
		return Value{Kind: String, Text: r.Str, Raw: r.Raw}
	default:
		return Value{Kind: JSON, Text: r.Raw, Raw: r.Raw}
	}
}

// validJSON reports whether Data is valid JSON that is not nested too deep. m remembers the answer.
func (m *Message) validJSON() bool {
	if m.json == unchecked {
		m.json = invalid
		if jsontext.Valid(m.Data) {
			m.json = valid
		}
	}
	return m.json == valid
}
