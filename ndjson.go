package jetcapture

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"sync"
)

// JSONAppender is what a payload can implement to be written by NewLineDelimitedJSON without reflection. *NatsMessage does.
type JSONAppender interface {
	// AppendJSON appends the payload as one JSON value without any line feed to dst and returns the extended slice. It must not keep
	// dst. After an error what it appended is thrown away, and the message is poison.
	AppendJSON(dst []byte) ([]byte, error)
}

// NewLineDelimitedJSON writes each payload as one line: its JSON, as json.Encoder writes it (HTML characters escaped), and a line feed
// (https://github.com/ndjson/ndjson-spec). A payload that is a JSONAppender makes its own JSON. The zero value is ready for InitNew; it
// holds no buffer between calls, so that very many blocks can be open.
type NewLineDelimitedJSON[P Payload] struct {
	out io.Writer
}

// InitNew implements FormattedDataWriter. It writes nothing.
func (j *NewLineDelimitedJSON[P]) InitNew(out io.Writer) error {
	j.out = out
	return nil
}

// Write writes the line of one payload and returns 1. After an error it has written nothing, unless the error came from the io.Writer.
func (j *NewLineDelimitedJSON[P]) Write(m P) (int, error) {
	b := lineBuffers.Get().(*bytes.Buffer)
	defer putLineBuffer(b)
	if err := appendLine(b, m); err != nil {
		return 0, fmt.Errorf("encode %T as JSON: %w", m, err)
	}
	if _, err := j.out.Write(b.Bytes()); err != nil {
		return 0, err
	}
	return 1, nil
}

// Flush implements FormattedDataWriter. Nothing is ever kept back.
func (j *NewLineDelimitedJSON[P]) Flush() error { return nil }

func appendLine(b *bytes.Buffer, payload any) error {
	a, ok := payload.(JSONAppender)
	if !ok {
		return json.NewEncoder(b).Encode(payload)
	}
	line, err := a.AppendJSON(b.AvailableBuffer())
	if err != nil {
		return err
	}
	// A line feed inside would silently make two rows of one.
	if bytes.IndexByte(line, '\n') >= 0 {
		return fmt.Errorf("its AppendJSON appended a line feed")
	}
	b.Write(line)
	b.WriteByte('\n')
	return nil
}

// maxPooledBuffer keeps one huge message from pinning its buffer for ever.
const maxPooledBuffer = 1 << 20

// lineBuffers are shared by the text writers of all blocks: a row is made in one of them and then written at once.
var lineBuffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

func putLineBuffer(b *bytes.Buffer) {
	if b.Cap() > maxPooledBuffer {
		return
	}
	b.Reset()
	lineBuffers.Put(b)
}
