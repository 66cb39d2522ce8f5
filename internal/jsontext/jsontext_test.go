package jsontext_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/jetcapture/jetcapture/internal/jsontext"
)

func wantMarshal(t *testing.T, got []byte, value any) {
	t.Helper()
	want, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("%#v gives\n%s, encoding/json\n%s", value, got, want)
	}
}

func TestAsEncodingJSON(t *testing.T) {
	for _, s := range []string{
		"", "plain", `"\`, "<&>", "\x00\x1f\x7f", "\b\f\n\r\t", "ü€😀", "\u2028\u2029", "\xff\xc3", "a\xed\xa0\x80b",
	} {
		wantMarshal(t, jsontext.AppendString(nil, s), s)
		wantMarshal(t, jsontext.AppendBytes(nil, []byte(s)), []byte(s))
		wantMarshal(t, jsontext.AppendStrings(nil, []string{s, "x"}), []string{s, "x"})
	}
	wantMarshal(t, jsontext.AppendBytes(nil, nil), []byte(nil))
	for _, h := range []map[string][]string{nil, {}, {"b": {"1", "2"}, "a": {}, "c": nil, "\xff": {"\xff"}}} {
		wantMarshal(t, jsontext.AppendHeader(nil, h), h)
	}
}

func TestHalfPair(t *testing.T) {
	for text, want := range map[string]bool{
		`""`: false, `"a\nb"`: false, `"\u00e9"`: false, `"\ufffd"`: false, `"\ud83d\ude00"`: false,
		`"\uD83D\uDE00x\ud83d\ude00"`: false,
		`"\\ud800"`:                   false, `"\\\ud800"`: true, `"\ud800"`: true, `"\udc00"`: true, `"\ude00\ud83d"`: true,
		`"\ud83d\n"`:    true,
		`"\ud83dude00"`: true, `"\ud83d\u0041"`: true, `"\ud83d\ud83d\ude00"`: true, `{"\uD800":1}`: true,
		`[1,{"a":"b\udfff"}]`: true,
	} {
		if got := jsontext.HalfPair(text); got != want {
			t.Errorf("HalfPair(%s) = %t", text, got)
		}
		if got := jsontext.Portable([]byte(text)); got == want {
			t.Errorf("Portable(%s) = %t", text, got)
		}
	}
	for _, text := range []string{
		"", "x", "\"\xff\"", `"\ud8"`, strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000),
	} {
		if jsontext.Portable([]byte(text)) {
			t.Errorf("Portable(%.20q)", text)
		}
	}
}

// FuzzHalfPair compares with encoding/json, which makes U+FFFD of each half.
func FuzzHalfPair(f *testing.F) {
	f.Add(`"\ud83d\ude00\ud800"`)
	f.Fuzz(func(t *testing.T, text string) {
		var s string
		if !utf8.ValidString(text) || json.Unmarshal([]byte(text), &s) != nil {
			return
		}
		const replacement = "\ufffd"
		given := strings.Count(text, replacement) +
			strings.Count(strings.ToLower(strings.ReplaceAll(text, `\\`, "")), `\ufffd`)
		if want := strings.Count(s, replacement) > given; jsontext.HalfPair(text) != want {
			t.Errorf("HalfPair(%s) = %t", text, !want)
		}
	})
}

func FuzzAppendString(f *testing.F) {
	f.Add("a\u2028\xff")
	f.Fuzz(func(t *testing.T, s string) { wantMarshal(t, jsontext.AppendString(nil, s), s) })
}
