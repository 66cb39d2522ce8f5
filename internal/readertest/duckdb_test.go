package readertest_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/parquetwriter"
)

var compressions = []string{"zstd", "snappy", "gzip", "none"}

func base(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// notJSON returns the hostile payloads that go to _rescued.
var notJSON = []string{"plain text", "", "\x00\xff", `{"a":"\ud800"}`, "\"\xff\""}

func expectRow(m *parquetwriter.Message, asJSON bool) []string {
	lists, whole := headerText(m.Header)
	headers, _ := json.Marshal(lists)
	row := []string{
		base(m.Stream), strconv.FormatUint(m.Seq, 10), strconv.FormatInt(m.Time.UnixMicro(), 10), base(text(m.Subject)),
		string(headers),
		base(string(m.Payload)), null, null, null, null,
	}
	if hasNanos(m.Time) {
		row[9] = strconv.FormatInt(m.Time.UnixNano(), 10)
	}
	if asJSON && slices.Contains(notJSON, string(m.Payload)) {
		row[5], row[8] = null, row[5]
	}
	if text(m.Subject) != m.Subject {
		row[6] = base(m.Subject)
	}
	if !whole {
		row[7] = base(block(m.Header))
	}
	return row
}

// sameJSON brings the header of a row into the form of Go's JSON.
func sameJSON(t *testing.T, row []string) {
	t.Helper()
	var lists map[string][]string
	if err := json.Unmarshal([]byte(row[4]), &lists); err != nil {
		t.Fatalf("headers %s: %v", row[4], err)
	}
	headers, err := json.Marshal(lists)
	if err != nil {
		t.Fatal(err)
	}
	row[4] = string(headers)
}

func TestDuckDBReadsMessages(t *testing.T) {
	if !haveNode {
		return
	}
	var statements []string
	var asJSON []bool
	for _, compression := range compressions {
		for _, j := range []bool{false, true} {
			w, err := parquetwriter.NewMessageWriter(parquetwriter.Options{Compression: compression, RowGroupRows: 5}, j)
			if err != nil {
				t.Fatal(err)
			}
			path := stored(t, w.New(), "messages.parquet", hostile()...)
			payload, rescued := "to_base64(payload)", "NULL"
			if j {
				payload, rescued = "to_base64(encode(payload::VARCHAR))", "to_base64(_rescued)"
			}
			statements = append(statements,
				fmt.Sprintf(`SELECT to_base64(encode(stream)), sequence, epoch_us(time), to_base64(encode(subject)), `+
					`to_json(headers), %s, to_base64(subject_raw), to_base64(headers_raw), %s, time_ns FROM '%s'`,
					payload, rescued, path))
			asJSON = append(asJSON, j)
		}
	}
	for i, rows := range duckdb(t, statements...) {
		if len(rows) != len(hostile()) {
			t.Fatalf("%d rows", len(rows))
		}
		for j, m := range hostile() {
			sameJSON(t, rows[j])
			if want := expectRow(m, asJSON[i]); !reflect.DeepEqual(rows[j], want) {
				t.Errorf("%s\nmessage %d:\n got %.900q\nwant %.900q", statements[i], j, rows[j], want)
			}
		}
	}
}

// Typical queries give the same as a pass over the messages: the parts of a file that DuckDB skips hold no matching
// rows.
func TestDuckDBCountsAndFinds(t *testing.T) {
	if !haveNode {
		return
	}
	messages := orders(30_000)
	w, err := parquetwriter.NewMessageWriter(parquetwriter.Options{RowGroupRows: 4096, BloomFilters: []string{"sequence"}},
		true)
	if err != nil {
		t.Fatal(err)
	}
	path := stored(t, w, "orders.parquet", messages...)
	var cents, ofSubject, ofRange, ofTime, traced int64
	subjects := map[string]bool{}
	for i, m := range messages {
		var order struct{ Amount json.Number }
		if err := json.Unmarshal(m.Payload, &order); err != nil {
			t.Fatal(err)
		}
		n, err := strconv.ParseInt(strings.Replace(order.Amount.String(), ".", "", 1), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		cents += n
		subjects[m.Subject] = true
		ofSubject += one(m.Subject == "orders.17")
		ofRange += one(m.Seq >= 40_000 && m.Seq < 50_000)
		ofTime += one(!m.Time.Before(time.UnixMicro(1_790_010_000_000_000)))
		traced += one(m.Header != nil && i%10 == 3)
	}
	first, last := messages[0], messages[len(messages)-1]
	got := duckdb(t,
		fmt.Sprintf("SELECT count(*), min(sequence), max(sequence), "+
			"epoch_us(min(time)), epoch_us(max(time)), count(DISTINCT subject), "+
			"sum((payload->>'amount')::DECIMAL(18,2)) FROM '%s'", path),
		fmt.Sprintf("SELECT count(*) FROM '%s' WHERE subject = 'orders.17'", path),
		fmt.Sprintf("SELECT count(*) FROM '%s' WHERE subject = 'orders.40'", path),
		fmt.Sprintf("SELECT count(*) FROM '%s' WHERE sequence >= 40000 AND sequence < 50000", path),
		fmt.Sprintf("SELECT count(*) FROM '%s' WHERE sequence = 40001", path),
		fmt.Sprintf("SELECT count(*) FROM '%s' WHERE time >= make_timestamp(1790010000000000)::TIMESTAMPTZ", path),
		fmt.Sprintf("SELECT count(*) FROM '%s' WHERE headers['Trace'][2] = '3'", path),
		fmt.Sprintf("SELECT value FROM parquet_kv_metadata('%s') WHERE key = 'jetcapture.last_sequence'", path),
		fmt.Sprintf("SELECT count(DISTINCT row_group_id) FROM parquet_metadata('%s')", path),
	)
	want := [][][]string{
		{{
			"30000", fmt.Sprint(first.Seq), fmt.Sprint(last.Seq), fmt.Sprint(first.Time.UnixMicro()),
			fmt.Sprint(last.Time.UnixMicro()),
			fmt.Sprint(len(subjects)), fmt.Sprintf("%d.%02d", cents/100, cents%100),
		}},
		{{fmt.Sprint(ofSubject)}},
		{{"0"}},
		{{fmt.Sprint(ofRange)}},
		{{fmt.Sprint(one((40_001-5)%3 == 0))}},
		{{fmt.Sprint(ofTime)}},
		{{fmt.Sprint(traced)}},
		{{fmt.Sprint(last.Seq)}},
		{{"8"}},
	}
	for i := range want {
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Errorf("%d: DuckDB says %v, a pass over the messages %v", i, got[i], want[i])
		}
	}
}

func one(is bool) int64 {
	if is {
		return 1
	}
	return 0
}

func must[V any](t *testing.T) func(v V, err error) V {
	return func(v V, err error) V {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestDuckDBReadsTables(t *testing.T) {
	if !haveNode {
		return
	}
	columns := []parquetwriter.Column{
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
		{Name: `Odd "name", with.dots`, Type: parquetwriter.String, NoStatistics: true},
	}
	value := must[parquetwriter.Value](t)
	row := func(s string, flag bool, count int64, ratio float64, small, price, wide string, at time.Time,
		doc string,
	) []parquetwriter.Value {
		return []parquetwriter.Value{
			parquetwriter.StringValue(s), parquetwriter.BoolValue(flag), parquetwriter.Int64Value(count),
			parquetwriter.Float64Value(ratio),
			value(columns[4].DecimalValue(small)), value(columns[5].DecimalValue(price)), value(columns[6].DecimalValue(wide)),
			value(parquetwriter.TimestampValue(at)), value(parquetwriter.DateValue(at)),
			parquetwriter.JSONValue([]byte(doc)), parquetwriter.BytesValue([]byte(s)), parquetwriter.StringValue(s),
		}
	}
	nines := strings.Repeat("9", 28) + "." + strings.Repeat("9", 10)
	rows := [][]parquetwriter.Value{
		row("grüße", true, 42, 0.5, "12.5", "-0.0001", "1.5", time.Date(2026, 11, 23, 15, 4, 5, 678_901_999, time.UTC),
			`{"a":[1]}`),
		make([]parquetwriter.Value, len(columns)),
		row("", false, math.MinInt64, math.Inf(1), "-9999999.99", "-99999999999999.9999", "-"+nines,
			time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), "null"),
		row("\x00", true, math.MaxInt64, -math.MaxFloat64, "9999999.99", "99999999999999.9999", nines,
			time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC), `"\u0000"`),
		row("x", false, 0, math.NaN(), "0", "-0", "-0.0", time.Date(1969, 12, 31, 23, 59, 59, 999_999_000, time.UTC), "[]"),
	}
	want := [][]string{
		{
			"grüße", "true", "42", "0.5", "12.50", "-0.0001", "1.5000000000",
			"2026-11-23 15:04:05.678901+00", "2026-11-23", `{"a":[1]}`, `gr\xC3\xBC\xC3\x9Fe`, "grüße",
		},
		slices.Repeat([]string{null}, len(columns)),
		{
			"", "false", "-9223372036854775808", "inf", "-9999999.99", "-99999999999999.9999", "-" + nines,
			"0001-01-01 00:00:00+00", "0001-01-01", "null", "", "",
		},
		{
			"\x00", "true", "9223372036854775807", "-1.7976931348623157e+308", "9999999.99", "99999999999999.9999", nines,
			"9999-12-31 23:59:59.999999+00", "9999-12-31", `"\u0000"`, `\x00`, "\x00",
		},
		{
			"x", "false", "0", "nan", "0.00", "0.0000", "0.0000000000", "1969-12-31 23:59:59.999999+00", "1969-12-31", "[]", "x",
			"x",
		},
	}
	types := [][]string{
		{"VARCHAR"},
		{"BOOLEAN"},
		{"BIGINT"},
		{"DOUBLE"},
		{"DECIMAL(9,2)"},
		{"DECIMAL(18,4)"},
		{"DECIMAL(38,10)"},
		{"TIMESTAMP WITH TIME ZONE"},
		{"DATE"},
		{"JSON"},
		{"BLOB"},
		{"VARCHAR"},
	}
	for _, compression := range compressions {
		w := must[*parquetwriter.TableWriter](t)(parquetwriter.NewTableWriter(parquetwriter.Options{
			Compression: compression, RowGroupRows: 3,
		}, columns))
		path := stored(t, w, "table.parquet", rows...)
		got := duckdb(t,
			fmt.Sprintf("SELECT COLUMNS(*)::VARCHAR FROM '%s'", path),
			fmt.Sprintf("SELECT column_type FROM (DESCRIBE SELECT * FROM '%s')", path),
			fmt.Sprintf("SELECT count(*) FROM '%s' WHERE wide < -1", path),
			fmt.Sprintf("SELECT count(*) FROM '%s' WHERE isnan(ratio)", path),
			fmt.Sprintf("SELECT count(*) FROM '%s' WHERE day < '1970-01-01'", path),
			fmt.Sprintf("SELECT count(*) FROM '%s' WHERE (doc->'a') IS NOT NULL", path),
		)
		for i, expect := range [][][]string{want, types, {{"1"}}, {{"1"}}, {{"2"}}, {{"1"}}} {
			if !reflect.DeepEqual(got[i], expect) {
				t.Errorf("%s, query %d:\n got %q\nwant %q", compression, i, got[i], expect)
			}
		}
	}
}

type trade struct {
	ID     int64             `parquet:"id"`
	Symbol string            `parquet:"symbol,dict"`
	At     time.Time         `parquet:"at,timestamp(microsecond)"`
	Price  *float64          `parquet:"price,optional"`
	Tags   []string          `parquet:"tags,list"`
	Labels map[string]string `parquet:"labels"`
}

func TestDuckDBReadsStructsWideTablesAndEmptyFiles(t *testing.T) {
	if !haveNode {
		return
	}
	price := 0.25
	trades := must[*parquetwriter.Writer[trade]](t)(parquetwriter.NewParquetWriter[trade](parquetwriter.Options{}))
	structs := stored(t, trades, "structs.parquet",
		trade{
			ID: 1, Symbol: "AAPL", At: time.UnixMicro(1), Price: &price, Tags: []string{"x", "y"},
			Labels: map[string]string{"b": "1", "a": "2"},
		},
		trade{ID: 2, At: time.UnixMicro(-1)})
	columns := make([]parquetwriter.Column, 300)
	row := make([]parquetwriter.Value, len(columns))
	for i := range columns {
		columns[i] = parquetwriter.Column{Name: fmt.Sprintf("c%d", i), Type: parquetwriter.Int64}
		row[i] = parquetwriter.Int64Value(int64(i))
	}
	wide := stored(t, must[*parquetwriter.TableWriter](t)(parquetwriter.NewTableWriter(parquetwriter.Options{}, columns)),
		"wide.parquet", row, row)
	empty := stored(t, must[*parquetwriter.MessageWriter](t)(parquetwriter.NewMessageWriter(parquetwriter.Options{},
		true)), "empty.parquet")
	got := duckdb(t,
		fmt.Sprintf("SELECT COLUMNS(*)::VARCHAR FROM '%s'", structs),
		fmt.Sprintf("SELECT count(*), sum(c299), max(c0) FROM '%s'", wide),
		fmt.Sprintf("SELECT count(*) FROM (DESCRIBE SELECT * FROM '%s')", wide),
		fmt.Sprintf("SELECT count(*) FROM '%s'", empty),
		fmt.Sprintf("SELECT string_agg(column_name || ' ' || column_type, ', ') FROM (DESCRIBE SELECT * FROM '%s')", empty),
	)
	for i, want := range [][][]string{
		{
			{"1", "AAPL", "1970-01-01 00:00:00.000001+00", "0.25", "[x, y]", "{a=2, b=1}"},
			{"2", "", "1969-12-31 23:59:59.999999+00", null, "[]", "{}"},
		},
		{{"2", "598", "0"}},
		{{"300"}},
		{{"0"}},
		{{"stream VARCHAR, sequence BIGINT, time TIMESTAMP WITH TIME ZONE, subject " +
			"VARCHAR, headers MAP(VARCHAR, VARCHAR[]), payload JSON, " +
			"subject_raw BLOB, headers_raw BLOB, _rescued BLOB, time_ns BIGINT"}},
	} {
		if !reflect.DeepEqual(got[i], want) {
			t.Errorf("query %d:\n got %q\nwant %q", i, got[i], want)
		}
	}
}

// TestDuckDBReadsOldAndNewMessages: files of before the column time_ns and files with it, as one table.
func TestDuckDBReadsOldAndNewMessages(t *testing.T) {
	if !haveNode {
		return
	}
	const dir = "../../parquetwriter/testdata/"
	const files = "['" + dir + "messages-zstd.parquet', '" + dir + "messages-ns-zstd.parquet']"
	got := duckdb(t,
		"SELECT count(*), count(time) FROM read_parquet("+files+")",
		"SELECT count(*), count(time_ns) FROM read_parquet("+files+", union_by_name = true)",
		"SELECT make_timestamp_ns(time_ns)::VARCHAR FROM '"+dir+"messages-ns-zstd.parquet' LIMIT 1",
	)
	want := [][][]string{{{"30", "30"}}, {{"30", "13"}}, {{"2026-11-23 15:04:05.678901234"}}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Earlier versions wrote the golden files.
func TestDuckDBReadsGoldenFiles(t *testing.T) {
	if !haveNode {
		return
	}
	golden, err := filepath.Glob("../../parquetwriter/testdata/*.parquet")
	if err != nil || len(golden) < 16 {
		t.Fatalf("golden files %v, %v", golden, err)
	}
	var statements []string
	for _, path := range golden {
		if _, err := os.Stat(path); err != nil {
			t.Fatal(err)
		}
		statements = append(statements, fmt.Sprintf("SELECT count(*), count(COLUMNS(*)) FROM '%s'", path))
	}
	for i, rows := range duckdb(t, statements...) {
		want := map[string]string{
			"messages": "15", "table": "5", "structs": "10",
		}[strings.Split(filepath.Base(golden[i]), "-")[0]]
		if len(rows) != 1 || rows[0][0] != want {
			t.Errorf("%s: %v, want %s rows", golden[i], rows, want)
		}
	}
}
