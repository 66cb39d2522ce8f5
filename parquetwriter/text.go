package parquetwriter

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// validText returns s with U+FFFD for each run of bytes that is not UTF-8, as readers refuse a whole file for one such byte, and whether s was
// valid as it is.
func validText(s string) (text string, valid bool) {
	if utf8.ValidString(s) {
		return s, true
	}
	return strings.ToValidUTF8(s, "\uFFFD"), false
}

// headerField is one name of a header, in the order of the file.
type headerField struct {
	name   string
	values []string
}

// headerText is a header as a file has it. It is reused from message to message.
type headerText struct {
	fields []headerField
	raw    []byte // the header block, if a name or a value is not valid UTF-8, else nil
}

// set takes in a header: names sorted, since the same message must give the same bytes.
func (t *headerText) set(header map[string][]string) {
	clear(t.fields)
	t.fields, t.raw = t.fields[:0], nil
	valid := true
	for name, values := range header {
		t.fields = append(t.fields, headerField{name, values})
		valid = valid && utf8.ValidString(name) && !slices.ContainsFunc(values, invalid)
	}
	if len(t.fields) > 1 {
		slices.SortFunc(t.fields, func(a, b headerField) int { return strings.Compare(a.name, b.name) })
	}
	if !valid {
		t.raw = t.block()
		t.replace()
	}
}

func invalid(s string) bool { return !utf8.ValidString(s) }

// block rebuilds the header block of the wire format (NATS ADR-4), the names sorted and the order of the values kept.
func (t *headerText) block() []byte {
	b := []byte("NATS/1.0\r\n")
	for _, f := range t.fields {
		for _, v := range f.values {
			b = append(append(append(append(b, f.name...), ": "...), v...), "\r\n"...)
		}
	}
	return append(b, "\r\n"...)
}

// replace makes text of everything. Names that become the same are one name with the values of both, as a map with a key twice is refused.
func (t *headerText) replace() {
	merged := make([]headerField, 0, len(t.fields))
	for _, f := range t.fields {
		name, _ := validText(f.name)
		i := slices.IndexFunc(merged, func(m headerField) bool { return m.name == name })
		if i < 0 {
			i = len(merged)
			merged = append(merged, headerField{name: name})
		}
		for _, v := range f.values {
			text, _ := validText(v)
			merged[i].values = append(merged[i].values, text)
		}
	}
	slices.SortFunc(merged, func(a, b headerField) int { return strings.Compare(a.name, b.name) })
	t.fields = merged
}
