package main

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// printable returns a text with everything that a terminal would not show as it is, such as an escape sequence, in the
// form of Go's strings. What an archive or a server says goes through it on its way to people.
func printable(s string) string {
	if utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return !strconv.IsPrint(r) }) < 0 {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && n == 1 {
			fmt.Fprintf(&b, `\x%02x`, s[0])
		} else if strconv.IsPrint(r) {
			b.WriteString(s[:n])
		} else {
			quoted := strconv.QuoteRune(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
		s = s[n:]
	}
	return b.String()
}

// printableJSON is a writer of JSON objects, each in one piece. It escapes the control characters that JSON allows, and
// that terminals obey: DEL, and U+0080 to U+009F.
type printableJSON struct{ io.Writer }

// Write implements io.Writer.
func (w printableJSON) Write(p []byte) (int, error) {
	isControl := func(r rune) bool { return r >= 0x7f && r < 0xa0 }
	out := p
	if bytes.IndexFunc(p, isControl) >= 0 {
		var b bytes.Buffer
		for _, r := range string(p) {
			if isControl(r) {
				fmt.Fprintf(&b, `\u%04x`, r)
			} else {
				b.WriteRune(r)
			}
		}
		out = b.Bytes()
	}
	if _, err := w.Writer.Write(out); err != nil {
		return 0, err
	}
	return len(p), nil
}
