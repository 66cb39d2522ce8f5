package source_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/jetcapture/jetcapture/internal/source"
)

func TestParseKeepsTheText(t *testing.T) {
	for _, expr := range []string{
		"subject", "subject[1]", "subject[12]", "header:Nats-Msg-Id", "header:x", "header:a b", "header:a=b", "seq", "time",
		"payload",
		"json:@this", "json:a", "json:a.b.0", "json:@timestamp", "json:a.@type", `json:\@keys`, `json:a\.b`, `json:a\*b`,
		"json:#",
		"json:items.#", "json:items.#.sku", "json:#text", "json:a.#text", "json:a=b", "json:a b", "json:é", "json:a!",
		"json:a[0]", "json:@",
	} {
		s, err := source.Parse(expr)
		if err != nil {
			t.Errorf("Parse(%q): %v", expr, err)
		}
		if got := s.String(); got != expr {
			t.Errorf("Parse(%q).String() = %q", expr, got)
		}
	}
}

func TestParseErrors(t *testing.T) {
	tests := []struct {
		expr string
		pos  int
		want string // a part of the message
	}{
		{"", 1, "no source"},
		{"subjekt", 1, "did you mean subject?"},
		{"Subject", 1, "did you mean subject?"},
		{" subject", 1, "did you mean subject?"},
		{"subject.2", 1, "did you mean subject[2]?"},
		{"subject(2)", 1, "did you mean subject[2]?"},
		{"token:3", 1, "did you mean subject[3]?"},
		{"headers:Foo", 1, "did you mean header:Foo?"},
		{"header", 1, "did you mean header:NAME?"},
		{"jsn:a.b", 1, "did you mean json:a.b?"},
		{"json", 1, "did you mean json:PATH?"},
		{"$.a.b", 1, "did you mean json:a.b?"},
		{"$\x00", 1, "did you mean json:PATH?"},
		{"data.a", 1, "did you mean json:a?"},
		{"sequence", 1, "did you mean seq?"},
		{"timestamp", 1, "did you mean time?"},
		{"tiem", 1, "allowed are subject, subject[N], header:NAME, json:PATH, payload, seq or time"},
		{"xyzzy-" + strings.Repeat("x", 100), 1, "allowed are"},
		{"subject[0]", 9, "tokens count from 1"},
		{"subject[]", 9, "is not a token number"},
		{"subject[-1]", 9, "is not a token number"},
		{"subject[x]", 9, "is not a token number"},
		{"subject[99999999999999999999]", 9, "no subject has more"},
		{"subject[1", 10, "closing ]"},
		{"subject[1]x", 11, "follows the ]"},
		{"header:", 8, "name is missing"},
		{"header:a:b", 9, "cannot hold ':'"},
		{"header:a\nb", 9, "cannot hold '\\n'"},
		{"header: a", 8, "space around"},
		{"json:", 6, "empty path component"},
		{"json:.", 6, "empty path component"},
		{"json:..0", 6, "empty path component"},
		{"json:a.", 8, "empty path component"},
		{"json:a..b", 8, "empty path component"},
		{"json:a*b", 7, `wildcards are not allowed; write \*`},
		{"json:a.b?", 9, "wildcards are not allowed"},
		{"json:a|b", 7, "pipes are not allowed"},
		{"json:[a,b]", 6, "multipaths are not allowed"},
		{"json:a.{b}", 8, "multipaths are not allowed"},
		{"json:!true", 6, "literals are not allowed"},
		{"json:a.#(b==1)", 8, "queries are not allowed"},
		{"json:a.#[b==1]", 8, "queries are not allowed"},
		{"json:@dig:a", 6, "the modifier @dig is not allowed"},
		{"json:a.@reverse.0", 8, "the modifier @reverse is not allowed"},
		{"json:@this.a", 6, "the modifier @this is not allowed"},
		{"json:a.0000000000000000000", 8, `array index is too large; write \0`},
		{`json:a\`, 7, "nothing follows"},
	}
	for _, tt := range tests {
		_, err := source.Parse(tt.expr)
		var syntax *source.SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("Parse(%q): got %v, want a SyntaxError", tt.expr, err)
			continue
		}
		if syntax.Pos != tt.pos || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("Parse(%q): position %d, %q; want position %d, one line with %q", tt.expr, syntax.Pos, err, tt.pos, tt.want)
		}
	}
}

func TestParseNamed(t *testing.T) {
	for expr, want := range map[string][2]string{
		"subject":          {"", "subject"},
		"region=subject":   {"region", "subject"},
		"a.b-c_1=json:x=y": {"a.b-c_1", "json:x=y"},
		"json:x=y":         {"", "json:x=y"},
		"header:x=y":       {"", "header:x=y"},
		"json=json:x":      {"json", "json:x"},
	} {
		n, err := source.ParseNamed(expr)
		if err != nil || n.Name != want[0] || n.Source.String() != want[1] || n.String() != expr {
			t.Errorf("ParseNamed(%q) = %q, %q, %v; want %q", expr, n.Name, n.Source, err, want)
		}
	}
}

func TestParseNamedErrors(t *testing.T) {
	for expr, want := range map[string]string{
		"=subject":                           "position 1: nothing before the =",
		"_x=subject":                         "position 1: '_' is not allowed there",
		"1x=subject":                         "position 1: '1' is not allowed there",
		"x.=subject":                         "position 2: '.' is not allowed there",
		"a/b=subject":                        "position 2: '/' is not allowed there",
		"é=subject":                          "position 1: 'é' is not allowed there",
		"a:int=subject":                      "position 2: ':' is not allowed there",
		strings.Repeat("a", 65) + "=subject": "position 65: the name is longer than 64 bytes",
		"a=":                                 "position 3: no source",
		"a=subject[0]":                       "position 11: tokens count from 1",
		"a=json:b*":                          "position 9: wildcards",
		"a=b=seq":                            "position 3: unknown source",
	} {
		if _, err := source.ParseNamed(expr); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseNamed(%q): got %v, want %q", expr, err, want)
		}
	}
}
