package jetcapture

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"sync"
)

// JSONAppender is an interface that a payload can implement, so that NewLineDelimitedJSON writes it without reflection.
// *NatsMessage implements it.
type JSONAppender interface {
	// AppendJSON appends the payload to dst, as one JSON value without a line feed, and returns the extended slice. It
	// must not keep dst. An error makes the message poison, and what was appended is thrown away.
	AppendJSON(dst []byte) ([]byte, error)
}

// NewLineDelimitedJSON writes each payload as one line (https://github.com/ndjson/ndjson-spec): its JSON as
// json.Encoder writes it, with HTML characters escaped, or what its AppendJSON makes if it is a JSONAppender. The zero
// value is ready for InitNew. It holds no buffer between calls, so very many blocks can be open.
type NewLineDelimitedJSON[P Payload] struct {
	out io.Writer
}

// InitNew implements FormattedDataWriter. It writes nothing.
func (j *NewLineDelimitedJSON[P]) InitNew(out io.Writer) error {
	j.out = out
	return nil
}

// Write writes the line of one payload and returns 1. After an error it has written nothing, unless the error came from
// the io.Writer.
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

// Flush implements FormattedDataWriter. There is nothing to flush.
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
	// With a line feed inside, readers would see two rows.
	if bytes.IndexByte(line, '\n') >= 0 {
		return fmt.Errorf("its AppendJSON appended a line feed")
	}
	b.Write(line)
	b.WriteByte('\n')
	return nil
}

// maxPooledBuffer is the size in bytes above which a buffer is not kept: one huge message must not hold memory for
// ever.
const maxPooledBuffer = 1 << 20

// lineBuffers are shared by the text writers of all blocks. A row is made in one of them and then written at once.
var lineBuffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

func putLineBuffer(b *bytes.Buffer) {
	if b.Cap() > maxPooledBuffer {
		return
	}
	b.Reset()
	lineBuffers.Put(b)
}
