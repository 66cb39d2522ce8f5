package readertest_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/avrowriter"
	"github.com/linkedin/goavro/v2"
)

var codecs = []string{"deflate", "snappy", "none", "zstd"}

func avroMessages() []*avrowriter.Message {
	var messages []*avrowriter.Message
	for _, m := range hostile() {
		one := avrowriter.Message(*m)
		messages = append(messages, &one)
	}
	return messages
}

// avroFiles writes the hostile messages in both layouts, in small blocks.
func avroFiles(t *testing.T, compression string) (messages, events string) {
	t.Helper()
	o := avrowriter.Options{Compression: compression, BlockBytes: 2000}
	w := must[*avrowriter.MessageWriter](t)(avrowriter.NewMessageWriter(o))
	e := must[*avrowriter.EventHubsWriter](t)(avrowriter.NewEventHubsWriter(o))
	return stored(t, w, "messages.avro", avroMessages()...), stored(t, e, "events.avro", avroMessages()...)
}

// bytesOf stands for bytes in expected values. Each reader has its own form of them.
type bytesOf func(b string) any

// expectMessage returns a message as generic values. Unions are maps with the name of the branch.
func expectMessage(
	m *avrowriter.Message, long func(int64) any, timestamp func(time.Time) any, bytes bytesOf,
) map[string]any {
	lists, whole := headerText(m.Header)
	headers := map[string]any{}
	for name, values := range lists {
		list := []any{}
		for _, v := range values {
			list = append(list, v)
		}
		headers[name] = list
	}
	record := map[string]any{
		"stream": m.Stream, "sequence": long(int64(m.Seq)), "time": timestamp(m.Time), "subject": text(m.Subject),
		"headers": headers,
		"payload": bytes(string(m.Payload)), "subject_raw": nil, "headers_raw": nil,
	}
	if record["time_ns"] = nil; hasNanos(m.Time) {
		record["time_ns"] = map[string]any{"long": long(m.Time.UnixNano())}
	}
	if text(m.Subject) != m.Subject {
		record["subject_raw"] = map[string]any{"bytes": bytes(m.Subject)}
	}
	if !whole {
		record["headers_raw"] = map[string]any{"bytes": bytes(block(m.Header))}
	}
	return record
}

// expectEvent returns what a program for files of Event Hubs Capture finds.
func expectEvent(m *avrowriter.Message, long func(int64) any, bytes bytesOf) map[string]any {
	property := func(s string) any {
		if text(s) == s {
			return map[string]any{"string": s}
		}
		return map[string]any{"bytes": bytes(s)}
	}
	utc := m.Time.UTC()
	offset := strconv.FormatUint(m.Seq, 10)
	system := map[string]any{
		"nats-stream": property(m.Stream), "nats-subject": property(m.Subject),
		"nats-time":             property(utc.Format(time.RFC3339Nano)),
		"x-opt-sequence-number": map[string]any{"long": long(int64(m.Seq))}, "x-opt-offset": property(offset),
		"x-opt-enqueued-time": map[string]any{"long": long(utc.UnixMilli())},
	}
	properties := map[string]any{}
	whole := true
	for _, name := range []string{"Nats-Msg-Id", "C", "X", "a", "b", "empty", "k", "k\xfe", "k\xff", "n\x00"} {
		values, ok := m.Header[name]
		if !ok {
			continue
		}
		whole = whole && len(values) == 1 && text(name) == name
		if _, twice := properties[text(name)]; !twice && len(values) > 0 {
			properties[text(name)] = property(values[0])
		}
	}
	if !whole {
		system["nats-headers"] = map[string]any{"bytes": bytes(block(m.Header))}
	}
	return map[string]any{
		"SequenceNumber": long(int64(m.Seq)), "Offset": offset, "EnqueuedTimeUtc": utc.Format("1/2/2006 3:04:05 PM"),
		"SystemProperties": system, "Properties": properties, "Body": map[string]any{"bytes": bytes(string(m.Payload))},
	}
}

func TestGoavroReads(t *testing.T) {
	long := func(n int64) any { return n }
	bytes := func(s string) any { return append([]byte{}, s...) }
	micros := func(at time.Time) any { return time.UnixMicro(at.UnixMicro()).UTC() }
	for _, compression := range codecs[:3] { // goavro does not know zstd
		messages, events := avroFiles(t, compression)
		gotMessages, gotEvents := goavroRead(t, messages), goavroRead(t, events)
		for i, m := range avroMessages() {
			same(t, compression, gotMessages[i], expectMessage(m, long, micros, bytes))
			same(t, compression, gotEvents[i], expectEvent(m, long, bytes))
		}
	}
}

func same(t *testing.T, compression string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\n got %.700s\nwant %.700s", compression, fmt.Sprintf("%#v", got), fmt.Sprintf("%#v", want))
	}
}

// goavroRead reads all records of a file of hostile messages.
func goavroRead(t *testing.T, path string) (records []any) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := goavro.NewOCFReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for r.Scan() {
		record, err := r.Read()
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, record)
	}
	if err := r.Err(); err != nil {
		t.Fatal(err)
	}
	if len(records) != len(avroMessages()) {
		t.Fatalf("%d records in %s", len(records), path)
	}
	return records
}

func TestAvscReads(t *testing.T) {
	if !haveNode {
		return
	}
	var paths []string
	for _, compression := range codecs {
		messages, events := avroFiles(t, compression)
		paths = append(paths, messages, events)
	}
	empty := stored(t, must[*avrowriter.MessageWriter](t)(avrowriter.NewMessageWriter(avrowriter.Options{})), "empty.avro")
	records, counts := avsc(t, append(paths, empty)...)
	long := func(n int64) any { return strconv.FormatInt(n, 10) }
	bytes := func(s string) any { return map[string]any{"base64": base64.StdEncoding.EncodeToString([]byte(s))} }
	micros := func(at time.Time) any { return long(at.UnixMicro()) }
	for i, path := range paths {
		if counts[path] != len(avroMessages()) {
			t.Fatalf("%s: %d records", path, counts[path])
		}
		for j, m := range avroMessages() {
			want := expectMessage(m, long, micros, bytes)
			if i%2 == 1 {
				want = expectEvent(m, long, bytes)
			}
			same(t, codecs[i/2], records[path][j], want)
		}
	}
	if n, ok := counts[empty]; n != 0 || !ok {
		t.Errorf("the empty file has %d records", n)
	}
}

func TestAvscReadsGoldenFiles(t *testing.T) {
	if !haveNode {
		return
	}
	golden, err := filepath.Glob("../../avrowriter/testdata/*.avro")
	if err != nil || len(golden) < 8 {
		t.Fatalf("golden files %v, %v", golden, err)
	}
	_, counts := avsc(t, golden...)
	for _, path := range golden {
		if counts[path] != 11 {
			t.Errorf("%s: %d records, want 11", path, counts[path])
		}
	}
}

func avsc(t *testing.T, paths ...string) (records map[string][]any, counts map[string]int) {
	t.Helper()
	records, counts = map[string][]any{}, map[string]int{}
	for _, line := range node(t, "avro.mjs", nil, paths...) {
		var l struct {
			Path   string
			Record any
			Count  *int
		}
		if err := json.Unmarshal(line, &l); err != nil {
			t.Fatal(err)
		}
		if l.Count != nil {
			counts[l.Path] = *l.Count
		} else {
			records[l.Path] = append(records[l.Path], l.Record)
		}
	}
	return records, counts
}
