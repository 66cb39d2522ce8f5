package parquetwriter_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/parquetwriter"
	"github.com/parquet-go/parquet-go"
)

type trade struct {
	ID     int64             `parquet:"id"`
	Symbol string            `parquet:"symbol,dict"`
	At     time.Time         `parquet:"at,timestamp(microsecond)"`
	Price  *float64          `parquet:"price,optional"`
	Tags   []string          `parquet:"tags,list"`
	Labels map[string]string `parquet:"labels"`
	Raw    json.RawMessage   `parquet:"raw,json"`
	Day    int32             `parquet:"day,date"`
	Left   string            `parquet:"-"`
}

func trades(n int) []trade {
	rows := make([]trade, n)
	for i := range rows {
		price := float64(i) / 4
		rows[i] = trade{
			ID: int64(i), Symbol: []string{"AAPL", "MSFT"}[i%2], At: time.UnixMicro(1_790_000_000_000_000 + int64(i)).UTC(),
			Price: &price,
			Tags:  []string{"x", strings.Repeat("y", i%5)}, Labels: map[string]string{"b": "1", "a": "2", "c": "3", "d": "4"},
			Raw: json.RawMessage(fmt.Sprintf(`{"i":%d}`, i)), Day: int32(20_000 + i),
		}
		if i%3 == 0 {
			rows[i].Price, rows[i].Tags, rows[i].Labels = nil, []string{}, map[string]string{}
		}
	}
	return rows
}

func TestStructsComeBack(t *testing.T) {
	for _, compression := range compressions {
		w, err := parquetwriter.NewParquetWriter[trade](parquetwriter.Options{
			Compression: compression, RowGroupRows: 70, BloomFilters: []string{"symbol"},
		})
		if err != nil {
			t.Fatal(err)
		}
		rows := trades(200)
		file := write(t, w, rows...)
		got, err := parquet.Read[trade](bytes.NewReader(file), int64(len(file)))
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, rows) {
			t.Errorf("%s: rows differ:\n got %+v\nwant %+v", compression, got[1], rows[1])
		}
		if n := len(open(t, file).RowGroups()); n != 3 {
			t.Errorf("%d row groups", n)
		}
		if again := write(t, w.New(), trades(200)...); !bytes.Equal(again, file) {
			t.Errorf("%s: the same rows give other bytes", compression)
		}
	}
}

func TestPointersAreRows(t *testing.T) {
	w, err := parquetwriter.NewParquetWriter[*trade](parquetwriter.Options{RowGroupBytes: 2000})
	if err != nil {
		t.Fatal(err)
	}
	rows := trades(100)
	pointers := make([]*trade, len(rows))
	for i := range rows {
		pointers[i] = &rows[i]
	}
	file := write(t, w, pointers...)
	got, err := parquet.Read[trade](bytes.NewReader(file), int64(len(file)))
	if err != nil || !reflect.DeepEqual(got, rows) {
		t.Errorf("%v; rows differ: %+v", err, got)
	}
	if n := len(open(t, file).RowGroups()); n < 3 {
		t.Errorf("%d row groups of at most 2000 bytes", n)
	}
}

func TestStructTextMustBeUTF8(t *testing.T) {
	w, err := parquetwriter.NewParquetWriter[*trade](parquetwriter.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := w.InitNew(&out); err != nil {
		t.Fatal(err)
	}
	for want, row := range map[string]*trade{
		"Symbol: not valid UTF-8":         {Symbol: "\xff"},
		"Tags[1]: not valid UTF-8":        {Tags: []string{"", "a\x80"}},
		`Labels["k"]: not valid UTF-8`:    {Labels: map[string]string{"k": "\xff"}},
		`Labels["\xff"]: not valid UTF-`:  {Labels: map[string]string{"\xff": ""}},
		"Raw: not valid UTF-8":            {Raw: json.RawMessage("\"\xff\"")},
		"a nil *parquetwriter_test.trade": nil,
	} {
		if n, err := w.Write(row); n != 0 || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%d rows, %v; want %q", n, err, want)
		}
	}
	if n, err := w.Write(&trade{Symbol: "good", Left: "\xff"}); n != 1 || err != nil {
		t.Errorf("%d rows, %v", n, err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if n := open(t, out.Bytes()).NumRows(); n != 1 {
		t.Errorf("%d rows in the file", n)
	}
}

type tree struct {
	Children []tree
}

func TestTypesWithoutSchema(t *testing.T) {
	refuse(t, "only structs", newWriter[int])
	refuse(t, "only structs", newWriter[map[string]string])
	refuse(t, "only structs", newWriter[any])
	refuse(t, "holds itself", newWriter[tree])
	refuse(t, "no columns", newWriter[struct{ hidden int }])
	refuse(t, "unrecognized parquet tag", newWriter[struct {
		A string `parquet:"a,colour"`
	}])
	refuse(t, "invalid parquet tag", newWriter[struct {
		A string `parquet:"a,timestamp"`
	}])
	refuse(t, "two columns are named a", newWriter[struct {
		A string `parquet:"a"`
		B string `parquet:"a"`
	}])
	refuse(t, "two columns are named a", newWriter[*struct {
		A string `parquet:"a"`
		B string `parquet:"a"`
	}])
	refuse(t, "parquet", newWriter[struct{ A chan int }])
}

func newWriter[P any]() error {
	_, err := parquetwriter.NewParquetWriter[P](parquetwriter.Options{})
	return err
}

func refuse(t *testing.T, want string, construct func() error) {
	t.Helper()
	if err := construct(); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %q", err, want)
	}
}

type surprising struct {
	ID   string         `parquet:"id,uuid"`
	Data map[string]any `parquet:"data,json"`
}

// A row at which parquet-go panics loses the file and not the process.
func TestPanicOverARow(t *testing.T) {
	w, err := parquetwriter.NewParquetWriter[surprising](parquetwriter.Options{})
	if err != nil {
		t.Fatal(err)
	}
	good := surprising{ID: "6ba7b810-9dad-11d1-80b4-00C04FD430C8"}
	var out bytes.Buffer
	if err := w.InitNew(&out); err != nil {
		t.Fatal(err)
	}
	if n, err := w.Write(surprising{ID: good.ID, Data: map[string]any{"a": make(chan int)}}); n != 0 || err == nil {
		t.Fatalf("%d rows, %v", n, err)
	}
	if n, err := w.Write(good); n != 0 || err == nil {
		t.Errorf("%d rows, %v: the file may have half a row", n, err)
	}
	if err := w.Flush(); err == nil {
		t.Error("a file that may have half a row was ended")
	}
	write(t, w, good) // the next file is fine
}

// parquet-go writes zeros for text that is not a UUID.
func TestTextMustBeUUIDWhereATagSaysSo(t *testing.T) {
	w, err := parquetwriter.NewParquetWriter[surprising](parquetwriter.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.InitNew(io.Discard); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{
		"", "no UUID", "6ba7b810-9dad-11d1-80b4-00c04fd430c", "6ba7b810-9dad-11d1-80b4-00c04fd430cg",
		"6ba7b810-9dad-11d1-80b4000c04fd430c8",
	} {
		if n, err := w.Write(surprising{ID: id}); n != 0 || err == nil || !strings.Contains(err.Error(), "ID: not a UUID") {
			t.Errorf("%q: %d rows, %v", id, n, err)
		}
	}
}
