package rowcount_test

import (
	"encoding/binary"
	"errors"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/rowcount"
)

func TestCount(t *testing.T) {
	const avro = "Obj\x01\x02\x02k\x04vv\x000123456789abcdef"
	const footer = "\x15\x04" + // version: field 1, i32
		"\x19\x2c" + "\x18\x01r\x15\x04\x00" + "\x15\x0c\x18\x01a\x00" + // schema: field 2, list of 2 structs
		"\x16\x8e\x02" + // num_rows: field 3, i64, 135
		"\x19\x2c" + "\x26\x00\x16\xc8\x01\x00" + "\x36\x46\x00" + // row_groups: field 4, of 100 and 35 rows
		"\x00"
	parquetOf := func(footer string) string {
		return "PAR1" + "data" + footer + string(binary.LittleEndian.AppendUint32(nil, uint32(len(footer)))) + "PAR1"
	}
	parquet := parquetOf(footer)
	large := parquetOf("\x18\x80\x80\x80\x02" + strings.Repeat("x", 4<<20) + footer[:len(footer)-1] + "\x00")
	csv, parquetLayout := rowcount.Layout{Format: rowcount.CSV}, rowcount.Layout{Format: rowcount.Parquet}
	for _, tt := range []struct {
		name   string
		layout rowcount.Layout
		file   string
		want   int64
		whole  bool
	}{
		{"ndjson", rowcount.Layout{Format: rowcount.NDJSON}, "1\n2\n", 2, true},
		{"ndjson, empty", rowcount.Layout{Format: rowcount.NDJSON}, "", 0, true},
		{"ndjson, cut off", rowcount.Layout{Format: rowcount.NDJSON}, "1\n2", 1, false},
		{"csv", csv, "a,b\n1,\"x\n\"\"y\"\n\n2,\r\n", 2, true},
		{"csv, header only", csv, "a,b\n", 0, true},
		{"csv without header", rowcount.Layout{Format: rowcount.CSV, NoHeader: true}, "1\n2\n", 2, true},
		{"csv, cut off", csv, "a\n\"1\n", 0, false},
		{"raw", rowcount.Layout{Format: rowcount.Raw}, "JCRAW001\x00\x00\x00\x01x\x00\x00\x00\x00", 2, true},
		{"raw, no record", rowcount.Layout{Format: rowcount.Raw}, "JCRAW001", 0, true},
		{"raw, cut off", rowcount.Layout{Format: rowcount.Raw}, "JCRAW001\x00\x00\x00\x02x", 0, false},
		{"raw, cut off in a length", rowcount.Layout{Format: rowcount.Raw}, "JCRAW001\x00\x00", 0, false},
		{"raw of another version", rowcount.Layout{Format: rowcount.Raw}, "JCRAW002", 0, false},
		{"raw, nothing", rowcount.Layout{Format: rowcount.Raw}, "", 0, false},
		{
			"avro",
			rowcount.Layout{Format: rowcount.Avro},
			avro + "\x04\x06abc0123456789abcdef" + "\x02\x000123456789abcdef", 3,
			true,
		},
		{"avro, no row", rowcount.Layout{Format: rowcount.Avro}, avro, 0, true},
		{"avro, cut off", rowcount.Layout{Format: rowcount.Avro}, avro + "\x04\x06abc0123", 0, false},
		{"avro, wrong marker", rowcount.Layout{Format: rowcount.Avro}, avro + "\x04\x06abc0123456789abcdeX", 0, false},
		{"parquet", rowcount.Layout{Format: rowcount.Parquet}, parquet, 135, true},
		{"parquet, cut off", rowcount.Layout{Format: rowcount.Parquet}, parquet[:len(parquet)-1], 0, false},
		{"parquet, nothing", rowcount.Layout{Format: rowcount.Parquet}, "", 0, false},
		{
			"parquet, broken footer",
			rowcount.Layout{Format: rowcount.Parquet},
			"PAR1" + "\x15\x04\x00" + "\x03\x00\x00\x00PAR1", 0, false,
		},
		{"parquet, a footer of 4 GiB in 12 bytes", parquetLayout, "PAR1\xff\xff\xff\xffPAR1", 0, false},
		{"parquet, a footer of one byte more than there is", parquetLayout, "PAR1\x01\x00\x00\x00PAR1", 0, false},
		{"parquet, no footer", parquetLayout, "PAR1\x00\x00\x00\x00PAR1", 0, false},
		{"parquet, -1 rows", parquetLayout, parquetOf("\x36\x01\x19\x0c\x00"), 0, false},
		{"parquet, rows without row groups", parquetLayout, parquetOf("\x36\x8e\x02\x00"), 0, false},
		{"parquet, fewer rows in the row groups", parquetLayout, parquetOf("\x36\x8e\x02\x19\x1c\x36\x02\x00\x00"), 0, false},
		{"parquet, a larger footer than is kept", parquetLayout, large, rowcount.Unknown, true},
		{"something else", rowcount.Layout{Format: "orc"}, "anything", rowcount.Unknown, true},
	} {
		for _, size := range []int{1, 7, rowcount.BufferSize} {
			if size < len(tt.file)>>16 {
				continue // too slow
			}
			n, err := tt.layout.Count(strings.NewReader(tt.file), make([]byte, size))
			if tt.whole && (n != tt.want || err != nil) || !tt.whole && err == nil {
				t.Errorf("%s, buffer of %d bytes: %d, %v", tt.name, size, n, err)
			}
		}
	}
}

func TestErrorsOfTheReaderAreKept(t *testing.T) {
	broken := errors.New("broken")
	for _, f := range []string{rowcount.NDJSON, rowcount.CSV, rowcount.Raw, rowcount.Parquet, rowcount.Avro, "orc"} {
		if _, err := (rowcount.Layout{Format: f}).Count(iotest.ErrReader(broken), make([]byte, 8)); !errors.Is(err, broken) {
			t.Errorf("%s: %v", f, err)
		}
	}
}

// FuzzCount checks that no file, whatever it holds, makes Count panic or hang.
func FuzzCount(f *testing.F) {
	f.Add("PAR1\x19\xfc\xff\xff\xff\xff\x0f\x0a\x00\x00\x00PAR1")
	f.Add("Obj\x01\x01\x02k")
	f.Fuzz(func(t *testing.T, file string) {
		for _, format := range []string{rowcount.CSV, rowcount.Raw, rowcount.Parquet, rowcount.Avro} {
			if n, err := (rowcount.Layout{Format: format}).Count(strings.NewReader(file), make([]byte, 16)); err == nil &&
				n < rowcount.Unknown {
				t.Errorf("%s: %d rows", format, n)
			}
		}
	})
}

func TestFormatsAreThoseOfPlans(t *testing.T) {
	for ours, planned := range map[string]string{
		rowcount.NDJSON: cutlog.FormatNDJSON, rowcount.CSV: cutlog.FormatCSV, rowcount.Raw: cutlog.FormatRaw,
		rowcount.Parquet: cutlog.FormatParquet, rowcount.Avro: cutlog.FormatAvro,
	} {
		if ours != planned {
			t.Errorf("the format is %q here and %q in plans", ours, planned)
		}
	}
}
