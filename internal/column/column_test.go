package column_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/internal/column"
	"github.com/jetcapture/jetcapture/internal/source"
)

func parse(t testing.TB, expr string) column.Column {
	t.Helper()
	c, err := column.Parse(expr)
	if err != nil {
		t.Fatal(err)
	}
	if c.String() != expr {
		t.Errorf("%s prints as %s", expr, c)
	}
	return c
}

// text prints a cell as a test writes it.
func text(c column.Cell) string {
	switch c.Kind {
	case column.Null:
		return "null"
	case column.Bool:
		return fmt.Sprint(c.Bool)
	case column.Int64:
		return fmt.Sprint(c.Int)
	case column.Float64:
		return fmt.Sprint(c.Float)
	case column.Timestamp:
		return c.Time.Format(time.RFC3339Nano)
	case column.Date:
		return c.Time.Format(time.DateOnly)
	}
	return c.Text
}

func TestEval(t *testing.T) {
	for _, tt := range []struct{ typ, value, want, reason string }{
		{"string", `"a\nb"`, "a\nb", ""},
		{"string", `1.50`, "1.50", ""},
		{"string", `true`, "true", ""},
		{"string", `{"a":1}`, "null", "an object or array is no scalar"},
		{"string", "\"\xff\"", "null", "it is not valid UTF-8"},
		{"string", `"\ud800"`, "null", "it has half of a surrogate pair, which no text can hold"},
		{"string", `"\ufffd` + "\ufffd" + `"`, "\ufffd\ufffd", ""},
		{"string", `"\ud83d\ude00"`, "😀", ""},
		{"json", `{"a":"\ud800"}`, "null", "it has half of a surrogate pair, which no text can hold"},
		{"json", `{"a":"\ud83d\ude00"}`, `{"a":"\ud83d\ude00"}`, ""},
		{"bytes", `"\udc00"`, "null", "it has half of a surrogate pair, which no text can hold"},
		{"string", `"\u0000"`, "\x00", ""},
		{"string", `null`, "null", ""},
		{"bool", `true`, "true", ""},
		{"bool", `"false"`, "false", ""},
		{"bool", `1`, "null", "it is neither true nor false"},
		{"int64", `3`, "3", ""},
		{"int64", `3.0`, "3", ""},
		{"int64", `30e-1`, "3", ""},
		{"int64", `-0.0`, "0", ""},
		{"int64", `3.5`, "null", "it has a fraction"},
		{"int64", `"42"`, "42", ""},
		{"int64", `"+42"`, "null", "it is no number"},
		{"int64", `"x"`, "null", "it is no number"},
		{"int64", `true`, "null", "it is no number"},
		{"int64", `9223372036854775807`, "9223372036854775807", ""},
		{"int64", `-9223372036854775808`, "-9223372036854775808", ""},
		{"int64", `9223372036854775808`, "null", "it is out of range"},
		{"int64", `1e18`, "1000000000000000000", ""},
		{"int64", `1e999999999999`, "null", "it is out of range"},
		{"int64", `1e-999999999999`, "null", "it has a fraction"},
		{"float64", `0.1`, "0.1", ""},
		{"float64", `1e400`, "null", "it is out of range"},
		{"float64", `1e-400`, "null", "it is out of range"},
		{"float64", `0e-400`, "0", ""},
		{"float64", `"NaN"`, "null", "it is no number"},
		{"decimal", `12.50`, "12.5", ""},
		{"decimal", `-1.25e3`, "-1250", ""},
		{"decimal", `1e-9`, "0.000000001", ""},
		{"decimal", `1e-10`, "null", "it has more digits than the column"},
		{"decimal(5,2)", `123.45`, "123.45", ""},
		{"decimal(5,2)", `1234.5`, "null", "it has more digits than the column"},
		{"decimal(5,2)", `0.005`, "null", "it has more digits than the column"},
		{"decimal(5,2)", `0`, "0", ""},
		{"decimal(2)", `99`, "99", ""},
		{"timestamp", `"2026-11-23T15:04:05.123456789+01:00"`, "2026-11-23T14:04:05.123456789Z", ""},
		{"timestamp", `"2026-11-23 15:04:05Z"`, "2026-11-23T15:04:05Z", ""},
		{"timestamp", `"2026-11-23T15:04:05"`, "null", "it is no time as in RFC 3339"},
		{"timestamp", `1700000000`, "null", "it is no time as in RFC 3339"},
		{"timestamp(s)", `1700000000.25`, "2023-11-14T22:13:20.25Z", ""},
		{"timestamp(ms)", `"1700000000001"`, "2023-11-14T22:13:20.001Z", ""},
		{"timestamp(us)", `1700000000000001`, "2023-11-14T22:13:20.000001Z", ""},
		{"timestamp(ns)", `1.5`, "null", "it has a fraction"},
		{"timestamp(s)", `1e12`, "null", "it is out of range"},
		{"date", `"2026-11-23"`, "2026-11-23", ""},
		{"date", `"2026-02-30"`, "null", "it is no date as in 2026-11-23"},
		{"json", `{"a": [1]}`, `{"a": [1]}`, ""},
		{"json", `"\u0041"`, `"\u0041"`, ""},
		{"json", `1e400`, `1e400`, ""},
		{"bytes", `"a"`, "a", ""},
		{"bytes", `1`, "null", "it is no text"},
	} {
		c := parse(t, "c:"+tt.typ+"=json:v")
		cell, reason := c.Eval(&source.Message{Data: []byte(`{"v":` + tt.value + `}`)})
		if text(cell) != tt.want || reason != tt.reason {
			t.Errorf("%s of %s is %q, %q, want %q, %q", tt.typ, tt.value, text(cell), reason, tt.want, tt.reason)
		}
	}
}

func TestEvalOtherSources(t *testing.T) {
	m := source.Message{
		Subject: "orders.\xff", Header: map[string][]string{"N": {"7", "8"}, "Bad": {"\xff"}, "None": {}},
		Data: []byte(" [1] "),
		Seq:  math.MaxUint64, Time: time.Date(2026, 11, 23, 23, 0, 0, 5, time.UTC),
	}
	for expr, want := range map[string]string{
		"c=header:N": "7", "c:int64=header:N": "7", "c:json=header:N": `["7","8"]`, "c:json=header:None": "[]",
		"c:json=header:X":   "null",
		"c:json=header:Bad": "null: it is not valid UTF-8", "c=header:Bad": "null: it is not valid UTF-8",
		"c:bytes=header:Bad": "\xff",
		"c=subject":          "null: it is not valid UTF-8", "c:json=subject[1]": `"orders"`,
		"c=payload": " [1] ", "c:json=payload": " [1] ", "c:bytes=payload": " [1] ", "c:json=json:@this": "[1]",
		"c=seq": "18446744073709551615", "c:int64=seq": "null: it is out of range", "c:decimal=seq": "18446744073709551615",
		"c:json=seq": "18446744073709551615",
		"c=time":     "2026-11-23T23:00:00.000000005Z", "c:timestamp=time": "2026-11-23T23:00:00.000000005Z",
		"c:date=time": "2026-11-23",
	} {
		cell, reason := parse(t, expr).Eval(&m)
		if got := text(cell); got != strings.Split(want, ": ")[0] || (reason != "") != strings.Contains(want, ": ") {
			t.Errorf("%s is %q, %q, want %q", expr, got, reason, want)
		}
	}
	if cell, reason := parse(t, "c=json:a").Eval(&source.Message{Data: []byte("x")}); cell.Kind != column.Null ||
		reason != column.NotJSON {
		t.Errorf("of a payload that is not JSON: %v, %q", cell, reason)
	}
}

func TestParseErrors(t *testing.T) {
	for expr, want := range map[string]string{
		"seq":                          "has no name",
		"json:a=b":                     "has no name",
		"header:a=b":                   "has no name",
		"=seq":                         "nothing before the =",
		"_rescued=seq":                 `'_' is not allowed`,
		"a:int=seq":                    `"int" is not a type: take string, bool,`,
		"a:=seq":                       `"" is not a type`,
		"a:null=seq":                   `"null" is not a type`,
		"a:decimal(39,2)=json:a":       "38 at most",
		"a:decimal(2,3)=json:a":        "38 at most",
		"a:decimal(x)=json:a":          "38 at most",
		"a:decimal(1,2=json:a":         "closing )",
		"a:timestamp(m)=json:a":        "s, ms, us or ns",
		"a:int64(3)=json:a":            "nothing in parentheses",
		"a=sub":                        "unknown source",
		"a:bool=seq":                   "seq is never a bool",
		"a:int64=time":                 "time is never a int64",
		strings.Repeat("a", 65) + "=a": "longer than 64",
	} {
		if _, err := column.Parse(expr); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", expr, err, want)
		}
	}
}

func TestRescued(t *testing.T) {
	var r column.Rescued
	if r.Text() != nil {
		t.Errorf("of nothing: %s", r.Text())
	}
	m := source.Message{
		Data: []byte(`{"n":3.5,"s":"\ud800","o":{"a":"\ud800"}}`), Header: map[string][]string{"H": {"\xff"}},
	}
	for _, expr := range []string{"n:int64=json:n", "s=json:s", "o=json:o", "h=header:H"} {
		c := parse(t, expr)
		_, reason := c.Eval(&m)
		r.Add(c, &m, reason)
	}
	want := `{"n":{"reason":"it has a fraction","value":3.5},` +
		`"s":{"reason":"it has half of a surrogate pair, which no text can hold","base64":"Ilx1ZDgwMCI="},` +
		`"o":{"reason":"an object or array is no scalar","base64":"eyJhIjoiXHVkODAwIn0="},` +
		`"h":{"reason":"it is not valid UTF-8","base64":"/w=="}}`
	if got := string(r.Text()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	r.Reset()
	bad := source.Message{Data: []byte("no\x00")}
	for range 2 {
		r.Add(parse(t, "a=json:a"), &bad, column.NotJSON)
	}
	if got := string(r.Text()); got != `{"_payload":{"reason":"the payload is not JSON","value":"no\u0000"}}` {
		t.Errorf("got %s", got)
	}
}

// FuzzNumbers compares the numbers with those of math/big.
func FuzzNumbers(f *testing.F) {
	for _, s := range []string{
		"0", "-0.0e5", "3.0", "3.5", "9223372036854775808", "1e3", "1E-3", "-12.50", "123456789.987654321", "00", "1.", "e1",
		"+1",
	} {
		f.Add(s)
	}
	integer, decimal := parse(f, "c:int64=header:n"), parse(f, "c:decimal(20,5)=header:n")
	f.Fuzz(func(t *testing.T, s string) {
		if i := strings.IndexAny(s, "eE"); i >= 0 && len(s)-i > 5 {
			return // math/big would take long
		}
		m := source.Message{Header: map[string][]string{"n": {s}}}
		i, reason := integer.Eval(&m)
		isNumber := json.Valid([]byte(s)) && strings.Trim(s, "0123456789+-.eE") == ""
		if (reason == "it is no number") == isNumber {
			t.Fatalf("%q: %q, is a number: %v", s, reason, isNumber)
		}
		if !isNumber {
			return
		}
		want, _ := new(big.Rat).SetString(s)
		if fits := want.IsInt() && want.Num().IsInt64(); fits != (reason == "") || fits && want.Num().Int64() != i.Int {
			t.Errorf("%q is %d, %q, want %s", s, i.Int, reason, want)
		}
		d, reason := decimal.Eval(&m)
		scaled := new(big.Rat).Mul(want, big.NewRat(100_000, 1))
		limit := new(big.Int).Exp(big.NewInt(10), big.NewInt(20), nil)
		fits := scaled.IsInt() && scaled.Num().CmpAbs(limit) < 0
		got, _ := new(big.Rat).SetString(d.Text)
		if fits != (reason == "") || fits && got.Cmp(want) != 0 {
			t.Errorf("%q is %s, %q, want %s", s, d.Text, reason, want)
		}
	})
}
