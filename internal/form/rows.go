package form

import (
	"io"

	"github.com/jetcapture/jetcapture"
	"github.com/nats-io/nats.go"
)

// Row is what the decoder makes of a message, and the writer of the form's format writes.
type Row struct {
	// text is the finished row, without the line feed that ends it where the format has lines. It may be part of the
	// message. Decoders make it, on all cores, so that the one goroutine that owns the open blocks only copies.
	text []byte
	// msg is the message itself, for packed formats; text is nil then.
	msg *nats.Msg
	// rescued: a value did not fit its column.
	rescued bool
}

// factory makes the writer of each file.
type factory = func() jetcapture.FormattedDataWriter[Row]

// writers returns the factory of the form.
func (f Form) writers(hooks Hooks) factory {
	if f.Format.Packed() {
		factory, err := f.packedFactory(hooks)
		if err == nil {
			return factory
		}
		return func() jetcapture.FormattedDataWriter[Row] { return nil } // Check and ofPlan have refused such a form
	}
	return func() jetcapture.FormattedDataWriter[Row] { return f.textWriter(hooks) }
}

func (f Form) textWriter(hooks Hooks) *textWriter {
	switch f.Format {
	case Raw:
		return &textWriter{header: jetcapture.RawMagic}
	case CSV:
		return &textWriter{header: f.csvHeader(), end: []byte{'\n'}, hooks: hooks}
	}
	return &textWriter{end: []byte{'\n'}}
}

// textWriter writes finished rows below a header.
type textWriter struct {
	header string
	end    []byte // of each row
	hooks  Hooks
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
func (w *textWriter) Write(r Row) (int, error) {
	if _, err := w.out.Write(r.text); err != nil {
		return 0, err
	}
	if len(w.end) > 0 {
		if _, err := w.out.Write(w.end); err != nil {
			return 0, err
		}
	}
	if r.rescued {
		w.hooks.rescued()
	}
	return 1, nil
}

// Flush implements jetcapture.FormattedDataWriter. Nothing is ever kept back.
func (w *textWriter) Flush() error { return nil }
