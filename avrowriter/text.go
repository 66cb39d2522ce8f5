package avrowriter

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

// headerField is one name of a header.
type headerField struct {
	name   string
	values []string
}

// header is a message's header with the names sorted, since the same message must give the same bytes.
type header []headerField

// sortedHeader reuses the memory of h.
func sortedHeader(h header, fields map[string][]string) header {
	clear(h)
	h = h[:0]
	for name, values := range fields {
		h = append(h, headerField{name, values})
	}
	if len(h) > 1 {
		slices.SortFunc(h, func(a, b headerField) int { return strings.Compare(a.name, b.name) })
	}
	return h
}

// valid tells whether all names and values are valid UTF-8.
func (h header) valid() bool {
	return !slices.ContainsFunc(h, func(f headerField) bool {
		return !utf8.ValidString(f.name) || slices.ContainsFunc(f.values, func(v string) bool { return !utf8.ValidString(v) })
	})
}

// block rebuilds the header block of the wire format (NATS ADR-4), the names sorted and the order of the values kept.
func (h header) block() []byte {
	b := []byte("NATS/1.0\r\n")
	for _, f := range h {
		for _, v := range f.values {
			b = append(append(append(append(b, f.name...), ": "...), v...), "\r\n"...)
		}
	}
	return append(b, "\r\n"...)
}

// text makes text of everything. Names that become the same are one name with the values of both, as a map has a key once.
func (h header) text() header {
	merged := make(header, 0, len(h))
	for _, f := range h {
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
	return merged
}
