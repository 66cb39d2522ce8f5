package main

import (
	"io"
	"strings"

	"github.com/jetcapture/jetcapture"
)

// row is what the decoder makes of a message, and the writer of the form's format writes.
type row struct {
	// text is the finished row, without the line feed that ends it where the format has lines. It may be part of the message: decoders make
	// rows, on all cores, and the one goroutine that owns the open blocks only copies them.
	text []byte
}

// writer returns a new writer for a file of the form.
func (f form) writer() jetcapture.FormattedDataWriter[row] {
	switch f.format {
	case formatRaw:
		return &textWriter{header: jetcapture.RawMagic}
	case formatCSV:
		names := make([]string, len(f.columns))
		for i, c := range f.columns {
			names[i] = c.Name
		}
		return &textWriter{header: strings.Join(names, ",") + "\n", end: []byte{'\n'}} // no name needs quotes, see source.ParseNamed
	}
	return &textWriter{end: []byte{'\n'}}
}

// textWriter writes rows below a header.
type textWriter struct {
	header string
	end    []byte // of each row
	out    io.Writer
}

// InitNew implements jetcapture.FormattedDataWriter.
func (w *textWriter) InitNew(out io.Writer) error {
	w.out = out
	if w.header == "" {
		return nil
	}
	_, err := io.WriteString(out, w.header)
	return err
}

// Write implements jetcapture.FormattedDataWriter.
func (w *textWriter) Write(r row) (int, error) {
	if _, err := w.out.Write(r.text); err != nil {
		return 0, err
	}
	if len(w.end) == 0 {
		return 1, nil
	}
	if _, err := w.out.Write(w.end); err != nil {
		return 0, err
	}
	return 1, nil
}

// Flush implements jetcapture.FormattedDataWriter. Nothing is ever kept back.
func (w *textWriter) Flush() error { return nil }
