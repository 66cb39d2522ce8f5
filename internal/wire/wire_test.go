package wire_test

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/jetcapture/jetcapture/internal/wire"
	"github.com/nats-io/nats.go"
)

func TestHeaderBlock(t *testing.T) {
	header := map[string][]string{"b": {"2", "1"}, "a": {""}}
	const want = "NATS/1.0\r\na: \r\nb: 2\r\nb: 1\r\n\r\n"
	if got := wire.HeaderBlock(header); string(got) != want {
		t.Errorf("HeaderBlock = %q, want %q", got, want)
	}
	if got := wire.SortHeader(nil, header).Block(); string(got) != want {
		t.Errorf("Block = %q, want %q", got, want)
	}
	if got := wire.HeaderBlock(nil); got != nil {
		t.Errorf("HeaderBlock of no header = %q, want nil", got)
	}
}

// What is rebuilt must be parsed to the same header: anchors of delivered and of stored messages are compared by it.
func TestHeaderBlockIsParsedByTheClient(t *testing.T) {
	header := nats.Header{"Nats-Msg-Id": {"1"}, "lower": {"x", "y: z"}, "Empty": {""}}
	parsed, err := nats.DecodeHeadersMsg(wire.HeaderBlock(header))
	if err != nil || !reflect.DeepEqual(parsed, header) {
		t.Errorf("the client parses %v, %v, want %v", parsed, err, header)
	}
}

func TestSortHeaderReusesMemory(t *testing.T) {
	first := wire.SortHeader(nil, map[string][]string{"b": {"1"}, "a": {"2"}})
	second := wire.SortHeader(first, map[string][]string{"c": {"3"}})
	if &first[0] != &second[0] {
		t.Error("memory is not reused")
	}
	if want := (wire.Header{{Name: "c", Values: []string{"3"}}}); !reflect.DeepEqual(second, want) {
		t.Errorf("got %v, want %v", second, want)
	}
	if first[1].Values != nil {
		t.Error("the memory still refers to the header before")
	}
}

func TestHeaderText(t *testing.T) {
	fields := map[string][]string{"a\xff": {"1"}, "a\xfe": {"\xf0\x28"}, "Z": {"ok"}}
	h := wire.SortHeader(nil, fields)
	if h.Valid() || wire.ValidHeader(fields) {
		t.Error("a header with invalid UTF-8 counts as valid")
	}
	want := wire.Header{{"Z", []string{"ok"}}, {"a\uFFFD", []string{"\uFFFD(", "1"}}}
	text := h.Text()
	if !reflect.DeepEqual(text, want) {
		t.Errorf("Text = %q, want %q", text, want)
	}
	if !text.Valid() || !wire.ValidHeader(nil) {
		t.Error("a valid header counts as invalid")
	}
	if !bytes.Contains(h.Block(), []byte("a\xfe: \xf0\x28\r\n")) {
		t.Errorf("Block = %q has not the original bytes", h.Block())
	}
}

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		filter, subject string
		matches, covers bool
	}{
		{"a", "a", true, true},
		{"a", "b", false, false},
		{"a", "a.b", false, false},
		{"a.b", "a", false, false},
		{"*", "a", true, true},
		{"*", "a.b", false, false},
		{"a.*", "a.b", true, true},
		{"a.*.c", "a.b.c", true, true},
		{"a.*.c", "a.b.d", false, false},
		{"a.>", "a.b", true, true},
		{"a.>", "a.b.c", true, true},
		{"a.>", "a", false, false},
		{">", "a", true, true},
		{">", "a.b", true, true},
		{"*.*", "a.b", true, true},
		{">", "a.>", true, true},
		{"a.>", "a.*", true, true},
		{"a.*", "a.*", true, true},
		{"a.b", "a.*", false, false},
		{"*.b", "a.*", false, false},
		{"a.*", "a.>", true, false}, // a token > in a message's subject is not a wildcard
		{"a.>", "a.>", true, true},
		{"*.*", "*", false, false},
	} {
		if got := wire.Matches(c.filter, c.subject); got != c.matches {
			t.Errorf("Matches(%q, %q) = %v, want %v", c.filter, c.subject, got, c.matches)
		}
		if got := wire.Covers(c.filter, c.subject); got != c.covers {
			t.Errorf("Covers(%q, %q) = %v, want %v", c.filter, c.subject, got, c.covers)
		}
	}
}

func TestOverlap(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"a", "a", true},
		{"a", "b", false},
		{"a.*", "*.b", true},
		{"a.*", "b.*", false},
		{"a.*.c", "a.b.*", true},
		{"a.>", "a.b", true},
		{"a.>", "a", false},
		{">", "x.y", true},
		{"a.b", "a.b.c", false},
	} {
		if wire.Overlap(c.a, c.b) != c.want || wire.Overlap(c.b, c.a) != c.want {
			t.Errorf("overlap of %q and %q is %t, want %t", c.a, c.b, !c.want, c.want)
		}
	}
}
