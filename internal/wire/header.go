package wire

import (
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	headerLine = "NATS/1.0\r\n"
	lineEnd    = "\r\n"
)

// HeaderBlock rebuilds the block of a parsed header: names sorted, values in their order. The original order of the
// names is lost once a client has parsed them. It returns nil for a header without names.
func HeaderBlock(fields map[string][]string) []byte {
	if len(fields) == 0 {
		return nil
	}
	b := []byte(headerLine)
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		b = appendLines(b, name, fields[name])
	}
	return append(b, lineEnd...)
}

// ValidHeader reports whether all names and values are valid UTF-8.
func ValidHeader(fields map[string][]string) bool {
	for name, values := range fields {
		if !utf8.ValidString(name) || slices.ContainsFunc(values, invalid) {
			return false
		}
	}
	return true
}

// Field is one name of a header with its values in their order.
type Field struct {
	Name   string
	Values []string
}

// Header is a header in the order in which files hold it: names sorted, so that the same message always gives the same
// bytes.
type Header []Field

// SortHeader returns the fields as a Header. It overwrites reuse and returns its memory if that is large enough; reuse
// may be nil. The strings and the lists of values are shared with fields.
func SortHeader(reuse Header, fields map[string][]string) Header {
	clear(reuse)
	h := reuse[:0]
	for name, values := range fields {
		h = append(h, Field{name, values})
	}
	if len(h) > 1 {
		h.sort()
	}
	return h
}

func (h Header) sort() {
	slices.SortFunc(h, func(a, b Field) int { return strings.Compare(a.Name, b.Name) })
}

// Valid reports whether all names and values are valid UTF-8.
func (h Header) Valid() bool {
	for i := range h {
		if !utf8.ValidString(h[i].Name) || slices.ContainsFunc(h[i].Values, invalid) {
			return false
		}
	}
	return true
}

// Block is the header as HeaderBlock writes it.
func (h Header) Block() []byte {
	b := []byte(headerLine)
	for _, f := range h {
		b = appendLines(b, f.Name, f.Values)
	}
	return append(b, lineEnd...)
}

// Text returns a copy in valid UTF-8, see Text. Names that become equal are merged into one with the values of both,
// because the maps of the file formats refuse a key that occurs twice.
func (h Header) Text() Header {
	merged := make(Header, 0, len(h))
	for _, f := range h {
		name, _ := Text(f.Name)
		i := slices.IndexFunc(merged, func(m Field) bool { return m.Name == name })
		if i < 0 {
			i = len(merged)
			merged = append(merged, Field{Name: name})
		}
		for _, v := range f.Values {
			text, _ := Text(v)
			merged[i].Values = append(merged[i].Values, text)
		}
	}
	merged.sort()
	return merged
}

// Text returns s with U+FFFD for each run of bytes that is not UTF-8, and whether s was valid as it is.
func Text(s string) (text string, valid bool) {
	if utf8.ValidString(s) {
		return s, true
	}
	return strings.ToValidUTF8(s, "\uFFFD"), false
}

func invalid(s string) bool { return !utf8.ValidString(s) }

// appendLines appends one line for each value.
func appendLines(b []byte, name string, values []string) []byte {
	for _, v := range values {
		b = append(append(append(append(b, name...), ": "...), v...), lineEnd...)
	}
	return b
}
