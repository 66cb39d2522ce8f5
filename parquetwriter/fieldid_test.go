package parquetwriter_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/jetcapture/jetcapture/parquetwriter"
	"github.com/parquet-go/parquet-go"
)

// idsOf are the field ids of a file by path. Groups that only carry a list or a map have none.
func idsOf(t *testing.T, file []byte) map[string]int {
	t.Helper()
	f, err := parquet.OpenFile(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]int{}
	var walk func(c *parquet.Column, path []string)
	walk = func(c *parquet.Column, path []string) {
		if c.ID() != 0 {
			ids[strings.Join(path, ".")] = c.ID()
		}
		for _, child := range c.Columns() {
			walk(child, append(path, child.Name()))
		}
	}
	walk(f.Root(), nil)
	return ids
}

// TestFieldIDs: a column has the same id in each file, whatever else is in it. The numbers are in tables of users.
func TestFieldIDs(t *testing.T) {
	want := map[string]int{
		"stream": 527396198, "sequence": 0, "time": 0, "subject": 0, "payload": 0, "subject_raw": 0, "headers_raw": 0,
		"time_ns": 0, "headers": 0, "headers.key_value.key": 0, "headers.key_value.value": 0,
		"headers.key_value.value.list.element": 0,
	}
	for _, json := range []bool{false, true} {
		if json {
			want["_rescued"] = 0
		}
		got := idsOf(t, write(t, newMessageWriter(t, parquetwriter.Options{}, json), goldenMessages()...))
		for path, id := range got {
			if id != parquetwriter.FieldID(strings.Split(path, ".")...) || id < 1 || id > 1<<30 {
				t.Errorf("column %s has the id %d", path, id)
			}
		}
		if len(got) != len(want) || got["stream"] != want["stream"] {
			t.Errorf("json %t: the ids are %v, want those of %v", json, got, want)
		}
	}
	a := parquetwriter.Column{Name: "a", Type: parquetwriter.Int64}
	b := parquetwriter.Column{Name: "b", Type: parquetwriter.Bool}
	one := idsOf(t, write(t, newTableWriter(t, parquetwriter.Options{}, []parquetwriter.Column{a, b})))
	other := idsOf(t, write(t, newTableWriter(t, parquetwriter.Options{}, []parquetwriter.Column{b, a})))
	if one["a"] != other["a"] || one["b"] != other["b"] || len(one) != 2 {
		t.Errorf("the ids depend on the order of the columns: %v, %v", one, other)
	}
	if without := idsOf(t, write(t, newTableWriter(t, parquetwriter.Options{OmitFieldIDs: true},
		[]parquetwriter.Column{a}))); len(without) != 0 {
		t.Errorf("OmitFieldIDs leaves %v", without)
	}
}

// TestFieldIDsThatMeet: names with one id are refused, since an engine would take one column for the other.
func TestFieldIDsThatMeet(t *testing.T) {
	columns := []parquetwriter.Column{
		{Name: "c268724", Type: parquetwriter.Int64}, {Name: "c698200", Type: parquetwriter.Int64},
	}
	_, err := parquetwriter.NewTableWriter(parquetwriter.Options{}, columns)
	if err == nil || !strings.Contains(err.Error(), "field id") {
		t.Errorf("two columns of one id: %v", err)
	}
	if _, err := parquetwriter.NewTableWriter(parquetwriter.Options{OmitFieldIDs: true}, columns); err != nil {
		t.Errorf("without ids: %v", err)
	}
}
