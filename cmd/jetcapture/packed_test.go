package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/nats-io/nats.go"
	"github.com/parquet-go/parquet-go"
)

// parquetRows returns the rows of the one Parquet file below a folder, as maps printed with their members in order.
func parquetRows(t *testing.T, folder string) (rows []map[string]any, file *parquet.File) {
	t.Helper()
	names := filesBelow(t, folder, ".parquet")
	if len(names) != 1 || !strings.HasSuffix(names[0], ".parquet") {
		t.Fatalf("files: %q", names)
	}
	b, err := os.ReadFile(filepath.Join(folder, names[0]))
	if err != nil {
		t.Fatal(err)
	}
	file, err = parquet.OpenFile(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	r := parquet.NewReader(file)
	defer r.Close()
	for range file.NumRows() {
		row := map[string]any{}
		if err := r.Read(&row); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
	return rows, file
}

func TestCaptureParquetMessages(t *testing.T) {
	srv, _ := orders(t, `{"id":1}`, "two\nlines", "", "\xff")
	folder := t.TempDir()
	captureOnce(t, srv, folder, "--format", "parquet", "--payload", "json")
	rows, file := parquetRows(t, folder)
	if len(rows) != 4 || rows[0]["subject"] != "orders.1" || fmt.Sprint(rows[3]["sequence"]) != "4" {
		t.Errorf("rows: %v", rows)
	}
	got := fmt.Sprintf("%v %v %s", rows[0]["payload"], rows[1]["payload"], rows[1]["_rescued"])
	if got != "map[id:1] <nil> two\nlines" {
		t.Errorf("payloads: %q", got)
	}
	for key, want := range map[string]string{
		"jetcapture.stream": "ORDERS", "jetcapture.first_sequence": "1",
		"jetcapture.last_sequence": "4",
	} {
		if got, _ := file.Lookup(key); got != want {
			t.Errorf("metadata %s is %q, want %q", key, got, want)
		}
	}
	wantSound(t, folder)
}

func tableFlags(format string) []string {
	return []string{
		"--format", format, "--column", "id:int64=json:id", "--column", "total:decimal(9,2)=json:total",
		"--column", "paid:bool=json:paid",
		"--column", "at:timestamp=json:at", "--column", "day:date=json:day", "--column", "raw:json=json:raw",
		"--column", "shop=subject[2]",
		"--column", "body:bytes=payload",
	}
}

func TestCaptureParquetTable(t *testing.T) {
	good := `{"id":3.0,"total":12.5,"paid":true,"at":"2026-11-23T15:00:00Z","day":"2026-11-23","raw":{"a":[1]}}`
	bad := `{"id":9223372036854775808,"total":0.005,"paid":1,"at":"x","day":"y"}`
	srv, _ := orders(t, good, bad, "no JSON")
	folder := t.TempDir()
	r := captureOnce(t, srv, folder, append(tableFlags("parquet"), "--compression", "snappy")...)
	if !strings.Contains(r.stderr, "2 rows with values that do not fit") {
		t.Errorf("the summary does not count them:\n%s", r.stderr)
	}
	rows, _ := parquetRows(t, folder)
	if len(rows) != 3 {
		t.Fatalf("rows: %v", rows)
	}
	first := rows[0]
	got := fmt.Sprintln(first["id"], first["total"], first["paid"], first["shop"], first["at"], first["day"],
		first["_rescued"])
	if want := "3 12.5 true 1 1795446000000000 20780 <nil>\n"; got != want {
		t.Errorf("row 1 is %q: %v", got, rows[0])
	}
	const outOfRange = `"id":{"reason":"it is out of range","value":9223372036854775808}`
	if s := fmt.Sprint(rows[1]["_rescued"]); rows[1]["id"] != nil || !strings.Contains(s, outOfRange) ||
		strings.Count(s, "reason") != 5 {
		t.Errorf("row 2 is %v", rows[1])
	}
	if s := fmt.Sprint(rows[2]["_rescued"]); rows[2]["id"] != nil ||
		s != `{"_payload":{"reason":"the payload is not JSON","value":"no JSON"}}` {
		t.Errorf("row 3 is %v", rows[2])
	}
	wantSound(t, folder)
}

func TestMismatchesAsDeadLetters(t *testing.T) {
	for _, format := range []string{"csv", "parquet"} {
		srv, _ := orders(t, `{"id":1}`, `{"id":"x"}`, "no JSON", `{"id":4}`)
		folder := t.TempDir()
		captureOnce(t, srv, folder, "--format", format, "--column", "id:int64=json:id", "--on-mismatch", "dead-letter")
		dead := filesBelow(t, folder, "_deadletter")
		var lines []string
		for _, name := range dead {
			lines = append(lines, linesOf(t, filepath.Join(folder, name))...)
		}
		if len(lines) != 2 || !strings.Contains(lines[0], "column id:int64=json:id: it is no number") ||
			!strings.Contains(lines[1], "the payload is not JSON") {
			t.Errorf("%s: dead letters %q", format, lines)
		}
		wantSound(t, folder)
	}
}

func TestCaptureAvro(t *testing.T) {
	for _, record := range []string{"message", "eventhubs"} {
		srv, nc := orders(t, `{"id":1}`, "\xff")
		natstest.Publish(t, nc, 1, func(int) *nats.Msg {
			return &nats.Msg{Subject: "orders.x", Header: nats.Header{"Trace": {"a", "b"}}, Data: []byte("3")}
		})
		for _, codec := range []string{"none", "gzip", "snappy", "zstd"} {
			folder := t.TempDir()
			captureOnce(t, srv, folder, "--format", "avro", "--record", record, "--compression", codec)
			names := filesBelow(t, folder, ".avro")
			if len(names) != 1 || !strings.HasSuffix(names[0], ".avro") {
				t.Fatalf("files: %q", names)
			}
			b, err := os.ReadFile(filepath.Join(folder, names[0]))
			if err != nil {
				t.Fatal(err)
			}
			if n := len(avroRows(t, b)); n != 3 {
				t.Errorf("%s, %s: %d rows", record, codec, n)
			}
			wantSound(t, folder)
		}
	}
}

// TestInterruptedCutsOfEachFormat: a file that is made a second time is the same, and one that is there is recognised.
func TestInterruptedCutsOfEachFormat(t *testing.T) {
	for _, args := range [][]string{
		{"--format", "parquet"},
		tableFlags("parquet"), tableFlags("csv"),
		{"--format", "avro"},
		{"--format", "raw"},
		{"--record", "event"},
	} {
		srv, _ := orders(t, `{"id":1}`, `{"id":"x"}`, "")
		folder := t.TempDir()
		captureOnce(t, srv, folder, args...)
		want := contents(t, folder)
		for _, alsoFiles := range []bool{false, true} {
			if alsoFiles {
				undo(t, folder)
			} else {
				undoDone(t, folder)
			}
			captureOnce(t, srv, folder, "--record", "payload", "--compression", "none")
			if got := contents(t, folder); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%v: the files are not the same", args)
			}
		}
		wantSound(t, folder)
	}
}

// contents returns the data files of an archive.
func contents(t *testing.T, folder string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	for _, name := range filesBelow(t, folder, "ORDERS-") {
		b, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		all[name] = b
	}
	return all
}

// TestOddPayloads: 300 columns, JSON of 1,000 levels, numbers past int64, invalid UTF-8, NUL, many values of a header.
// Each message is a row.
func TestOddPayloads(t *testing.T) {
	deep := `{"deep":` + strings.Repeat(`{"a":[`, 500) + "1" + strings.Repeat("]}", 500) + `}`
	srv, nc := orders(t, deep, `{"deep":1,"n":92233720368547758070}`, "{\"s\":\"\xff\"}", `{"s":"\u0000"}`,
		strings.Repeat("[", 20_000), "")
	natstest.Publish(t, nc, 1, func(int) *nats.Msg {
		return &nats.Msg{Subject: "orders.x", Header: nats.Header{"Many": {"a", "b", "c"}}, Data: []byte("{}")}
	})
	args := []string{
		"--column", "n:int64=json:n", "--column", "s=json:s", "--column", "deep:json=json:deep",
		"--column", "many:json=header:Many",
	}
	for i := range 300 {
		args = append(args, "--column", fmt.Sprintf("c%d=json:c%d", i, i))
	}
	for _, format := range []string{"csv", "parquet"} {
		folder := t.TempDir()
		r := captureOnce(t, srv, folder, append([]string{"--format", format}, args...)...)
		if !strings.HasPrefix(lastLine(r.stderr, "messages of stream"), "7 messages") ||
			!strings.Contains(r.stderr, "7 rows in 1 file") {
			t.Errorf("%s: %s", format, r.stderr)
		}
		wantSound(t, folder)
	}
}

// lastLine returns the last line that contains part.
func lastLine(text, part string) (line string) {
	for l := range strings.Lines(text) {
		if strings.Contains(l, part) {
			line = l
		}
	}
	return line
}
