package avrowriter

import (
	"io"
	"math"
	"strings"
	"time"

	"github.com/jetcapture/jetcapture/internal/wire"
)

// MessageSchema is the schema of a MessageWriter's files.
//
// Strings in Avro are UTF-8. In subject and headers, other bytes are replaced by U+FFFD; subject_raw and headers_raw,
// which are null otherwise, then hold the original subject and the whole header block. So does headers_raw if a client
// does not parse all of the block. The time is truncated to microseconds, which all implementations know. time_ns has
// all of it, and is null before 1678 and after 2261.
const MessageSchema = `{"type":"record","name":"Message","namespace":"io.jetcapture",` +
	`"doc":"A stored message of a NATS JetStream stream.","fields":[` +
	`{"name":"stream","type":"string"},` +
	`{"name":"sequence","type":"long","doc":"The stream sequence."},` +
	`{"name":"time","type":{"type":"long","logicalType":"timestamp-micros"},"doc":"When the server stored it."},` +
	`{"name":"subject","type":"string"},` +
	`{"name":"headers","type":{"type":"map","values":{"type":"array","items":"string"}}},` +
	`{"name":"payload","type":"bytes"},` +
	`{"name":"subject_raw","type":["null","bytes"],"default":null,"doc":"The subject, if it is not valid UTF-8."},` +
	`{"name":"headers_raw","type":["null","bytes"],"default":null,` +
	`"doc":"The header block, if a name or value is not valid UTF-8."}` + timeNSField +
	`]}`

// timeNSField is what distinguishes the schema from that of the writers before it. Its default lets a reader of this
// schema read their files.
const timeNSField = `,{"name":"time_ns","type":["null","long"],"default":null,` +
	`"doc":"When the server stored it, in nanoseconds since 1970."}`

// MessageWriter writes messages as records of MessageSchema. Header names are sorted. A writer belongs to one
// goroutine, except for New.
type MessageWriter struct {
	file
	timeNS bool // the schema has time_ns
}

// NewMessageWriter returns a writer of messages. It fails if the options are wrong.
func NewMessageWriter(o Options) (*MessageWriter, error) {
	version, schema := messagesVersion, MessageSchema
	if o.OmitTimeNS {
		version, schema = layoutVersion, strings.Replace(MessageSchema, timeNSField, "", 1)
	}
	l, err := newLayout(version, schema, o)
	if err != nil {
		return nil, err
	}
	return &MessageWriter{file{layout: l}, !o.OmitTimeNS}, nil
}

// New returns another writer of the same files, which shares the compressors. It may be called from any goroutine.
func (w *MessageWriter) New() *MessageWriter { return &MessageWriter{file{layout: w.layout}, w.timeNS} }

// Buffered implements jetcapture.BufferedWriter: rows are kept back until a block of them is full.
func (w *MessageWriter) Buffered() bool { return true }

// Held implements jetcapture.EagerWriter.
func (w *MessageWriter) Held() int64 { return w.held() }

// InitNew implements jetcapture.FormattedDataWriter. After Flush it may be called again, for another file. It writes
// nothing yet.
func (w *MessageWriter) InitNew(out io.Writer) error {
	w.start(out)
	return nil
}

// Write writes the row of one message and returns 1. It fails, without a row, if the sequence or the time is out of
// range. If out fails, this and all further calls fail, and the file is lost.
func (w *MessageWriter) Write(m *Message) (int, error) {
	if w.out == nil {
		return 0, errNotStarted
	}
	if err := m.check(); err != nil {
		return 0, err
	}
	if err := w.write(m, w.appendMessage(w.row[:0], m)); err != nil {
		return 0, err
	}
	return 1, nil
}

// Flush ends the file.
func (w *MessageWriter) Flush() error {
	if w.out == nil {
		return errNotStarted
	}
	return w.finish()
}

func (w *MessageWriter) appendMessage(dst []byte, m *Message) []byte {
	stream, _ := wire.Text(m.Stream)
	subject, subjectValid := wire.Text(m.Subject)
	w.head = wire.SortHeader(w.head, m.Header)
	text, raw := w.head, m.HeaderRaw
	if !text.Valid() {
		if raw == nil {
			raw = w.head.Block()
		}
		text = w.head.Text()
	}
	dst = appendText(dst, stream)
	dst = appendLong(dst, int64(m.Seq))
	dst = appendLong(dst, m.Time.UnixMicro())
	dst = appendText(dst, subject)
	dst = appendLists(dst, text)
	dst = appendBytes(dst, m.Payload)
	if dst = appendBranch(dst, branch(!subjectValid)); !subjectValid {
		dst = appendText(dst, m.Subject)
	}
	if dst = appendBranch(dst, branch(raw != nil)); raw != nil {
		dst = appendBytes(dst, raw)
	}
	if w.timeNS {
		dst = appendTimeNS(dst, m.Time)
	}
	return dst
}

// appendTimeNS appends a time in nanoseconds, or null if it is out of their range.
func appendTimeNS(dst []byte, t time.Time) []byte {
	const seconds = math.MaxInt64 / 1_000_000_000
	if t.Unix() >= seconds || t.Unix() <= -seconds {
		return appendBranch(dst, 0)
	}
	return appendLong(appendBranch(dst, 1), t.UnixNano())
}

// branch returns the branch of the union of null and something.
func branch(there bool) int64 {
	if there {
		return 1
	}
	return 0
}

// appendLists appends a map of arrays of strings.
func appendLists(dst []byte, h wire.Header) []byte {
	dst = appendCount(dst, len(h))
	for _, f := range h {
		dst = appendText(dst, f.Name)
		dst = appendCount(dst, len(f.Values))
		for _, v := range f.Values {
			dst = appendText(dst, v)
		}
		dst = appendEnd(dst)
	}
	return appendEnd(dst)
}
