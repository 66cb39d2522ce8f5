package jetcapture_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/jetcapture/jetcapture"
)

var errDiskFull = errors.New("disk full")

// fullDisk is an io.Writer that takes nothing.
type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errDiskFull }

type pizza struct {
	Name  string  `json:"name"`
	Price float64 `json:"price"`
}

// appended is a payload that makes its own JSON.
type appended struct {
	json string
	err  error
}

func (a appended) AppendJSON(dst []byte) ([]byte, error) {
	return append(dst, a.json...), a.err
}

func TestNDJSONLines(t *testing.T) {
	var out bytes.Buffer
	var w jetcapture.NewLineDelimitedJSON[any]
	if err := w.InitNew(&out); err != nil {
		t.Fatal(err)
	}
	payloads := []any{
		pizza{"<Quattro> & più", 9.5}, &pizza{"a\nb", 1}, nil, json.RawMessage("{ \"a\" :\n1 }"), appended{json: `[1,2]`},
	}
	for _, p := range payloads {
		if rows, err := w.Write(p); rows != 1 || err != nil {
			t.Fatalf("Write(%v) = %d, %v; want 1 row", p, rows, err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	want := `{"name":"\u003cQuattro\u003e \u0026 più","price":9.5}
{"name":"a\nb","price":1}
null
{"a":1}
[1,2]
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

func TestNDJSONErrors(t *testing.T) {
	cause := errors.New("cannot be written")
	tests := map[string]struct {
		payload any
		want    string
	}{
		"unsupported type": {make(chan int), "unsupported type"},
		"own error":        {appended{`{"half":`, cause}, cause.Error()},
		"own line feed":    {appended{"{\n}", nil}, "line feed"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			var w jetcapture.NewLineDelimitedJSON[any]
			if err := w.InitNew(&out); err != nil {
				t.Fatal(err)
			}
			rows, err := w.Write(tc.payload)
			if rows != 0 || err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Write = %d, %v; want an error with %q", rows, err, tc.want)
			}
			if out.Len() != 0 {
				t.Errorf("a failed Write wrote %q", out.String())
			}
			if _, err := w.Write(1); err != nil || out.String() != "1\n" {
				t.Errorf("after the error: %v, %q", err, out.String())
			}
		})
	}
}

func TestTextWritersPassOnTheErrorOfOut(t *testing.T) {
	writers := map[string]jetcapture.FormattedDataWriter[string]{
		"ndjson": &jetcapture.NewLineDelimitedJSON[string]{},
		"csv": jetcapture.NewCSVWriter(nil, func(s string) ([][]string, error) {
			return [][]string{{s}}, nil
		}),
	}
	for name, w := range writers {
		if err := w.InitNew(fullDisk{}); err != nil {
			t.Fatal(name, err)
		}
		if rows, err := w.Write("x"); rows != 0 || !errors.Is(err, errDiskFull) {
			t.Errorf("%s: Write = %d, %v", name, rows, err)
		}
	}
}

func BenchmarkNDJSON(b *testing.B) {
	var w jetcapture.NewLineDelimitedJSON[*pizza]
	if err := w.InitNew(io.Discard); err != nil {
		b.Fatal(err)
	}
	p := &pizza{"Margherita", 7}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := w.Write(p); err != nil {
			b.Fatal(err)
		}
	}
}
