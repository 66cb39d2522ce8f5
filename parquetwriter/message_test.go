package parquetwriter_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/parquetwriter"
	"github.com/parquet-go/parquet-go"
)

var compressions = []string{"zstd", "snappy", "gzip", "none"}

func newMessageWriter(t testing.TB, o parquetwriter.Options, json bool) *parquetwriter.MessageWriter {
	t.Helper()
	w, err := parquetwriter.NewMessageWriter(o, json)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func checkMessages(t testing.TB, file []byte, json bool, messages ...*parquetwriter.Message) {
	t.Helper()
	checkMessagesWith(t, file, func(m *parquetwriter.Message) storedMessage { return expect(m, json) }, messages...)
}

func checkMessagesWith(
	t testing.TB, file []byte, expect func(*parquetwriter.Message) storedMessage, messages ...*parquetwriter.Message,
) {
	t.Helper()
	stored := readMessages(t, file)
	if len(stored) != len(messages) {
		t.Fatalf("%d rows of %d messages", len(stored), len(messages))
	}
	for i, m := range messages {
		if want := expect(m); !reflect.DeepEqual(stored[i], want) {
			t.Errorf("message %d:\n got %.500s\nwant %.500s", i, fmt.Sprintf("%+v", stored[i]), fmt.Sprintf("%+v", want))
		}
	}
}

func TestMessagesComeBack(t *testing.T) {
	for _, compression := range compressions {
		for _, json := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/json=%t", compression, json), func(t *testing.T) {
				w := newMessageWriter(t, parquetwriter.Options{Compression: compression}, json)
				checkMessages(t, write(t, w, hostileMessages()...), json, hostileMessages()...)
			})
		}
	}
}

func TestSameMessagesSameBytes(t *testing.T) {
	w := newMessageWriter(t, parquetwriter.Options{RowGroupRows: 5}, true)
	first := write(t, w, hostileMessages()...)
	for range 2 {
		again := hostileMessages()
		for _, m := range again { // another map of the same entries
			m.Header = maps.Clone(m.Header)
		}
		if !bytes.Equal(write(t, w, again...), first) {
			t.Error("a writer that is used again writes other bytes")
		}
		write(t, w.New(), benchMessages(100)...) // other rows through the same buffers
		if !bytes.Equal(write(t, w.New(), again...), first) {
			t.Error("a writer of New writes other bytes")
		}
		if !bytes.Equal(write(t, newMessageWriter(t, parquetwriter.Options{RowGroupRows: 5}, true), again...), first) {
			t.Error("a new writer writes other bytes")
		}
	}
}

func TestWritersShareBuffersInManyGoroutines(t *testing.T) {
	w := newMessageWriter(t, parquetwriter.Options{}, true)
	messages := benchMessages(200)
	want := write(t, w, messages...)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 5 {
				if !bytes.Equal(write(t, w.New(), messages...), want) {
					t.Error("other bytes")
				}
			}
		})
	}
	all.Wait()
}

func TestRowGroupsAreBounded(t *testing.T) {
	messages := benchMessages(1000)
	byRows := open(t, write(t, newMessageWriter(t, parquetwriter.Options{RowGroupRows: 300}, false), messages...))
	var rows []int64
	for _, group := range byRows.RowGroups() {
		rows = append(rows, group.NumRows())
	}
	if want := []int64{300, 300, 300, 100}; !slices.Equal(rows, want) {
		t.Errorf("row groups of %v rows, want %v", rows, want)
	}
	w := newMessageWriter(t, parquetwriter.Options{RowGroupBytes: 50_000, Compression: "none"}, false)
	for _, group := range open(t, write(t, w, messages...)).Metadata().RowGroups {
		if group.TotalByteSize > 60_000 {
			t.Errorf("a row group of %d bytes", group.TotalByteSize)
		}
	}
}

func TestFileSaysWhereItComesFrom(t *testing.T) {
	w := newMessageWriter(t, parquetwriter.Options{Metadata: map[string]string{"owner": "me", "jetcapture.version": "v1"}},
		false)
	check := func(want map[string]string, messages ...*parquetwriter.Message) {
		t.Helper()
		f := open(t, write(t, w, messages...))
		got := map[string]string{}
		for _, kv := range f.Metadata().KeyValueMetadata {
			got[kv.Key] = kv.Value
		}
		if len(got["jetcapture.schema"]) != 16 {
			t.Errorf("schema fingerprint %q", got["jetcapture.schema"])
		}
		delete(got, "jetcapture.schema")
		want["owner"], want["jetcapture.version"], want["jetcapture.writer"] = "me", "v1", "parquetwriter/3"
		if !maps.Equal(got, want) {
			t.Errorf("metadata %v, want %v", got, want)
		}
		if by := f.Metadata().CreatedBy; !strings.HasPrefix(by, "jetcapture version 1") {
			t.Errorf("created by %q", by)
		}
	}
	from := func(stream, first, last string) map[string]string {
		return map[string]string{
			"jetcapture.stream": stream, "jetcapture.first_sequence": first, "jetcapture.last_sequence": last,
		}
	}
	check(from("ORDERS", "1", "20"), benchMessages(20)...)
	check(from("", "", "")) // nothing is left of the file before
	check(from("ORDERS", "7", "7"), benchMessages(7)[6:]...)
}

func TestMessagesAreFoundByStatisticsAndBloomFilter(t *testing.T) {
	messages := benchMessages(1000)
	f := open(t, write(t, newMessageWriter(t, parquetwriter.Options{}, false), messages...))
	chunks := f.RowGroups()[0].ColumnChunks()
	for column, want := range map[int][2]parquet.Value{
		1: {parquet.Int64Value(1), parquet.Int64Value(1000)},
		2: {parquet.Int64Value(messages[0].Time.UnixMicro()), parquet.Int64Value(messages[999].Time.UnixMicro())},
		3: {parquet.ByteArrayValue([]byte("orders.eu.0")), parquet.ByteArrayValue([]byte("orders.eu.9"))},
	} {
		chunk := chunks[column].(*parquet.FileColumnChunk)
		lowest, highest, ok := chunk.Bounds()
		if !ok || !parquet.Equal(lowest, want[0]) || !parquet.Equal(highest, want[1]) {
			t.Errorf("column %d: bounds %v to %v, want %v", column, lowest, highest, want)
		}
	}
	if statistics := f.Metadata().RowGroups[0].Columns[6].MetaData.Statistics; statistics.MaxValue != nil {
		t.Errorf("the file has the largest payload twice: %q", statistics.MaxValue)
	}
	for subject, want := range map[string]bool{"orders.eu.17": true, "orders.us.17": false} {
		if got, err := chunks[3].BloomFilter().Check(parquet.ByteArrayValue([]byte(subject))); got != want || err != nil {
			t.Errorf("Bloom filter says %t, %v of %s", got, err, subject)
		}
	}
}

func TestFileOfNoMessages(t *testing.T) {
	for _, json := range []bool{false, true} {
		f := open(t, write(t, newMessageWriter(t, parquetwriter.Options{}, json)))
		if f.NumRows() != 0 || len(f.Schema().Columns()) < 9 {
			t.Errorf("%d rows, columns %v", f.NumRows(), f.Schema().Columns())
		}
	}
}

func TestFailedWriteLeavesNoRow(t *testing.T) {
	w := newMessageWriter(t, parquetwriter.Options{}, true)
	var out bytes.Buffer
	if err := w.InitNew(&out); err != nil {
		t.Fatal(err)
	}
	good := benchMessages(2)
	for _, m := range []*parquetwriter.Message{
		good[0],
		{Stream: "ORDERS", Seq: math.MaxInt64 + 1, Time: good[0].Time},
		{Stream: "ORDERS", Seq: 3, Time: time.Date(300_000, 1, 1, 0, 0, 0, 0, time.UTC)},
		{Stream: "ORDERS", Seq: 3, Time: time.Date(-300_000, 1, 1, 0, 0, 0, 0, time.UTC)},
		good[1],
	} {
		rows, err := w.Write(m)
		if isGood := slices.Contains(good, m); isGood != (err == nil) || isGood != (rows == 1) {
			t.Errorf("sequence %d: %d rows, %v", m.Seq, rows, err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	checkMessages(t, out.Bytes(), true, good...)
}

var errFull = errors.New("disk is full")

type fullAfter int

func (n *fullAfter) Write(p []byte) (int, error) {
	if *n -= fullAfter(len(p)); *n < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestFailedOutputLosesTheFile(t *testing.T) {
	messages := benchMessages(500)
	w := newMessageWriter(t, parquetwriter.Options{RowGroupRows: 50}, false)
	for space := range 8 {
		out := fullAfter(space * 10_000)
		if err := w.InitNew(&out); err != nil {
			t.Fatal(err)
		}
		var failed error
		for _, m := range messages {
			rows, err := w.Write(m)
			if failed != nil && err == nil {
				t.Fatal("a row is written after one that failed")
			}
			if err != nil && (rows != 0 || !errors.Is(err, errFull)) {
				t.Fatalf("%d rows, %v", rows, err)
			}
			failed = err
		}
		if err := w.Flush(); (out < 0) != errors.Is(err, errFull) {
			t.Errorf("space %d, left %d: Flush says %v", space*10_000, out, err)
		}
		checkMessages(t, write(t, w, messages...), false, messages...) // the next file is whole
	}
}

func TestOrderOfCalls(t *testing.T) {
	w := newMessageWriter(t, parquetwriter.Options{}, false)
	if _, err := w.Write(benchMessages(1)[0]); err == nil {
		t.Error("Write before InitNew")
	}
	if err := w.Flush(); err == nil {
		t.Error("Flush before InitNew")
	}
	write(t, w, benchMessages(1)...)
	if err := w.Flush(); err == nil {
		t.Error("a second Flush")
	}
	if !w.Buffered() {
		t.Error("the writer keeps rows back, and says that it does not")
	}
}

func TestWrongOptions(t *testing.T) {
	for want, o := range map[string]parquetwriter.Options{
		`unknown compression "lzo"`:  {Compression: "lzo"},
		"level 23 of zstd":           {Level: 23},
		"level -1 of zstd":           {Level: -1},
		"level 10 of gzip":           {Compression: "gzip", Level: 10},
		"snappy, which has no":       {Compression: "snappy", Level: 1},
		"row groups of -1 rows":      {RowGroupRows: -1},
		"-2 bytes":                   {RowGroupBytes: -2},
		`"jetcapture.stream" is the`: {Metadata: map[string]string{"jetcapture.stream": ""}},
		"must be valid UTF-8":        {Metadata: map[string]string{"a": "\xff"}},
		"the key must not be empty":  {Metadata: map[string]string{"": "a"}},
		`Bloom filter of "nowhere"`:  {BloomFilters: []string{"nowhere"}},
	} {
		if _, err := parquetwriter.NewMessageWriter(o, false); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", o, err, want)
		}
	}
	newMessageWriter(t, parquetwriter.Options{Level: 22}, false)
	for _, o := range []parquetwriter.Options{
		{Compression: "ZSTD", Level: 9},
		{Compression: "gzip", Level: 1},
		{Compression: "none"},
		{BloomFilters: []string{"subject", "sequence"}},
	} {
		checkMessages(t, write(t, newMessageWriter(t, o, false), benchMessages(100)...), false, benchMessages(100)...)
	}
}

func FuzzMessage(f *testing.F) {
	f.Add("a.b", "Name", "value", "Other", []byte(`{"a":1}`), uint64(1), int64(0))
	f.Add("\xff", "\xff", "\x80", "\xfe", []byte("\x00"), uint64(math.MaxUint64), int64(math.MinInt64))
	w, err := parquetwriter.NewMessageWriter(parquetwriter.Options{}, true)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, subject, name, value, other string, payload []byte, seq uint64, nanos int64) {
		m := &parquetwriter.Message{
			Stream: "S", Seq: seq & math.MaxInt64, Time: time.Unix(0, nanos), Subject: subject, Payload: payload,
			Header: map[string][]string{name: {value, other}, other: {value}},
		}
		checkMessages(t, write(t, w.New(), m, m), true, m, m)
	})
}
