package parquetwriter_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/jetcapture/jetcapture/parquetwriter"
)

func TestWhatCountsAsJSON(t *testing.T) {
	for text, want := range map[string]bool{
		"": false, " ": false, "null": true, " true ": true, "false": true, "nul": false, "truex": false, "true false": false,
		"0": true, "-0": true, "-": false, "01": false, "1.": false, ".5": false, "1.5e+10": true, "1e": false, "1E-2": true,
		"+1":  false,
		"NaN": false, "Infinity": false, "1e999": true, "123456789012345678901234567890": true,
		"[]": true, "[ ]": true, "{}": true, "{ }": true, "[1,2]": true, "[1,]": false, "[,1]": false, "[1 2]": false,
		"[": false, "]": false, "[}": false,
		`{"a":1,"b":[{}]}`: true, `{"a"}`: false, `{"a":}`: false, `{a:1}`: false, `{"a":1,}`: false, `{"a":1 "b":2}`: false,
		`{"a":1,"a":2}`: true,
		`"\""`:          true, `"\x"`: false, `"\`: false, `"`: false, "\"\n\"": false, "\"\x00\"": false, `"\u00e9"`: true,
		`"\u00g9"`: false, `"\u12"`: false,
		`"\ud83d\ude00"`: true, `"\ud83d"`: false, `"\ude00"`: false, `"\ud83d\n"`: false, `"\ud83d\u0041"`: false,
		"\"\xff\"": false, "\"é\"": true,
		"\xef\xbb\xbf1": false, "1\x00": false, "// 1": false,
		strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000): true,
		strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001): false,
		strings.Repeat("[", 10_000_000):                           false,
	} {
		if got := parquetwriter.IsJSON([]byte(text)); got != want {
			t.Errorf("%.60q: %t, want %t", text, got, want)
		}
	}
}

// FuzzJSON compares with encoding/json, which takes text that is not UTF-8 and lone surrogates too: those it replaces
// by U+FFFD.
func FuzzJSON(f *testing.F) {
	for _, seed := range []string{
		`{"a":[1,-2.5e3,"\u00e9\ud83d\ude00"],"b":{}}`, "[[[]]]", `"\ud800"`, " 1 ", "\"\xff\"", `{"a":tru`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		want := json.Valid(text) && utf8.Valid(text)
		got := parquetwriter.IsJSON(text)
		if got && !want {
			t.Fatalf("%q is no JSON", text)
		}
		if want && !got && !strings.Contains(strings.ToLower(string(text)), `\ud`) {
			t.Fatalf("%q is JSON", text)
		}
	})
}
