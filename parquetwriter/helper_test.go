package parquetwriter_test

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
	"github.com/jetcapture/jetcapture/parquetwriter"
	"github.com/parquet-go/parquet-go"
)

// The writers are what the library takes.
var (
	_ jetcapture.FormattedDataWriter[*parquetwriter.Message] = (*parquetwriter.MessageWriter)(nil)
	_ jetcapture.FormattedDataWriter[[]parquetwriter.Value]  = (*parquetwriter.TableWriter)(nil)
	_ jetcapture.FormattedDataWriter[trade]                  = (*parquetwriter.Writer[trade])(nil)
	_ jetcapture.EagerWriter                                 = (*parquetwriter.MessageWriter)(nil)
	_ jetcapture.EagerWriter                                 = (*parquetwriter.TableWriter)(nil)
	_ jetcapture.BufferedWriter                              = (*parquetwriter.Writer[trade])(nil)
)

// storedMessage is a row of a file of messages, read by parquet-go.
type storedMessage struct {
	Stream     string              `parquet:"stream"`
	Sequence   int64               `parquet:"sequence"`
	Time       time.Time           `parquet:"time,timestamp(microsecond)"`
	Subject    string              `parquet:"subject"`
	Headers    map[string][]string `parquet:"headers,,value:list"`
	Payload    *[]byte             `parquet:"payload,optional"`
	SubjectRaw *[]byte             `parquet:"subject_raw,optional"`
	HeadersRaw *[]byte             `parquet:"headers_raw,optional"`
	Rescued    *[]byte             `parquet:"_rescued,optional"`
	TimeNS     int64               `parquet:"time_ns,optional"` // 0: null
}

// write returns a file of the rows.
func write[P any](t testing.TB, w rowWriter[P], rows ...P) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := w.InitNew(&out); err != nil {
		t.Fatal(err)
	}
	for i, row := range rows {
		if n, err := w.Write(row); n != 1 || err != nil {
			t.Fatalf("row %d: %d rows, %v", i, n, err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func open(t testing.TB, file []byte) *parquet.File {
	t.Helper()
	f, err := parquet.OpenFile(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// rowsOf returns all rows as Parquet values. Those refer to no buffers.
func rowsOf(t testing.TB, file []byte) (rows []parquet.Row) {
	t.Helper()
	for _, group := range open(t, file).RowGroups() {
		reader := group.Rows()
		for {
			var next [1]parquet.Row
			n, err := reader.ReadRows(next[:])
			for _, row := range next[:n] {
				rows = append(rows, row.Clone())
			}
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := reader.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return rows
}

// readMessages gives the messages as they stand in the file: a map of lists is put together by hand, from levels, so
// that this does not depend on how parquet-go maps types.
func readMessages(t testing.TB, file []byte) (messages []storedMessage) {
	t.Helper()
	paths := open(t, file).Schema().Columns()
	for _, row := range rowsOf(t, file) {
		m := storedMessage{Headers: map[string][]string{}}
		var names []string
		var next int
		for _, v := range row {
			switch path := strings.Join(paths[v.Column()], "."); path {
			case "stream":
				m.Stream = string(v.ByteArray())
			case "sequence":
				m.Sequence = v.Int64()
			case "time":
				m.Time = time.UnixMicro(v.Int64()).UTC()
			case "subject":
				m.Subject = string(v.ByteArray())
			case "headers.key_value.key":
				if !v.IsNull() {
					names = append(names, string(v.ByteArray()))
				}
			case "headers.key_value.value.list.element":
				if v.RepetitionLevel() < 2 {
					next++
				}
				if v.DefinitionLevel() > 0 {
					values := m.Headers[names[next-1]]
					if v.DefinitionLevel() == 2 {
						values = append(values, string(v.ByteArray()))
					}
					m.Headers[names[next-1]] = values
				}
			case "payload":
				m.Payload = bytesOf(v)
			case "subject_raw":
				m.SubjectRaw = bytesOf(v)
			case "headers_raw":
				m.HeadersRaw = bytesOf(v)
			case "_rescued":
				m.Rescued = bytesOf(v)
			case "time_ns":
				m.TimeNS = v.Int64()
				if v.IsNull() {
					m.TimeNS = 0
				}
			default:
				t.Fatalf("unknown column %s", path)
			}
		}
		if !slices.IsSorted(names) || len(slices.Compact(slices.Clone(names))) != len(names) {
			t.Errorf("header names %q are not sorted, or not all different", names)
		}
		messages = append(messages, m)
	}
	return messages
}

func bytesOf(v parquet.Value) *[]byte {
	if v.IsNull() {
		return nil
	}
	b := append([]byte{}, v.ByteArray()...)
	return &b
}

// expect is what a message has to look like in a file, by the documentation alone.
func expect(m *parquetwriter.Message, json bool) storedMessage {
	stored := storedMessage{
		Stream:   m.Stream,
		Sequence: int64(m.Seq),
		Time:     time.UnixMicro(m.Time.UnixMicro()).UTC(),
		Subject:  strings.ToValidUTF8(m.Subject, "\uFFFD"),
		Headers:  map[string][]string{},
	}
	if y := m.Time.Year(); y > 1677 && y < 2262 {
		stored.TimeNS = m.Time.UnixNano()
	}
	if !utf8.ValidString(m.Subject) {
		raw := []byte(m.Subject)
		stored.SubjectRaw = &raw
	}
	var block strings.Builder
	block.WriteString("NATS/1.0\r\n")
	valid := true
	for _, name := range slices.Sorted(maps.Keys(m.Header)) {
		text := strings.ToValidUTF8(name, "\uFFFD")
		valid = valid && text == name
		values := stored.Headers[text]
		for _, v := range m.Header[name] {
			block.WriteString(name + ": " + v + "\r\n")
			valid = valid && utf8.ValidString(v)
			values = append(values, strings.ToValidUTF8(v, "\uFFFD"))
		}
		stored.Headers[text] = values
	}
	block.WriteString("\r\n")
	if !valid {
		raw := []byte(block.String())
		stored.HeadersRaw = &raw
	}
	payload := append([]byte{}, m.Payload...)
	if json && !parquetwriter.IsJSON(m.Payload) {
		stored.Rescued = &payload
	} else {
		stored.Payload = &payload
	}
	return stored
}

// hostileMessages are what a stream can hold and a file must not stumble over.
func hostileMessages() []*parquetwriter.Message {
	at := time.Date(2026, 11, 23, 15, 4, 5, 678_901_234, time.UTC)
	many := make([]string, 300)
	for i := range many {
		many[i] = strings.Repeat("v", i%7)
	}
	messages := []*parquetwriter.Message{
		{Subject: "orders.eu", Payload: []byte(`{"id":1,"at":"2026-11-23","price":12.50,"tags":["a",null,true]}`)},
		{Subject: "orders.eu", Payload: []byte("plain text"), Header: map[string][]string{"Nats-Msg-Id": {"1"}}},
		{Subject: "orders.eu", Header: map[string][]string{"b": {"1", "2"}, "a": {""}, "C": {"x"}, "empty": {}}},
		{Subject: "orders.eu", Payload: []byte{}},
		{
			Subject: "bad.\xff\xfe.subject", Payload: []byte("\x00\xff\xfe"),
			Header: map[string][]string{"k\xff": {"1"}, "k\xfe": {"2", "\x80"}, "k": {"ok"}},
		},
		{Subject: "nul.\x00", Payload: []byte("{\"a\":\"\\u0000\"}"), Header: map[string][]string{"n\x00": {"\x00"}}},
		{Subject: "half", Payload: []byte(`{"a":"\ud800"}`)},
		{Subject: "pair", Payload: []byte(`{"a":"\ud83d\ude00"}`)},
		{Subject: "utf8", Payload: []byte("\"\xff\"")},
		{Subject: "big", Payload: []byte(`{"n":123456789012345678901234567890,"e":1e999,"d":1e400}`)},
		{Subject: "deep", Payload: []byte(strings.Repeat("[", 1000) + strings.Repeat("]", 1000))},
		{Subject: "too.deep", Payload: []byte(strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001))},
		{Subject: "huge", Payload: []byte(`"` + strings.Repeat("x", 400<<10) + `"`)},
		{Subject: "many", Header: map[string][]string{"X": many}, Payload: []byte("[]")},
		{Subject: strings.Repeat("s", 4000), Payload: []byte("1")},
		{Subject: "old", Time: time.Date(1600, 1, 1, 0, 0, 0, 999, time.UTC), Payload: []byte("null")},
		{Subject: "late", Time: time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC), Payload: []byte(" true\n")},
	}
	for i, m := range messages {
		m.Stream, m.Seq = "ORDERS", uint64(10+i*i)
		if m.Time.IsZero() {
			m.Time = at.Add(time.Duration(i) * time.Millisecond)
		}
	}
	messages[len(messages)-1].Seq = 1<<63 - 1
	return messages
}
