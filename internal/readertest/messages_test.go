package readertest_test

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/parquetwriter"
)

// writer is any writer of ours.
type writer[P any] interface {
	InitNew(out io.Writer) error
	Write(row P) (int, error)
	Flush() error
}

// stored writes rows to a file below dir and returns its path.
func stored[P any](t *testing.T, w writer[P], name string, rows ...P) string {
	t.Helper()
	var out bytes.Buffer
	if err := w.InitNew(&out); err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if _, err := w.Write(row); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// hostile returns messages that a stream can hold and that must not damage a file.
func hostile() []*parquetwriter.Message {
	many := make([]string, 300)
	for i := range many {
		many[i] = strings.Repeat("v", i%7)
	}
	messages := []*parquetwriter.Message{
		{Subject: "a", Payload: []byte(`{"id":1,"at":"2026-11-23","price":12.50,"tags":["a",null,true]}`)},
		{Subject: "a", Payload: []byte("plain text"), Header: map[string][]string{"Nats-Msg-Id": {"1"}}},
		{Subject: "a", Header: map[string][]string{"b": {"1", "2"}, "a": {""}, "C": {"x"}, "empty": {}}},
		{
			Subject: "bad.\xff\xfe.subject", Payload: []byte("\x00\xff"),
			Header: map[string][]string{"k\xff": {"1"}, "k\xfe": {"2", "\x80"}, "k": {"ok"}},
		},
		{Subject: "nul.\x00", Payload: []byte("{\"a\":\"\\u0000\"}"), Header: map[string][]string{"n\x00": {"\x00"}}},
		{Subject: "half", Payload: []byte(`{"a":"\ud800"}`)},
		{Subject: "pair", Payload: []byte(`{"a":"\ud83d\ude00"}`)},
		{Subject: "utf8", Payload: []byte("\"\xff\"")},
		{Subject: "big", Payload: []byte(`{"n":123456789012345678901234567890,"e":1e999}`)},
		{Subject: "deep", Payload: []byte(strings.Repeat("[", 1000) + strings.Repeat("]", 1000))},
		{Subject: "huge", Payload: []byte(`"` + strings.Repeat("x", 2<<20) + `"`)},
		{Subject: "many", Header: map[string][]string{"X": many}, Payload: []byte("[]")},
		{Subject: "old", Time: time.Date(1600, 1, 1, 0, 0, 0, 999, time.UTC), Payload: []byte("null")},
		{Subject: "late", Time: time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC), Payload: []byte("true")},
	}
	for i, m := range messages {
		m.Stream, m.Seq = "ORDERS", uint64(10+i*i)
		if m.Time.IsZero() {
			m.Time = time.Date(2026, 11, 23, 15, 4, 5, 678_901_234+i, time.UTC)
		}
	}
	messages[len(messages)-1].Seq = 1<<63 - 1
	return messages
}

// orders returns many typical messages, always the same.
func orders(n int) []*parquetwriter.Message {
	random := rand.New(rand.NewPCG(1, 2))
	messages := make([]*parquetwriter.Message, n)
	for i := range messages {
		amount := random.IntN(1_000_000)
		messages[i] = &parquetwriter.Message{
			Stream: "ORDERS", Seq: uint64(i)*3 + 5, Time: time.UnixMicro(1_790_000_000_000_000 + int64(i)*1_234_567),
			Subject: fmt.Sprintf("orders.%d", random.IntN(40)),
			Payload: fmt.Appendf(nil, `{"id":%d,"amount":%d.%02d}`, i, amount/100, amount%100),
		}
		if i%3 == 0 {
			messages[i].Header = map[string][]string{"Nats-Msg-Id": {fmt.Sprint(i)}, "Trace": {"x", fmt.Sprint(i % 10)}}
		}
	}
	return messages
}

// hasNanos reports whether a time can be in nanoseconds since 1970.
func hasNanos(at time.Time) bool { return at.Year() > 1677 && at.Year() < 2262 }

// text returns a string as it is in a column of text.
func text(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// headerText returns a header as a map of lists, and whether that is all of it.
func headerText(header map[string][]string) (lists map[string][]string, whole bool) {
	lists, whole = map[string][]string{}, true
	for _, name := range slices.Sorted(maps.Keys(header)) {
		values := lists[text(name)]
		for _, v := range header[name] {
			values = append(values, text(v))
			whole = whole && v == text(v)
		}
		lists[text(name)] = append([]string{}, values...)
		whole = whole && name == text(name)
	}
	return lists, whole
}

func block(header map[string][]string) string {
	b := "NATS/1.0\r\n"
	for _, name := range slices.Sorted(maps.Keys(header)) {
		for _, v := range header[name] {
			b += name + ": " + v + "\r\n"
		}
	}
	return b + "\r\n"
}
