package main

import (
	"io"

	"github.com/jetcapture/jetcapture"
	"github.com/nats-io/nats.go"
)

// row is what the decoder makes of a message, and the writer of the form's format writes.
type row struct {
	// text is the finished row, without the line feed that ends it where the format has lines. It may be part of the message: decoders make
	// rows, on all cores, and the one goroutine that owns the open blocks only copies them.
	text []byte
	// msg is the message itself, for packed formats.
	msg *nats.Msg
}

// writers returns what makes the writer of each file of the form.
func (f form) writers() func() jetcapture.FormattedDataWriter[row] {
	if f.format.packed() {
		factory, err := f.packedFactory()
		if err == nil {
			return factory
		}
		return func() jetcapture.FormattedDataWriter[row] { return nil } // form.problems tells of it before anything is written
	}
	return func() jetcapture.FormattedDataWriter[row] { return f.textWriter() }
}

// textWriter returns a writer of finished rows.
func (f form) textWriter() *textWriter {
	switch f.format {
	case formatRaw:
		return &textWriter{header: jetcapture.RawMagic}
	case formatCSV:
		return &textWriter{header: f.csvHeader(), end: []byte{'\n'}}
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
