package parquetwriter

import (
	"fmt"
	"io"
	"math"
	"time"
	"unsafe"

	"github.com/jetcapture/jetcapture/internal/wire"
	"github.com/parquet-go/parquet-go"
)

// Message is a stored message. A writer keeps no reference to it after Write.
type Message struct {
	Stream  string
	Seq     uint64 // the stream sequence
	Time    time.Time
	Subject string
	Header  map[string][]string
	// HeaderRaw is the header block if Header does not hold all of it, otherwise nil.
	HeaderRaw []byte
	Payload   []byte
}

// Columns of a file of messages, in their order.
const (
	columnStream = iota
	columnSequence
	columnTime
	columnSubject
	columnHeaderName
	columnHeaderValue
	columnPayload
	columnSubjectRaw
	columnHeadersRaw
	columnRescued
)

// MessageWriter writes messages with these columns:
//
//	stream       STRING
//	sequence     INT64
//	time         TIMESTAMP(MICROS), UTC; the nanoseconds are cut off, which several engines do not read
//	subject      STRING, with a Bloom filter
//	headers      MAP<STRING, LIST<STRING>>, names sorted
//	payload      BYTE_ARRAY; or JSON, and null if it is not JSON
//	subject_raw  BYTE_ARRAY, null unless the subject is not valid UTF-8
//	headers_raw  BYTE_ARRAY, null unless headers does not hold all of it: the whole header block
//	_rescued     BYTE_ARRAY, only with JSON: the payload if it is not JSON, otherwise null
//	time_ns      INT64: the time in nanoseconds since 1970; null before 1678 and after 2261
//
// Each column has the id of FieldID.
//
// In subject and headers, bytes that are not valid UTF-8 are replaced by U+FFFD. The raw columns hold the original
// bytes.
//
// JSON is what RFC 8259 defines, in valid UTF-8, nested at most 10,000 deep, and without escapes of half a surrogate
// pair, which no text can hold and at which engines stop.
//
// A writer belongs to one goroutine, except for New.
type MessageWriter struct {
	layout     *layout
	json       bool
	timeNS     int // column time_ns; 0: there is none
	*encoder       // of the present file; nil: none
	provenance     // of the present file
	header     headerText
	names      []parquet.Value
	values     []parquet.Value
	stack      []byte
}

// NewMessageWriter returns a writer of messages. With json the payload column has the type JSON. It fails if the
// options are wrong.
func NewMessageWriter(o Options, json bool) (*MessageWriter, error) {
	special := columnPaths{
		bloom: [][]string{{"subject"}},
		noBounds: [][]string{
			{"headers", "key_value", "key"},
			{"headers", "key_value", "value", "list", "element"},
			{"payload"},
			{"subject_raw"},
			{"headers_raw"},
		},
	}
	if json {
		special.noBounds = append(special.noBounds, []string{"_rescued"})
	}
	ids := fieldIDs(!o.OmitFieldIDs)
	columns, version, timeNS := messageColumns(json, ids), layoutVersion, 0
	if !o.OmitTimeNS {
		timeNS, version = timeNSColumn(json), messagesVersion
		columns = append(columns, column{"time_ns", parquet.Optional(growing(parquet.Leaf(parquet.Int64Type)))})
	}
	for i, c := range columns {
		columns[i].node = ids.of(c.node, c.name)
	}
	l, err := newLayout(ids.version(version), parquet.NewSchema("message", newGroup(columns)), o, special)
	if err != nil {
		return nil, err
	}
	return &MessageWriter{layout: l, json: json, timeNS: timeNS}, nil
}

// timeNSColumn is the number of the column time_ns, which is the last one.
func timeNSColumn(json bool) int {
	if json {
		return columnRescued + 1
	}
	return columnRescued
}

// messageColumns are the columns but time_ns. Those within a column have their ids.
func messageColumns(json bool, ids fieldIDs) []column {
	payload := bytesNode()
	if json {
		payload = parquet.Optional(parquet.JSON())
	}
	name := ids.of(repeating(parquet.String()), "headers", "key_value", "key")
	value := ids.of(parquet.String(), "headers", "key_value", "value", "list", "element")
	values := ids.of(parquet.List(value), "headers", "key_value", "value")
	columns := []column{
		{"stream", repeating(parquet.String())},
		{"sequence", growing(parquet.Leaf(parquet.Int64Type))},
		{"time", growing(parquet.Timestamp(parquet.Microsecond))},
		{"subject", repeating(parquet.String())},
		{"headers", parquet.Map(name, values)},
		{"payload", payload},
		{"subject_raw", parquet.Optional(bytesNode())},
		{"headers_raw", parquet.Optional(bytesNode())},
	}
	if json {
		columns = append(columns, column{"_rescued", parquet.Optional(bytesNode())})
	}
	return columns
}

// New returns another writer of the same files, which shares the buffers of files that are done. It may be called from
// any goroutine.
func (w *MessageWriter) New() *MessageWriter {
	return &MessageWriter{layout: w.layout, json: w.json, timeNS: w.timeNS}
}

// Buffered implements jetcapture.BufferedWriter: rows are kept back.
func (w *MessageWriter) Buffered() bool { return true }

// Held implements jetcapture.EagerWriter.
func (w *MessageWriter) Held() int64 { return w.layout.held() }

// InitNew implements jetcapture.FormattedDataWriter. After Flush it may be called again, for another file.
func (w *MessageWriter) InitNew(out io.Writer) error {
	w.encoder, w.provenance = w.layout.start(out), provenance{}
	return nil
}

// Write writes the row of one message and returns 1. It fails, without a row, if the sequence or the time is out of the
// range of its column. If out fails, this and all further calls fail, and the file is lost.
func (w *MessageWriter) Write(m *Message) (int, error) {
	if w.encoder == nil {
		return 0, errNotStarted
	}
	if err := m.check(); err != nil {
		return 0, err
	}
	if err := w.beginRow(); err != nil {
		return 0, err
	}
	size := w.putText(columnStream, m.Stream)
	w.putOne(columnSequence, parquet.Int64Value(int64(m.Seq)))
	w.putOne(columnTime, parquet.Int64Value(m.Time.UnixMicro()))
	size += w.putSubject(m.Subject) + w.putHeader(m) + w.putPayload(m.Payload) + w.putTimeNS(m.Time)
	if err := w.endRow(size + 16); err != nil {
		return 0, err
	}
	w.add(m.Stream, m.Seq)
	return 1, nil
}

func (m *Message) check() error {
	if m.Seq > math.MaxInt64 {
		return fmt.Errorf("parquet: stream sequence %d does not fit in the column sequence, an INT64", m.Seq)
	}
	if !fitsMicros(m.Time) {
		return fmt.Errorf("parquet: time %s of sequence %d does not fit in the column time, microseconds in 64 bits",
			m.Time, m.Seq)
	}
	return nil
}

// fitsMicros reports whether a time fits in an int64 of microseconds since 1970.
func fitsMicros(t time.Time) bool {
	const seconds = math.MaxInt64 / 1_000_000
	return t.Unix() < seconds && t.Unix() > -seconds
}

// Flush ends the file. It fails if out does or if a row was written in part.
func (w *MessageWriter) Flush() error {
	if w.encoder == nil {
		return errNotStarted
	}
	e := w.encoder
	w.encoder = nil
	return e.finish(w.metadata()...)
}

// putText writes text. What is not UTF-8 is replaced.
func (w *MessageWriter) putText(column int, s string) (size int) {
	text, _ := wire.Text(s)
	w.putOne(column, textValue(text))
	return len(text)
}

func (w *MessageWriter) putSubject(subject string) (size int) {
	text, valid := wire.Text(subject)
	w.putOne(columnSubject, textValue(text))
	if valid {
		w.putOne(columnSubjectRaw, null(columnSubjectRaw))
		return len(text)
	}
	w.putOne(columnSubjectRaw, present(textValue(subject), columnSubjectRaw))
	return len(text) + len(subject)
}

// putHeader writes a map of lists. For the levels see https://parquet.apache.org/docs/file-format/nestedencoding/:
// names have repetition and definition level 1, values 2 and 2.
func (w *MessageWriter) putHeader(m *Message) (size int) {
	w.header.set(m.Header, m.HeaderRaw)
	w.names, w.values = w.names[:0], w.values[:0]
	for i, f := range w.header.fields {
		w.names = append(w.names, textValue(f.Name).Level(min(i, 1), 1, columnHeaderName))
		size += len(f.Name)
		if len(f.Values) == 0 {
			w.values = append(w.values, parquet.Value{}.Level(min(i, 1), 1, columnHeaderValue))
		}
		for j, v := range f.Values {
			repetition := 2
			if j == 0 {
				repetition = min(i, 1)
			}
			w.values = append(w.values, textValue(v).Level(repetition, 2, columnHeaderValue))
			size += len(v)
		}
	}
	if len(w.names) == 0 {
		w.names = append(w.names, parquet.Value{}.Level(0, 0, columnHeaderName))
		w.values = append(w.values, parquet.Value{}.Level(0, 0, columnHeaderValue))
	}
	w.put(columnHeaderName, w.names)
	w.put(columnHeaderValue, w.values)
	clear(w.names)
	clear(w.values)
	return size + w.putHeaderRaw()
}

func (w *MessageWriter) putHeaderRaw() (size int) {
	if w.header.raw == nil {
		w.putOne(columnHeadersRaw, null(columnHeadersRaw))
		return 0
	}
	w.putOne(columnHeadersRaw, present(parquet.ByteArrayValue(w.header.raw), columnHeadersRaw))
	return len(w.header.raw)
}

func (w *MessageWriter) putPayload(payload []byte) (size int) {
	value := parquet.ByteArrayValue(payload)
	switch {
	case !w.json:
		w.putOne(columnPayload, value)
	case isJSON(payload, &w.stack):
		w.putOne(columnPayload, present(value, columnPayload))
		w.putOne(columnRescued, null(columnRescued))
	default:
		w.putOne(columnPayload, null(columnPayload))
		w.putOne(columnRescued, present(value, columnRescued))
	}
	return len(payload)
}

func (w *MessageWriter) putTimeNS(t time.Time) (size int) {
	switch {
	case w.timeNS == 0:
		return 0
	case !fitsNanos(t):
		w.putOne(w.timeNS, null(w.timeNS))
	default:
		w.putOne(w.timeNS, present(parquet.Int64Value(t.UnixNano()), w.timeNS))
	}
	return 8
}

// fitsNanos reports whether a time fits in an int64 of nanoseconds since 1970.
func fitsNanos(t time.Time) bool {
	const seconds = math.MaxInt64 / 1_000_000_000
	return t.Unix() < seconds && t.Unix() > -seconds
}

// null and present are the values of an optional column.
func null(column int) parquet.Value { return parquet.Value{}.Level(0, 0, column) }

func present(v parquet.Value, column int) parquet.Value { return v.Level(0, 1, column) }

// textValue is a string as a value, without a copy.
func textValue(s string) parquet.Value {
	return parquet.ByteArrayValue(unsafe.Slice(unsafe.StringData(s), len(s)))
}
