package parquetwriter_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"testing"

	"github.com/jetcapture/jetcapture/parquetwriter"
	"github.com/parquet-go/parquet-go"
)

// The golden files are the promise of docs/FORMATS.md: later versions read them, and write them again byte for byte. A
// commit that changes them says why and raises the version of the layout.
var update = flag.Bool("update", false, "write the golden files again")

// goldenMessages are hostile ones, but not huge.
func goldenMessages() (messages []*parquetwriter.Message) {
	for _, m := range hostileMessages() {
		if len(m.Payload) < 5000 {
			messages = append(messages, m)
		}
	}
	return messages
}

func golden(t *testing.T, name string, file []byte) (stored []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, file, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	stored, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// Compressors of other processors may take other choices.
	if runtime.GOARCH == "amd64" && !bytes.Equal(file, stored) {
		t.Errorf("%s: the same rows give other bytes now: go test -update, and say why", path)
	}
	return stored
}

func TestGoldenFiles(t *testing.T) {
	for _, compression := range compressions {
		o := parquetwriter.Options{Compression: compression}
		for name, json := range map[string]bool{"messages": false, "messages-json": true} {
			file := write(t, newMessageWriter(t, o, json), goldenMessages()...)
			stored := golden(t, fmt.Sprintf("%s-ids-%s.parquet", name, compression), file)
			checkMessages(t, stored, json, goldenMessages()...)

			before := o
			before.OmitFieldIDs = true
			file = write(t, newMessageWriter(t, before, json), goldenMessages()...)
			stored = golden(t, fmt.Sprintf("%s-ns-%s.parquet", name, compression), file)
			checkMessages(t, stored, json, goldenMessages()...)

			before.OmitTimeNS = true
			file = write(t, newMessageWriter(t, before, json), goldenMessages()...)
			stored = golden(t, fmt.Sprintf("%s-%s.parquet", name, compression), file)
			checkMessagesWith(t, stored, func(m *parquetwriter.Message) storedMessage {
				want := expect(m, json)
				want.TimeNS = 0
				return want
			}, goldenMessages()...)
		}
		for name, omit := range map[string]bool{"table-ids": false, "table": true} {
			o := o
			o.OmitFieldIDs = omit
			file := write(t, newTableWriter(t, o, tableColumns), tableRows()...)
			stored := golden(t, fmt.Sprintf("%s-%s.parquet", name, compression), file)
			if got, want := fmt.Sprintf("%+v", rowsOf(t, stored)), fmt.Sprintf("%+v", rowsOf(t, file)); got != want {
				t.Errorf("%s, %s:\n got %s\nwant %s", name, compression, got, want)
			}
		}
		w, err := parquetwriter.NewParquetWriter[trade](o)
		if err != nil {
			t.Fatal(err)
		}
		stored := golden(t, fmt.Sprintf("structs-%s.parquet", compression), write(t, w, trades(10)...))
		got, err := parquet.Read[trade](bytes.NewReader(stored), int64(len(stored)))
		if err != nil || !reflect.DeepEqual(got, trades(10)) {
			t.Errorf("structs, %s: %v\n%+v", compression, err, got)
		}
	}
}
