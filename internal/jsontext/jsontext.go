// Package jsontext appends JSON to byte slices, without reflection and with exactly the bytes that encoding/json gives.
package jsontext

import (
	"encoding/base64"
	"slices"
	"strings"
	"unicode/utf8"
)

// AppendHeader appends a header as an object of arrays, its names sorted, or null for nil.
func AppendHeader(dst []byte, h map[string][]string) []byte {
	if h == nil {
		return append(dst, "null"...)
	}
	type field struct {
		name   string
		values []string
	}
	var few [8]field // most headers need no allocation
	fields := few[:0]
	for name, values := range h {
		fields = append(fields, field{name, values})
	}
	slices.SortFunc(fields, func(a, b field) int { return strings.Compare(a.name, b.name) })
	dst = append(dst, '{')
	for i, f := range fields {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(AppendString(dst, f.name), ':')
		dst = AppendStrings(dst, f.values)
	}
	return append(dst, '}')
}

// AppendStrings appends an array of strings, or null for nil.
func AppendStrings(dst []byte, values []string) []byte {
	if values == nil {
		return append(dst, "null"...)
	}
	dst = append(dst, '[')
	for i, v := range values {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendString(dst, v)
	}
	return append(dst, ']')
}

// AppendBytes appends bytes as a string in base64 (RFC 4648 section 4), or null for nil.
func AppendBytes(dst, b []byte) []byte {
	if b == nil {
		return append(dst, "null"...)
	}
	dst = append(dst, '"')
	dst = base64.StdEncoding.AppendEncode(dst, b)
	return append(dst, '"')
}

// AppendString appends a string by the rules of encoding/json: HTML characters and U+2028/9 are escaped, what is not
// UTF-8 becomes U+FFFD.
func AppendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0 // everything before it is appended
	for i := 0; i < len(s); {
		if plain(s[i]) {
			i++
			continue
		}
		escape, size := escapeFirst(s[i:])
		if escape != "" {
			dst = append(append(dst, s[start:i]...), escape...)
			start = i + size
		}
		i += size
	}
	return append(append(dst, s[start:]...), '"')
}

// plain reports whether a byte is ASCII that needs no escape.
func plain(c byte) bool {
	return c >= ' ' && c < utf8.RuneSelf && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&'
}

// escapeFirst returns the escape of the first character of s, empty if it needs none, and the length of the character
// in s.
func escapeFirst(s string) (escape string, size int) {
	if s[0] < utf8.RuneSelf {
		return asciiEscape(s[0]), 1
	}
	r, size := utf8.DecodeRuneInString(s)
	switch {
	case r == utf8.RuneError && size == 1:
		return `\ufffd`, 1
	case r == '\u2028':
		return `\u2028`, size
	case r == '\u2029':
		return `\u2029`, size
	}
	return "", size
}

// asciiEscape returns the escape of an ASCII character.
func asciiEscape(c byte) string {
	switch c {
	case '"':
		return `\"`
	case '\\':
		return `\\`
	case '\b':
		return `\b`
	case '\f':
		return `\f`
	case '\n':
		return `\n`
	case '\r':
		return `\r`
	case '\t':
		return `\t`
	}
	const hex = "0123456789abcdef"
	return string([]byte{'\\', 'u', '0', '0', hex[c>>4], hex[c&0xF]})
}
