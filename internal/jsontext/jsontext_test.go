package jsontext_test

import (
	"encoding/json"
	"testing"

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
	for _, s := range []string{"", "plain", `"\`, "<&>", "\x00\x1f\x7f", "\b\f\n\r\t", "ü€😀", "\u2028\u2029", "\xff\xc3", "a\xed\xa0\x80b"} {
		wantMarshal(t, jsontext.AppendString(nil, s), s)
		wantMarshal(t, jsontext.AppendBytes(nil, []byte(s)), []byte(s))
		wantMarshal(t, jsontext.AppendStrings(nil, []string{s, "x"}), []string{s, "x"})
	}
	wantMarshal(t, jsontext.AppendBytes(nil, nil), []byte(nil))
	for _, h := range []map[string][]string{nil, {}, {"b": {"1", "2"}, "a": {}, "c": nil, "\xff": {"\xff"}}} {
		wantMarshal(t, jsontext.AppendHeader(nil, h), h)
	}
}

func FuzzAppendString(f *testing.F) {
	f.Add("a\u2028\xff")
	f.Fuzz(func(t *testing.T, s string) { wantMarshal(t, jsontext.AppendString(nil, s), s) })
}
