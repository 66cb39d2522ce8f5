package avrowriter

import (
	"io"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/jetcapture/jetcapture/internal/wire"
)

// EventHubsSchema is the schema of an EventHubsWriter's files: that of Azure Event Hubs Capture
// (https://learn.microsoft.com/azure/event-hubs/explore-captured-avro-files), including its name EventData.
const EventHubsSchema = `{"type":"record","name":"EventData","namespace":"Microsoft.ServiceBus.Messaging","fields":[` +
	`{"name":"SequenceNumber","type":"long"},` +
	`{"name":"Offset","type":"string"},` +
	`{"name":"EnqueuedTimeUtc","type":"string"},` +
	`{"name":"SystemProperties","type":{"type":"map","values":["long","double","string","bytes"]}},` +
	`{"name":"Properties","type":{"type":"map","values":["long","double","string","bytes"]}},` +
	`{"name":"Body","type":["null","bytes"]}` +
	`]}`

// Branches of the union of a property, and of Body.
const (
	branchLong   = 0
	branchString = 2
	branchBytes  = 3
	branchBody   = 1
)

// enqueuedTime is the form of EnqueuedTimeUtc: what .NET writes for a time without a culture.
const enqueuedTime = "1/2/2006 3:04:05 PM"

// EventHubsWriter writes messages as records of EventHubsSchema:
//
//	SequenceNumber    the stream sequence
//	Offset            the stream sequence in decimal
//	EnqueuedTimeUtc   the time as 11/23/2026 3:04:05 PM
//	SystemProperties  x-opt-sequence-number (long), x-opt-offset (string), x-opt-enqueued-time (long: milliseconds
//	                  since 1970), as there; nats-stream, nats-subject (strings), nats-time (string: RFC 3339 with
//	                  nanoseconds); nats-headers, see below
//	Properties        the headers: the first value of each
//	Body              the payload, never null
//
// A stream, subject or header value that is not valid UTF-8 is bytes instead of a string. If Properties cannot hold the
// whole header, because a name has several values or is not valid UTF-8 (it then has U+FFFD), or because a client does
// not parse all of it, nats-headers has the header block as bytes.
//
// A writer belongs to one goroutine, except for New.
type EventHubsWriter struct{ file }

// NewEventHubsWriter returns a writer of messages. It fails if the options are wrong.
func NewEventHubsWriter(o Options) (*EventHubsWriter, error) {
	l, err := newLayout(layoutVersion, EventHubsSchema, o)
	if err != nil {
		return nil, err
	}
	return &EventHubsWriter{file{layout: l}}, nil
}

// New returns another writer of the same files, which shares the compressors. It may be called from any goroutine.
func (w *EventHubsWriter) New() *EventHubsWriter { return &EventHubsWriter{file{layout: w.layout}} }

// Buffered implements jetcapture.BufferedWriter: rows are kept back until a block of them is full.
func (w *EventHubsWriter) Buffered() bool { return true }

// Held implements jetcapture.EagerWriter.
func (w *EventHubsWriter) Held() int64 { return w.held() }

// InitNew implements jetcapture.FormattedDataWriter. After Flush it may be called again, for another file. It writes
// nothing yet.
func (w *EventHubsWriter) InitNew(out io.Writer) error {
	w.start(out)
	return nil
}

// Write writes the row of one message and returns 1. It fails, without a row, if the sequence or the time is out of
// range. If out fails, this and all further calls fail, and the file is lost.
func (w *EventHubsWriter) Write(m *Message) (int, error) {
	if w.out == nil {
		return 0, errNotStarted
	}
	if err := m.check(); err != nil {
		return 0, err
	}
	if err := w.write(m, w.appendEvent(w.row[:0], m)); err != nil {
		return 0, err
	}
	return 1, nil
}

// Flush ends the file.
func (w *EventHubsWriter) Flush() error {
	if w.out == nil {
		return errNotStarted
	}
	return w.finish()
}

func (w *EventHubsWriter) appendEvent(dst []byte, m *Message) []byte {
	w.head = wire.SortHeader(w.head, m.Header)
	offset := strconv.FormatUint(m.Seq, 10)
	utc := m.Time.UTC()
	dst = appendLong(dst, int64(m.Seq))
	dst = appendText(dst, offset)
	dst = appendText(dst, utc.Format(enqueuedTime))

	properties, whole := propertiesOf(w.head)
	raw := m.HeaderRaw
	if raw == nil && !whole {
		raw = w.head.Block()
	}
	count := 6
	if raw != nil {
		count++
	}
	dst = appendCount(dst, count)
	if raw != nil {
		dst = appendBytes(appendBranch(appendText(dst, "nats-headers"), branchBytes), raw)
	}
	dst = appendProperty(dst, "nats-stream", m.Stream)
	dst = appendProperty(dst, "nats-subject", m.Subject)
	dst = appendProperty(dst, "nats-time", utc.Format(time.RFC3339Nano))
	dst = appendLong(appendBranch(appendText(dst, "x-opt-enqueued-time"), branchLong), m.Time.UnixMilli())
	dst = appendProperty(dst, "x-opt-offset", offset)
	dst = appendLong(appendBranch(appendText(dst, "x-opt-sequence-number"), branchLong), int64(m.Seq))
	dst = appendEnd(dst)

	dst = appendCount(dst, len(properties))
	for _, f := range properties {
		dst = appendProperty(dst, f.Name, f.Values[0])
	}
	dst = appendEnd(dst)
	return appendBytes(appendBranch(dst, branchBody), m.Payload)
}

// propertiesOf returns what Properties can hold of a header, and whether that is all.
func propertiesOf(h wire.Header) (properties wire.Header, whole bool) {
	whole = true
	for _, f := range h {
		whole = whole && len(f.Values) == 1 && utf8.ValidString(f.Name)
	}
	if whole {
		return h, true
	}
	seen := make(map[string]bool, len(h))
	for _, f := range h {
		name, _ := wire.Text(f.Name)
		if len(f.Values) > 0 && !seen[name] {
			properties = append(properties, wire.Field{Name: name, Values: f.Values[:1]})
		}
		seen[name] = true
	}
	return properties, false
}

// appendProperty appends a name and its value, as bytes if it is not valid UTF-8.
func appendProperty(dst []byte, name, value string) []byte {
	dst = appendText(dst, name)
	if utf8.ValidString(value) {
		return appendText(appendBranch(dst, branchString), value)
	}
	return appendText(appendBranch(dst, branchBytes), value)
}
