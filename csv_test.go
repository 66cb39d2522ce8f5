package jetcapture_test

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/jetcapture/jetcapture"
)

// asRows is a flattenFn for payloads that are rows already.
func asRows(rows [][]string) ([][]string, error) { return rows, nil }

func TestCSVRowsReadBack(t *testing.T) {
	var out bytes.Buffer
	w := jetcapture.NewCSVWriter([]string{"a", "b"}, asRows)
	if err := w.InitNew(&out); err != nil {
		t.Fatal(err)
	}
	payloads := [][][]string{
		{{"1", "x"}},
		{{"comma, and \"quote\"", "line\nfeed"}, {" blank", `\.`}},
		nil,
		{{"", ""}, {"é", "\xff"}},
	}
	want := [][]string{{"a", "b"}}
	for _, p := range payloads {
		rows, err := w.Write(p)
		if err != nil || rows != len(p) {
			t.Fatalf("Write(%q) = %d, %v", p, rows, err)
		}
		want = append(want, p...)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	got, err := csv.NewReader(&out).ReadAll()
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("read back %q, %v; want %q", got, err, want)
	}
}

func TestCSVSingleColumn(t *testing.T) {
	var out bytes.Buffer
	w := jetcapture.NewCSVWriter(nil, asRows)
	if err := w.InitNew(&out); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([][]string{{"x"}, {""}, {"y"}}); err != nil {
		t.Fatal(err)
	}
	if want := "x\n\"\"\ny\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestCSVWriteFailsWhole(t *testing.T) {
	cause := errors.New("no such field")
	tests := map[string]struct {
		rows [][]string
		err  error
		want string
	}{
		"flatten error":   {[][]string{{"1", "2"}}, cause, cause.Error()},
		"too few fields":  {[][]string{{"1", "2"}, {"3"}}, nil, "row 2 of 2"},
		"too many fields": {[][]string{{"1", "2", "3"}}, nil, "the header has 2"},
		"no field":        {[][]string{{}}, nil, "no field"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			w := jetcapture.NewCSVWriter([]string{"a", "b"}, func(int) ([][]string, error) { return tc.rows, tc.err })
			if err := w.InitNew(&out); err != nil {
				t.Fatal(err)
			}
			rows, err := w.Write(1)
			if rows != 0 || err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Write = %d, %v; want an error with %q", rows, err, tc.want)
			}
			if tc.err != nil && !errors.Is(err, tc.err) {
				t.Errorf("%v does not wrap %v", err, tc.err)
			}
			if out.String() != "a,b\n" {
				t.Errorf("a failed Write wrote: %q", out.String())
			}
		})
	}
}

// TestTextWritersHoldNoBuffer: 100,000 blocks can be open, each with its writer.
func TestTextWritersHoldNoBuffer(t *testing.T) {
	const blocks = 2000
	rows := [][]string{{strings.Repeat("x", 100)}}
	open := make([]jetcapture.FormattedDataWriter[[][]string], 0, 2*blocks)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range blocks {
		open = append(open, jetcapture.NewCSVWriter([]string{"x"}, asRows), &jetcapture.NewLineDelimitedJSON[[][]string]{})
	}
	for _, w := range open {
		if err := errors.Join(w.InitNew(io.Discard), writeOne(w, rows)); err != nil {
			t.Fatal(err)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if each := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) / int64(len(open)); each > 300 {
		t.Errorf("%d bytes for each open writer", each)
	}
	runtime.KeepAlive(open)
}

func writeOne[P any](w jetcapture.FormattedDataWriter[P], p P) error {
	rows, err := w.Write(p)
	if err == nil && rows != 1 {
		err = fmt.Errorf("%d rows", rows)
	}
	return err
}

func BenchmarkCSV(b *testing.B) {
	w := jetcapture.NewCSVWriter([]string{"a", "b", "c"}, asRows)
	if err := w.InitNew(io.Discard); err != nil {
		b.Fatal(err)
	}
	rows := [][]string{{"Margherita", "7.50", "store-1"}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := w.Write(rows); err != nil {
			b.Fatal(err)
		}
	}
}
