package parquetwriter_test

import (
	"bytes"
	"fmt"
	"math"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/parquetwriter"
	"github.com/parquet-go/parquet-go"
)

var tableColumns = []parquetwriter.Column{
	{Name: "text", Type: parquetwriter.String},
	{Name: "flag", Type: parquetwriter.Bool},
	{Name: "count", Type: parquetwriter.Int64},
	{Name: "ratio", Type: parquetwriter.Float64},
	{Name: "small", Type: parquetwriter.Decimal, Precision: 9, Scale: 2},
	{Name: "price", Type: parquetwriter.Decimal, Precision: 18, Scale: 4},
	{Name: "wide", Type: parquetwriter.Decimal, Precision: 38, Scale: 10},
	{Name: "at", Type: parquetwriter.Timestamp},
	{Name: "day", Type: parquetwriter.Date},
	{Name: "doc", Type: parquetwriter.JSON},
	{Name: "raw", Type: parquetwriter.Bytes},
	{Name: "Long, \"quoted\" and.dotted", Type: parquetwriter.String, NoStatistics: true},
}

func newTableWriter(t testing.TB, o parquetwriter.Options, columns []parquetwriter.Column) *parquetwriter.TableWriter {
	t.Helper()
	w, err := parquetwriter.NewTableWriter(o, columns)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// must is for values that fit.
func must(v parquetwriter.Value, err error) parquetwriter.Value {
	if err != nil {
		panic(err)
	}
	return v
}

// tableRows have every type, its extremes and nulls.
func tableRows() [][]parquetwriter.Value {
	row := func(text string, flag bool, count int64, ratio float64, small, price, wide string, at, day time.Time, doc, raw,
		long string,
	) []parquetwriter.Value {
		return []parquetwriter.Value{
			parquetwriter.StringValue(text), parquetwriter.BoolValue(flag), parquetwriter.Int64Value(count),
			parquetwriter.Float64Value(ratio),
			must(tableColumns[4].DecimalValue(small)), must(tableColumns[5].DecimalValue(price)),
			must(tableColumns[6].DecimalValue(wide)),
			must(parquetwriter.TimestampValue(at)), must(parquetwriter.DateValue(day)),
			parquetwriter.JSONValue([]byte(doc)), parquetwriter.BytesValue([]byte(raw)), parquetwriter.StringValue(long),
		}
	}
	utc := time.Date(2026, 11, 23, 15, 4, 5, 678_901_999, time.UTC)
	nines := strings.Repeat("9", 28)
	return [][]parquetwriter.Value{
		row("grüße", true, 42, 0.5, "12.50", "-0.0001", "1.5", utc, utc, `{"a":[1,2.5,null]}`, "\x00\xff", "a\nb"),
		make([]parquetwriter.Value, len(tableColumns)), // nulls
		row("", false, math.MinInt64, math.Inf(1), "-9999999.99", "-99999999999999.9999", "-"+nines+".9999999999",
			time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), "null", "", ""),
		row("\x00", true, math.MaxInt64, -math.MaxFloat64, "9999999.99", "99999999999999.9999", nines+".9999999999",
			time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC), time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC),
			`"\u0000"`, "raw",
			strings.Repeat("long ", 1000)),
		row("east", false, 0, math.NaN(), "0", "-0", "-0.0", utc.In(time.FixedZone("", 9*3600)),
			utc.In(time.FixedZone("", 9*3600)), " [ ] ", "r", "x"),
	}
}

func TestTableComesBack(t *testing.T) {
	for _, compression := range compressions {
		w := newTableWriter(t, parquetwriter.Options{Compression: compression, BloomFilters: []string{"text", "count"}},
			tableColumns)
		file := write(t, w, tableRows()...)
		rows := rowsOf(t, file)
		if len(rows) != 5 {
			t.Fatalf("%d rows", len(rows))
		}
		micros := int64(1_795_446_245_678_901)
		nines, _ := new(big.Int).SetString(strings.Repeat("9", 38), 10)
		for i, want := range []string{
			fmt.Sprint("grüße true 42 0.5 1250 -1 ", decimal(15_000_000_000), " ", micros, ` 20780 {"a":[1,2.5,null]} `,
				"\x00\xff", " a\nb"),
			strings.TrimRight(strings.Repeat("<null> ", len(tableColumns)), " "),
			fmt.Sprint(" false ", math.MinInt64, " +Inf -999999999 -999999999999999999 ", bytes16(new(big.Int).Neg(nines)),
				" -62135596800000000 -719162 null  "),
			fmt.Sprint("\x00 true ", math.MaxInt64, " -1.7976931348623157e+308 999999999 999999999999999999 ", bytes16(nines),
				` 253402300799999999 2932896 "\u0000" raw `, strings.Repeat("long ", 1000)),
			fmt.Sprint("east false 0 NaN 0 0 ", decimal(0), " ", micros, " 20781  [ ]  r x"),
		} {
			if got := textOf(rows[i]); got != want {
				t.Errorf("%s, row %d:\n got %.300q\nwant %.300q", compression, i, got, want)
			}
		}
		if again := write(t, w.New(), tableRows()...); !bytes.Equal(file, again) {
			t.Errorf("%s: the same rows give other bytes", compression)
		}
	}
}

func textOf(row parquet.Row) string {
	texts := make([]string, len(row))
	for i, v := range row {
		texts[i] = v.String()
	}
	return strings.Join(texts, " ")
}

// bytes16 is what a decimal of many digits is in a file: two's complement.
func bytes16(n *big.Int) string {
	if n.Sign() < 0 {
		n = new(big.Int).Add(n, new(big.Int).Lsh(big.NewInt(1), 128))
	}
	return string(n.FillBytes(make([]byte, 16)))
}

func decimal(n int64) string { return bytes16(big.NewInt(n)) }

func TestDecimalsNeverRound(t *testing.T) {
	for _, test := range []struct {
		precision, scale int
		text             string
		want             string // the unscaled number, or part of the error
	}{
		{5, 2, "1", "100"},
		{5, 2, "-1.5", "-150"},
		{5, 2, "1.50000", "150"},
		{5, 2, "1.505", "does not fit"},
		{5, 2, "999.99", "99999"},
		{5, 2, "1000", "does not fit"},
		{5, 2, "0000001.00", "100"},
		{5, 2, "1e2", "10000"},
		{5, 2, "1E+2", "10000"},
		{5, 2, "1e3", "does not fit"},
		{5, 2, "125e-2", "125"},
		{5, 2, "1250e-3", "125"},
		{5, 2, "125e-3", "does not fit"},
		{5, 2, "0e999999999999", "0"},
		{5, 2, "-0", "0"},
		{5, 2, "0.000e-5", "0"},
		{5, 2, "1e99999999999999999999", "does not fit"},
		{5, 2, "1e-99999999999999999999", "does not fit"},
		{5, 5, "0.12345", "12345"},
		{5, 5, "1", "does not fit"},
		{5, 0, "12345", "12345"},
		{5, 0, "12345.0", "12345"},
		{19, 0, "9999999999999999999", "9999999999999999999"},
		{38, 37, "-1.0000000000000000000000000000000000001", "-10000000000000000000000000000000000001"},
		{5, 2, "", "not a decimal"},
		{5, 2, "-", "not a decimal"},
		{5, 2, "+1", "not a decimal"},
		{5, 2, "1.", "not a decimal"},
		{5, 2, ".1", "not a decimal"},
		{5, 2, "1e", "not a decimal"},
		{5, 2, "1e+", "not a decimal"},
		{5, 2, "1ee1", "not a decimal"},
		{5, 2, "1e1e1", "not a decimal"},
		{5, 2, "1E1e1", "not a decimal"},
		{5, 2, "0x1", "not a decimal"},
		{5, 2, "NaN", "not a decimal"},
		{5, 2, " 1", "not a decimal"},
		{5, 2, "--1", "not a decimal"},
		{5, 2, "1e-+1", "not a decimal"},
		{5, 2, "١", "not a decimal"},
		{5, 2, strings.Repeat("1", 100_000), "does not fit"},
	} {
		c := parquetwriter.Column{Name: "d", Type: parquetwriter.Decimal, Precision: test.precision, Scale: test.scale}
		v, err := c.DecimalValue(test.text)
		if err != nil {
			if !strings.Contains(err.Error(), test.want) || len(err.Error()) > 200 {
				t.Errorf("%.30q as decimal(%d,%d): %v, want %s", test.text, test.precision, test.scale, err, test.want)
			}
			continue
		}
		stored := rowsOf(t, write(t, newTableWriter(t, parquetwriter.Options{Compression: "none"}, []parquetwriter.Column{c}),
			[]parquetwriter.Value{v}))[0][0]
		got := stored.String()
		if test.precision > 18 {
			n := new(big.Int).SetBytes(stored.ByteArray())
			if n.Bit(127) == 1 {
				n.Sub(n, new(big.Int).Lsh(big.NewInt(1), 128))
			}
			got = n.String()
		}
		if got != test.want {
			t.Errorf("%q as decimal(%d,%d) is %s, want %s", test.text, test.precision, test.scale, got, test.want)
		}
	}
	if _, err := (parquetwriter.Column{Name: "s", Type: parquetwriter.String}).DecimalValue("1"); err == nil {
		t.Error("a string column takes decimals")
	}
}

func FuzzDecimal(f *testing.F) {
	f.Add("-123.4500e-1", 10, 3)
	f.Add("1e-40", 38, 38)
	f.Fuzz(func(t *testing.T, text string, precision, scale int) {
		if precision < 1 || precision > 38 || scale < 0 || scale > precision || len(text) > 50 {
			return
		}
		c := parquetwriter.Column{Name: "d", Type: parquetwriter.Decimal, Precision: precision, Scale: scale}
		v, err := c.DecimalValue(text)
		exact, isNumber := new(big.Rat).SetString(text)
		if err != nil {
			return
		}
		if !isNumber {
			t.Fatalf("%q is not a number", text)
		}
		exact.Mul(exact, new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil)))
		stored := rowsOf(t, write(t, newTableWriter(t, parquetwriter.Options{Compression: "none"}, []parquetwriter.Column{c}),
			[]parquetwriter.Value{v}))[0][0]
		if want := exact.Num().String(); !exact.IsInt() || precision <= 18 && stored.String() != want ||
			precision > 18 && stored.String() != bytes16(exact.Num()) {
			t.Fatalf("%q as decimal(%d,%d) is %s, want %s", text, precision, scale, stored, want)
		}
	})
}

func TestValuesThatDoNotFit(t *testing.T) {
	w := newTableWriter(t, parquetwriter.Options{}, tableColumns)
	var out bytes.Buffer
	if err := w.InitNew(&out); err != nil {
		t.Fatal(err)
	}
	other := parquetwriter.Column{Name: "o", Type: parquetwriter.Decimal, Precision: 9, Scale: 3}
	for column, v := range map[int]parquetwriter.Value{
		0:  parquetwriter.StringValue("\xff"),
		1:  parquetwriter.Int64Value(1),
		2:  parquetwriter.Float64Value(1),
		3:  parquetwriter.StringValue("1"),
		4:  must(other.DecimalValue("1")),
		9:  parquetwriter.JSONValue([]byte("{")),
		10: parquetwriter.StringValue("x"),
		11: parquetwriter.BytesValue([]byte("x")),
	} {
		row := tableRows()[0]
		row[column] = v
		n, err := w.Write(row)
		if n != 0 || err == nil || !strings.Contains(err.Error(), fmt.Sprintf("column %q", tableColumns[column].Name)) {
			t.Errorf("column %d: %d rows, %v", column, n, err)
		}
		if check := tableColumns[column].Check(v); fmt.Sprint(check) != fmt.Sprint(err) {
			t.Errorf("Check says %v, Write %v", check, err)
		}
	}
	if n, err := w.Write(tableRows()[0][1:]); n != 0 || err == nil {
		t.Errorf("%d rows of too few values, %v", n, err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if n := open(t, out.Bytes()).NumRows(); n != 0 {
		t.Errorf("%d rows are left of those that failed", n)
	}
	if _, err := parquetwriter.TimestampValue(time.Date(400_000, 1, 1, 0, 0, 0, 0, time.UTC)); err == nil {
		t.Error("a time that overflows")
	}
	if _, err := parquetwriter.DateValue(time.Date(40_000_000, 1, 1, 0, 0, 0, 0, time.UTC)); err == nil {
		t.Error("a day that overflows")
	}
}

func TestColumnsThatAreRefused(t *testing.T) {
	type columns = []parquetwriter.Column
	text := parquetwriter.String
	for want, c := range map[string]columns{
		"at least one column":             {},
		"needs a name":                    {{Type: text}},
		`"a\xff": a name must`:            {{Name: "a\xff", Type: text}},
		`"a\x00": a name must`:            {{Name: "a\x00", Type: text}},
		`"a": unknown type 0`:             {{Name: "a"}},
		`"a": unknown type 77`:            {{Name: "a", Type: 77}},
		`"a": there is a column "a", too`: {{Name: "a", Type: text}, {Name: "a", Type: text}},
		`"A": there is a column "a", too`: {{Name: "a", Type: text}, {Name: "A", Type: parquetwriter.Bool}},
		"decimal(0,0)":                    {{Name: "a", Type: parquetwriter.Decimal}},
		"decimal(39,0)":                   {{Name: "a", Type: parquetwriter.Decimal, Precision: 39}},
		"decimal(3,4)":                    {{Name: "a", Type: parquetwriter.Decimal, Precision: 3, Scale: 4}},
		"a string has no precision":       {{Name: "a", Type: text, Precision: 3}},
		"Parquet has none of boolean":     {{Name: "b", Type: parquetwriter.Bool}},
	} {
		o := parquetwriter.Options{}
		if strings.Contains(want, "boolean") {
			o.BloomFilters = []string{"b"}
		}
		if _, err := parquetwriter.NewTableWriter(o, c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", c, err, want)
		}
	}
}

func TestTableOf300Columns(t *testing.T) {
	columns := make([]parquetwriter.Column, 300)
	row := make([]parquetwriter.Value, len(columns))
	for i := range columns {
		columns[i] = parquetwriter.Column{Name: fmt.Sprintf("c%03d", 299-i), Type: parquetwriter.String}
		if i%2 == 0 {
			row[i] = parquetwriter.StringValue(columns[i].Name)
		}
	}
	w := newTableWriter(t, parquetwriter.Options{}, columns)
	file := write(t, w, row, row, row)
	for i, path := range open(t, file).Schema().Columns() {
		if path[0] != columns[i].Name {
			t.Fatalf("column %d is %s, want %s", i, path[0], columns[i].Name)
		}
	}
	if rows := rowsOf(t, file); len(rows) != 3 || rows[2][298].String() != "c001" || !rows[2][299].IsNull() {
		t.Errorf("%d rows, the last %v", len(rows), rows[len(rows)-1])
	}
}

func TestTableSaysWhereItComesFrom(t *testing.T) {
	w := newTableWriter(t, parquetwriter.Options{}, tableColumns)
	var out bytes.Buffer
	if err := w.InitNew(&out); err != nil {
		t.Fatal(err)
	}
	for seq := range uint64(3) {
		w.From("ORDERS", 7+seq)
		if _, err := w.Write(tableRows()[seq]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	f := open(t, out.Bytes())
	for key, want := range map[string]string{
		parquetwriter.MetaStream: "ORDERS", parquetwriter.MetaFirst: "7", parquetwriter.MetaLast: "9",
	} {
		if got, ok := f.Lookup(key); !ok || got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
}

func TestTypeNames(t *testing.T) {
	for want, got := range map[string]parquetwriter.Type{
		"null": 0, "string": parquetwriter.String, "float64": parquetwriter.Float64, "bytes": parquetwriter.Bytes,
		"type 99": 99,
	} {
		if got.String() != want {
			t.Errorf("%s is not %s", got, want)
		}
	}
}
