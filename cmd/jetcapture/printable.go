package main

import (
	"bytes"
	"fmt"
	"io"

	"github.com/jetcapture/jetcapture/internal/terminal"
)

// printable returns a text as terminal.Printable does. What an archive or a server says goes through it on its way to
// people.
func printable(s string) string { return terminal.Printable(s) }

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
