package source_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/internal/source"
	"github.com/nats-io/nats.go"
)

func mustParse(t testing.TB, expr string) source.Source {
	t.Helper()
	s, err := source.Parse(expr)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func message(data string) *source.Message {
	return &source.Message{
		Subject: "orders.eu.42",
		Header:  map[string][]string{"Region": {"north", "south"}, "Empty": {""}, "No-Values": {}},
		Data:    []byte(data),
		Seq:     4711,
		Time:    time.Date(2026, 11, 23, 16, 4, 5, 120_000_000, time.FixedZone("", 3600)),
	}
}

func TestEval(t *testing.T) {
	const doc = ` {"s":"a\"b\u00e9","plain":"x","n":-1.50e3,"big":12345678901234567890,"t":true,"f":false,"null":null,` +
		`"o":{"a":{"b":7}},"l":[{"k":1},{"k":2},{}],"a.b":"dot","@type":"T","#text":"hash",` +
		`"keys":1,"@keys":"at","dup":1,"dup":2,"":"empty"} `
	tests := []struct {
		expr string
		kind source.Kind
		text string
	}{
		{"subject", source.String, "orders.eu.42"},
		{"subject[1]", source.String, "orders"},
		{"subject[3]", source.String, "42"},
		{"subject[4]", source.Missing, ""},
		{"header:Region", source.String, "north"},
		{"header:region", source.Missing, ""},
		{"header:Empty", source.String, ""},
		{"header:No-Values", source.Missing, ""},
		{"payload", source.String, doc},
		{"seq", source.Seq, "4711"},
		{"time", source.Time, "2026-11-23T15:04:05.12Z"},
		{"json:s", source.String, `a"bé`},
		{"json:plain", source.String, "x"},
		{"json:n", source.Number, "-1.50e3"},
		{"json:big", source.Number, "12345678901234567890"},
		{"json:t", source.Bool, "true"},
		{"json:f", source.Bool, "false"},
		{"json:null", source.Null, ""},
		{"json:null.x", source.Missing, ""},
		{"json:none", source.Missing, ""},
		{"json:o", source.JSON, `{"a":{"b":7}}`},
		{"json:o.a.b", source.Number, "7"},
		{"json:l.1.k", source.Number, "2"},
		{"json:l.3", source.Missing, ""},
		{"json:l.#", source.Number, "3"},
		{"json:l.#.k", source.JSON, "[1,2]"},
		{`json:a\.b`, source.String, "dot"},
		{"json:@type", source.String, "T"},
		{`json:\@keys`, source.String, "at"},
		{"json:#text", source.String, "hash"},
		{"json:dup", source.Number, "1"},
		{"json:@this", source.JSON, strings.TrimSpace(doc)},
	}
	m := message(doc)
	for _, tt := range tests {
		v := mustParse(t, tt.expr).Eval(m)
		if v.Kind != tt.kind || v.String() != tt.text || string(v.AppendText(nil)) != tt.text {
			t.Errorf("%s = %v %q, want %v %q", tt.expr, v.Kind, v, tt.kind, tt.text)
		}
	}
}

func TestEvalOtherPayloads(t *testing.T) {
	tests := []struct {
		data, expr string
		kind       source.Kind
		text       string
	}{
		{"", "json:a", source.NotJSON, ""},
		{"", "json:@this", source.NotJSON, ""},
		{"hello", "json:a", source.NotJSON, ""},
		{`{"a":1`, "json:a", source.NotJSON, ""},
		{`{"a":1}}`, "json:a", source.NotJSON, ""},
		{`{"a":01}`, "json:a", source.NotJSON, ""},
		{`{"a":NaN}`, "json:a", source.NotJSON, ""},
		{"{\"a\":\"\x00\"}", "json:a", source.NotJSON, ""},
		{"\ufeff{\"a\":1}", "json:a", source.NotJSON, ""},
		{`{"a":1}` + "\n" + `{"a":2}`, "json:a", source.NotJSON, ""},
		{`"{\"a\":1}"`, "json:a", source.Missing, ""},
		{`"x {"`, "json:a", source.Missing, ""},
		{"17", "json:a", source.Missing, ""},
		{" 17 ", "json:@this", source.Number, "17"},
		{` "a\n" `, "json:@this", source.String, "a\n"},
		{"null\n", "json:@this", source.Null, ""},
		{"[5,6]", "json:1", source.Number, "6"},
		{"[5,6]", "json:#", source.Number, "2"},
		{"[]", "json:#.a", source.JSON, "[]"},
		{`{"a":"\u0000"}`, "json:a", source.String, "\x00"},
		{"{\"a\":\"\xff\"}", "json:a", source.String, "\xff"},
		{`{"a":"\ud800"}`, "json:a", source.String, "\ufffd"},
		{`{"\u0061":1}`, "json:a", source.Number, "1"},
	}
	for _, tt := range tests {
		v := mustParse(t, tt.expr).Eval(message(tt.data))
		if v.Kind != tt.kind || v.String() != tt.text {
			t.Errorf("%s of %q = %v %q, want %v %q", tt.expr, tt.data, v.Kind, v, tt.kind, tt.text)
		}
	}
}

func TestKey(t *testing.T) {
	for expr, want := range map[string]string{
		"subject[2]":    "eu",
		"subject[9]":    source.None,
		"header:Empty":  "",
		"header:Nobody": source.None,
		"json:null":     source.None,
		"json:nothing":  source.None,
		"json:s":        "x",
		"json:n":        "1.0",
		"json:b":        "true",
		"seq":           "4711",
	} {
		got, err := mustParse(t, expr).Eval(message(`{"null":null,"s":"x","n":1.0,"b":true}`)).Key()
		if err != nil || got != want {
			t.Errorf("key %s = %q, %v; want %q", expr, got, err, want)
		}
	}
	if got, err := mustParse(t, "json:a").Eval(message("no JSON")).Key(); err != nil || got != source.None {
		t.Errorf("key of a payload that is no JSON = %q, %v; want %q", got, err, source.None)
	}
	for _, data := range []string{`{"a":[]}`, `{"a":{}}`} {
		if _, err := mustParse(t, "json:a").Eval(message(data)).Key(); !errors.Is(err, source.ErrCompositeKey) {
			t.Errorf("key json:a of %s: got %v, want ErrCompositeKey", data, err)
		}
	}
	if _, err := mustParse(t, "json:a").Eval(message(`{"a":"\ud800"}`)).Key(); !errors.Is(err, source.ErrHalfPairKey) {
		t.Errorf("key of half a surrogate pair: got %v, want ErrHalfPairKey", err)
	}
	if got, err := mustParse(t, "json:a").Eval(message(`{"a":"\ud83d\ude00\ufffd"}`)).Key(); got != "😀\ufffd" ||
		err != nil {
		t.Errorf("key of a surrogate pair: got %q, %v", got, err)
	}
}

func TestHeaderIsReadAsNatsDoes(t *testing.T) {
	h, err := nats.DecodeHeadersMsg([]byte("NATS/1.0\r\nx-Key: one\r\nX-Key: two\r\nx-Key: three\r\nraw:\xff\xfe\r\n\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"x-Key", "X-Key", "x-key", "raw"} {
		v := mustParse(t, "header:"+name).Eval(&source.Message{Header: h})
		if got, want := v.Text, h.Get(name); got != want {
			t.Errorf("header:%s = %q, want %q", name, got, want)
		}
	}
}

func TestZeroSource(t *testing.T) {
	var s source.Source
	if v := s.Eval(message("{}")); v.Kind != source.Missing || s.String() != "" {
		t.Errorf("the zero source gives %v, text %q", v.Kind, s)
	}
}

func TestDepth(t *testing.T) {
	nested := func(n int) string { return strings.Repeat(`{"a":[`, n/2) + "7" + strings.Repeat("]}", n/2) }
	tests := []struct {
		name, data string
		want       source.Kind
	}{
		{"1,000 levels", nested(1_000), source.JSON},
		{"10,000 levels", nested(10_000), source.JSON},
		{"10,002 levels", nested(10_002), source.NotJSON},
		{"32 MiB of brackets", strings.Repeat("[", 32<<20), source.NotJSON},
		{"brackets in strings", `{"a":["` + strings.Repeat(`[\"`, 20_000) + `"]}`, source.JSON},
		{"wide", `{"a":[` + strings.Repeat("[],", 20_000) + "[]]}", source.JSON},
	}
	s := mustParse(t, "json:a")
	for _, tt := range tests {
		if got := s.Eval(message(tt.data)).Kind; got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
	path := "json:" + strings.TrimSuffix(strings.Repeat("a.0.", 500), ".")
	if v := mustParse(t, path).Eval(message(nested(1_000))); v.Kind != source.Number || v.Text != "7" {
		t.Errorf("the innermost of 1,000 levels is %v %q", v.Kind, v)
	}
}

// TestEvalAllocatesNothing covers what a capture does for each message.
func TestEvalAllocatesNothing(t *testing.T) {
	exprs := []string{
		"subject", "subject[2]", "header:Region", "json:store", "json:customer.city", "json:items.1.qty", "seq", "time",
	}
	sources := make([]source.Source, len(exprs))
	for i, expr := range exprs {
		sources[i] = mustParse(t, expr)
	}
	m := message(order)
	data, buf := m.Data, make([]byte, 0, 64)
	allocs := testing.AllocsPerRun(100, func() {
		*m = source.Message{Subject: m.Subject, Header: m.Header, Data: data, Seq: m.Seq, Time: m.Time}
		for _, s := range sources {
			v := s.Eval(m)
			if v.Absent() {
				t.Errorf("%v is %v", s, v.Kind)
			}
			buf = v.AppendText(buf[:0])
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations a message, want 0", allocs)
	}
}

func TestKindString(t *testing.T) {
	seen := map[string]bool{}
	for k := source.Missing; k <= source.Time; k++ {
		seen[k.String()] = true
	}
	if len(seen) != int(source.Time)+1 || source.Kind(99).String() != "kind 99" {
		t.Errorf("kinds are named %v and %v", seen, source.Kind(99))
	}
}

// FuzzParse checks that what parses is printed as it was, and that errors have a position within the expression.
func FuzzParse(f *testing.F) {
	for _, expr := range []string{
		"subject[2]", "x=header:Y", "json:a.0.#.b", `json:a\.b`, "json:@this", "sbject", "a=b=c", "json:\xff\x00",
	} {
		f.Add(expr)
	}
	f.Fuzz(func(t *testing.T, expr string) {
		n, err := source.ParseNamed(expr)
		var syntax *source.SyntaxError
		switch {
		case err == nil && n.String() != expr:
			t.Errorf("ParseNamed(%q) prints as %q", expr, n)
		case err != nil && (!errors.As(err, &syntax) || syntax.Pos < 1 || syntax.Pos > len(expr)+1):
			t.Errorf("ParseNamed(%q): position out of range: %v", expr, err)
		case err != nil && strings.ContainsAny(err.Error(), "\n\x00"):
			t.Errorf("ParseNamed(%q): control characters in %q", expr, err)
		}
	})
}

// FuzzEval compares paths of plain member names and indexes with encoding/json on payloads that both take for JSON.
func FuzzEval(f *testing.F) {
	f.Add("json:a.b", []byte(`{"a":{"b":1}}`))
	f.Add("json:0.1", []byte(`[[1,"x\u0000"]]`))
	f.Add("json:#.a", []byte(`[{"a":1},{"a":[2]}]`))
	f.Add("json:@this", []byte(" \"\xff\" "))
	f.Add("subject[3]", []byte("orders..\x00"))
	f.Add(`json:\@this.a\\`, []byte(`{"@this":{"a\\":null}}`))
	f.Fuzz(func(t *testing.T, expr string, data []byte) {
		s, err := source.Parse(expr)
		if err != nil {
			return
		}
		before := bytes.Clone(data)
		m := &source.Message{Subject: string(data), Data: data}
		v := s.Eval(m)
		if again := s.Eval(m); again.Kind != v.Kind || again.String() != v.String() {
			t.Errorf("%q is %v %q, then %v %q", expr, v.Kind, v, again.Kind, again)
		}
		if !bytes.Equal(before, data) {
			t.Errorf("%q changed the payload", expr)
		}
		if strings.HasPrefix(expr, "json:") && (v.Kind == source.NotJSON) == json.Valid(data) {
			t.Errorf("%q of %q is %v, encoding/json says valid=%v", expr, data, v.Kind, json.Valid(data))
		}
		if path := strings.TrimPrefix(expr, "json:"); path != expr && plain(path) && v.Kind != source.NotJSON {
			if want := walk(data, strings.Split(path, ".")); !equal(v, want) {
				t.Errorf("%q of %q is %v %q, want %s", expr, data, v.Kind, v, want)
			}
		}
	})
}
