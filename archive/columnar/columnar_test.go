package columnar_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/archive/columnar"
	"github.com/jetcapture/jetcapture/avrowriter"
	"github.com/jetcapture/jetcapture/internal/wire"
	"github.com/jetcapture/jetcapture/parquetwriter"
)

// samples are messages that are hard to hold in columns.
func samples() []archive.Message {
	ms := []archive.Message{
		{Subject: "orders.new", Data: []byte(`{"a":1}`)},
		{Subject: "orders.new"},
		{Subject: "not\xffutf8", Data: []byte("\x00\xff\n")},
		{Subject: "h", Header: map[string][]string{"A": {"1", ""}, "b": {"<&>"}}, Data: []byte("[1,2]")},
		{Subject: "h", Header: map[string][]string{"A": {"\xff"}}, Data: []byte("null")},
		{Subject: "h", HeaderRaw: []byte("NATS/1.0\r\nA 1\r\n\r\n"), Data: bytes.Repeat([]byte("long "), 40_000)},
		{Subject: "h", Header: map[string][]string{"Nats-Msg-Id": {"7"}}},
	}
	for i := range ms {
		ms[i].Seq = uint64(i)*3 + 1
		ms[i].Time = time.Date(2026, 11, 28, 7, 8, 9, 123456789+i, time.UTC)
	}
	return ms
}

// file writes messages with a writer of theirs.
func file[M any](t *testing.T, w jetcapture.FormattedDataWriter[*M], ms []archive.Message,
	row func(archive.Message) M,
) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := w.InitNew(&b); err != nil {
		t.Fatal(err)
	}
	for _, m := range ms {
		r := row(m)
		if _, err := w.Write(&r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func parquetRow(m archive.Message) parquetwriter.Message {
	return parquetwriter.Message{
		Stream: "S", Seq: m.Seq, Time: m.Time, Subject: m.Subject, Header: m.Header, HeaderRaw: m.HeaderRaw, Payload: m.Data,
	}
}

func avroRow(m archive.Message) avrowriter.Message { return avrowriter.Message(parquetRow(m)) }

func parquetFile(t *testing.T, o parquetwriter.Options, json bool, ms []archive.Message) []byte {
	t.Helper()
	w, err := parquetwriter.NewMessageWriter(o, json)
	if err != nil {
		t.Fatal(err)
	}
	return file(t, w, ms, parquetRow)
}

func avroFile(t *testing.T, o avrowriter.Options, ms []archive.Message) []byte {
	t.Helper()
	w, err := avrowriter.NewMessageWriter(o)
	if err != nil {
		t.Fatal(err)
	}
	return file(t, w, ms, avroRow)
}

// read reads a file, and describes its rows.
func read(format string, data []byte) (rows []string, rounded bool, err error) {
	for r, err := range columnar.Formats()[format](bytes.NewReader(data), int64(len(data))) {
		if err != nil {
			return rows, rounded, err
		}
		rows, rounded = append(rows, describe(r.Message)), rounded || r.Rounded
	}
	return rows, rounded, nil
}

// describe describes all of a message.
func describe(m archive.Message) string {
	block := m.HeaderRaw
	if block == nil {
		block = wire.HeaderBlock(m.Header)
	}
	return fmt.Sprintf("%d %d %q %q %q", m.Seq, m.Time.UnixNano(), m.Subject, block, m.Data)
}

// want compares what a file holds with its messages.
func want(t *testing.T, what, format string, data []byte, micros bool, ms []archive.Message) {
	t.Helper()
	var rows []string
	for _, m := range ms {
		if micros {
			m.Time = m.Time.Truncate(time.Microsecond)
		}
		rows = append(rows, describe(m))
	}
	got, rounded, err := read(format, data)
	if err != nil || rounded != micros || !reflect.DeepEqual(got, rows) {
		t.Errorf("%s: rounded %v, %v\n got %.2000s\nwant %.2000s", what, rounded, err, fmt.Sprint(got), fmt.Sprint(rows))
	}
}

func TestMessagesComeBack(t *testing.T) {
	for _, micros := range []bool{false, true} {
		for _, codec := range []string{"none", "gzip", "snappy", "zstd"} {
			for _, json := range []bool{false, true} {
				o := parquetwriter.Options{Compression: codec, OmitTimeNS: micros}
				what := fmt.Sprint("parquet ", codec, " JSON ", json)
				want(t, what, "parquet", parquetFile(t, o, json, samples()), micros, samples())
			}
			o := avrowriter.Options{Compression: strings.Replace(codec, "gzip", "deflate", 1), OmitTimeNS: micros}
			want(t, "avro "+codec, "avro", avroFile(t, o, samples()), micros, samples())
		}
	}
	want(t, "no rows", "parquet", parquetFile(t, parquetwriter.Options{}, false, nil), false, nil)
	want(t, "no rows", "avro", avroFile(t, avrowriter.Options{}, nil), false, nil)
}

// Many rows are more than one row group and block.
func TestManyRows(t *testing.T) {
	var ms []archive.Message
	for i := range 2000 {
		m := samples()[i%5]
		m.Seq = uint64(i + 1)
		ms = append(ms, m)
	}
	want(t, "row groups", "parquet", parquetFile(t, parquetwriter.Options{RowGroupRows: 300}, true, ms), false, ms)
	want(t, "blocks", "avro", avroFile(t, avrowriter.Options{BlockBytes: 1000}, ms), false, ms)
}

// What earlier versions wrote is read: the golden files of the writers.
func TestGoldenFilesComeBack(t *testing.T) {
	for _, format := range []string{"parquet", "avro"} {
		paths, err := filepath.Glob(filepath.Join("..", "..", format+"writer", "testdata", "messages-*."+format))
		if err != nil || len(paths) < 8 {
			t.Fatalf("%q, %v", paths, err)
		}
		for _, path := range paths {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if rows, _, err := read(format, data); err != nil || len(rows) < 8 {
				t.Errorf("%s: %d rows, %v", path, len(rows), err)
			}
		}
	}
}

// Files of other columns are refused, and damaged ones never end the process.
func TestFilesThatAreNotWholeMessages(t *testing.T) {
	type trade struct{ Price int64 }
	w, err := parquetwriter.NewParquetWriter[*trade](parquetwriter.Options{})
	if err != nil {
		t.Fatal(err)
	}
	table := file(t, w, samples()[:1], func(archive.Message) trade { return trade{1} })
	if _, _, err := read("parquet", table); err == nil || !strings.Contains(err.Error(), "columns of whole messages") {
		t.Error(err)
	}
	for format, whole := range map[string][]byte{
		"parquet": parquetFile(t, parquetwriter.Options{Compression: "none"}, false, samples()[:4]),
		"avro":    avroFile(t, avrowriter.Options{Compression: "none"}, samples()[:4]),
	} {
		for n := 0; n < len(whole); n += 5 {
			if rows, _, err := read(format, whole[:n]); err == nil && len(rows) > 0 && format == "parquet" {
				t.Errorf("%s: %d rows of the first %d of %d bytes", format, len(rows), n, len(whole))
			}
			damaged := bytes.Clone(whole)
			damaged[n] ^= 0x5a
			_, _, _ = read(format, damaged) // the caller knows the sum of the file
		}
	}
}

// The caller may stop at any row, and its own panics are its own.
func TestStoppingEarly(t *testing.T) {
	for format, data := range map[string][]byte{
		"parquet": parquetFile(t, parquetwriter.Options{}, false, samples()),
		"avro":    avroFile(t, avrowriter.Options{}, samples()),
	} {
		for n := range samples() {
			seen := 0
			for _, err := range columnar.Formats()[format](bytes.NewReader(data), int64(len(data))) {
				if err != nil {
					t.Error(err)
				}
				if seen++; seen > n {
					break
				}
			}
		}
		func() {
			defer func() {
				if p := recover(); p != "mine" {
					t.Errorf("%s: %v", format, p)
				}
			}()
			columnar.Formats()[format](bytes.NewReader(data), int64(len(data)))(func(*archive.Row, error) bool { panic("mine") })
		}()
	}
}

// A small file costs little: the library allocates for each row that it is asked for and does not have.
func TestRowsThatAreNotThereAreNotAskedFor(t *testing.T) {
	data := parquetFile(t, parquetwriter.Options{}, false, samples()[:1])
	read := columnar.Formats()["parquet"]
	allocations := testing.AllocsPerRun(20, func() {
		for _, err := range read(bytes.NewReader(data), int64(len(data))) {
			if err != nil {
				t.Fatal(err)
			}
		}
	})
	if allocations > 600 {
		t.Errorf("a file of one row takes %.0f allocations", allocations)
	}
}
