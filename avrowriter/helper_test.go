package avrowriter_test

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/avrowriter"
	"github.com/twmb/avro/ocf"
)

// writer is what both writers are.
type writer interface {
	jetcapture.FormattedDataWriter[*avrowriter.Message]
	jetcapture.EagerWriter
}

var compressions = []string{"deflate", "snappy", "zstd", "none"}

func newMessageWriter(t testing.TB, o avrowriter.Options) *avrowriter.MessageWriter {
	t.Helper()
	w, err := avrowriter.NewMessageWriter(o)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func newEventHubsWriter(t testing.TB, o avrowriter.Options) *avrowriter.EventHubsWriter {
	t.Helper()
	w, err := avrowriter.NewEventHubsWriter(o)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// write returns a file of the messages.
func write(t testing.TB, w writer, messages ...*avrowriter.Message) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := w.InitNew(&out); err != nil {
		t.Fatal(err)
	}
	for i, m := range messages {
		if n, err := w.Write(m); n != 1 || err != nil {
			t.Fatalf("message %d: %d rows, %v", i, n, err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// read returns the records of a file as generic values, and its metadata.
func read(t testing.TB, file []byte) (records []any, metadata map[string][]byte) {
	t.Helper()
	r, err := ocf.NewReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for {
		var record any
		err := r.Decode(&record)
		if errors.Is(err, io.EOF) {
			return records, r.Metadata()
		}
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, record)
	}
}

// expectMessage is the record of a message, by the documentation alone.
func expectMessage(m *avrowriter.Message) any {
	record := map[string]any{
		"stream": m.Stream, "sequence": int64(m.Seq), "time": time.UnixMicro(m.Time.UnixMicro()).UTC(),
		"subject": text(m.Subject), "payload": append([]byte{}, m.Payload...), "subject_raw": nil, "headers_raw": nil,
	}
	if record["time_ns"] = nil; m.Time.Year() > 1677 && m.Time.Year() < 2262 {
		record["time_ns"] = m.Time.UnixNano()
	}
	if !utf8.ValidString(m.Subject) {
		record["subject_raw"] = []byte(m.Subject)
	}
	headers := map[string]any{}
	valid := true
	for _, name := range slices.Sorted(maps.Keys(m.Header)) {
		values, _ := headers[text(name)].([]any)
		if values == nil {
			values = []any{}
		}
		for _, v := range m.Header[name] {
			values = append(values, text(v))
			valid = valid && utf8.ValidString(v)
		}
		headers[text(name)] = values
		valid = valid && utf8.ValidString(name)
	}
	record["headers"] = headers
	if !valid {
		record["headers_raw"] = block(m.Header)
	}
	return record
}

// expectMicros is the record of a message without time_ns.
func expectMicros(m *avrowriter.Message) any {
	record := expectMessage(m).(map[string]any)
	delete(record, "time_ns")
	return record
}

// expectEvent is the record of a message in the layout of Event Hubs, by the documentation alone.
func expectEvent(m *avrowriter.Message) any {
	utc := m.Time.UTC()
	system := map[string]any{
		"nats-stream": m.Stream, "nats-subject": property(m.Subject),
		"nats-time":             utc.Format("2006-01-02T15:04:05.999999999Z07:00"),
		"x-opt-sequence-number": int64(m.Seq), "x-opt-offset": itoa(m.Seq), "x-opt-enqueued-time": utc.UnixMilli(),
	}
	properties := map[string]any{}
	whole := true
	for _, name := range slices.Sorted(maps.Keys(m.Header)) {
		values := m.Header[name]
		whole = whole && len(values) == 1 && utf8.ValidString(name)
		if _, twice := properties[text(name)]; !twice && len(values) > 0 {
			properties[text(name)] = property(values[0])
		}
	}
	if !whole {
		system["nats-headers"] = block(m.Header)
	}
	return map[string]any{
		"SequenceNumber": int64(m.Seq), "Offset": itoa(m.Seq), "EnqueuedTimeUtc": utc.Format("1/2/2006 3:04:05 PM"),
		"SystemProperties": system, "Properties": properties, "Body": append([]byte{}, m.Payload...),
	}
}

func text(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

func property(s string) any {
	if utf8.ValidString(s) {
		return s
	}
	return []byte(s)
}

func block(header map[string][]string) []byte {
	b := "NATS/1.0\r\n"
	for _, name := range slices.Sorted(maps.Keys(header)) {
		for _, v := range header[name] {
			b += name + ": " + v + "\r\n"
		}
	}
	return []byte(b + "\r\n")
}

// hostileMessages are what a stream can hold and a file must not stumble over.
func hostileMessages() []*avrowriter.Message {
	at := time.Date(2026, 11, 23, 15, 4, 5, 678_901_234, time.UTC)
	many := make([]string, 300)
	for i := range many {
		many[i] = strings.Repeat("v", i%7)
	}
	messages := []*avrowriter.Message{
		{Subject: "orders.eu", Payload: []byte(`{"id":1}`)},
		{
			Subject: "orders.eu", Payload: []byte("plain text"),
			Header: map[string][]string{"Nats-Msg-Id": {"1"}, "A": {"grüße"}},
		},
		{Subject: "orders.eu", Header: map[string][]string{"b": {"1", "2"}, "a": {""}, "empty": {}}},
		{Subject: "orders.eu", Payload: []byte{}},
		{
			Subject: "bad.\xff\xfe.subject", Payload: []byte("\x00\xff"),
			Header: map[string][]string{"k\xff": {"1"}, "k\xfe": {"2", "\x80"}, "k": {"ok"}},
		},
		{Subject: "value", Header: map[string][]string{"k": {"\xff"}}},
		{Subject: "nul.\x00", Header: map[string][]string{"n\x00": {"\x00"}}},
		{Subject: "many", Header: map[string][]string{"X": many}},
		{Subject: strings.Repeat("s", 4000), Payload: []byte("1")},
		{Subject: "old", Time: time.Date(1600, 1, 1, 0, 0, 0, 999, time.UTC)},
		{Subject: "late", Time: time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC)},
	}
	for i, m := range messages {
		m.Stream, m.Seq = "ORDERS", uint64(10+i*i)
		if m.Time.IsZero() {
			m.Time = at.Add(time.Duration(i) * time.Hour)
		}
	}
	messages[len(messages)-1].Seq = 1<<63 - 1
	return messages
}
