package wire_test

import (
	"reflect"
	"testing"

	"github.com/jetcapture/jetcapture/internal/wire"
	"github.com/nats-io/nats.go"
)

// blocks returns header blocks, and whether their size says that nothing is lost when a client parses them.
func blocks() map[string]bool {
	return map[string]bool{
		"NATS/1.0\r\nA: b\r\nC: d\r\nC: e\r\n\r\n":                  true,
		"NATS/1.0\r\nA:b\r\nC:d\r\n\r\n":                            true, // as some clients write it
		"NATS/1.0\r\nA:b\r\nC:d\r\nNats-Stream-Source: S 1\r\n\r\n": true, // and a server goes on
		"NATS/1.0\r\nA: \r\n\r\n":                                   true,
		"NATS/1.0\r\n\r\n":                                          true,
		"NATS/1.0\r\n: v\r\n\r\n":                                   false,
		"NATS/1.0\r\nA: b\r\n: v\r\n\r\n":                           false,
		"NATS/1.0\r\nA: b\r\n\r\nXYZ":                               false,
		"NATS/1.0\r\nA: a\nB: b\r\n\r\n":                            false,
		"NATS/1.0\r\nA:   a\r\n\r\n":                                false,
		"NATS/1.0 503 No Responders\r\n\r\n":                        false,
		"NATS/1.0 50\r\n\r\n":                                       false,
		"NATS/1.0\r\nno colon\r\n\r\n":                              false,
		"NATS/1.0\r\nA: b\r\n":                                      false,
		"NATS/1.1\r\n\r\n":                                          false,
	}
}

func TestIsWhole(t *testing.T) {
	for block, want := range blocks() {
		header, err := nats.DecodeHeadersMsg([]byte(block))
		if got := err == nil && wire.IsWhole(header, len(block)); got != want {
			t.Errorf("%q is whole: %v, want %v", block, got, want)
		}
	}
	if !wire.IsWhole(nil, 0) || wire.IsWhole(nil, 20) {
		t.Error("no header is whole without a block, and only then")
	}
}

func TestParseBlockIsAsTheClient(t *testing.T) {
	for block := range blocks() {
		checkParse(t, block)
	}
}

func checkParse(t *testing.T, block string) {
	t.Helper()
	want, err := nats.DecodeHeadersMsg([]byte(block))
	if err != nil {
		want = nil
	}
	if got := wire.ParseBlock([]byte(block)); !reflect.DeepEqual(got, map[string][]string(want)) {
		t.Errorf("%q: got %q, the client has %q", block, got, want)
	}
}

func FuzzParseBlockIsAsTheClient(f *testing.F) {
	for block := range blocks() {
		f.Add(block)
	}
	f.Fuzz(checkParse)
}

func TestWithBlock(t *testing.T) {
	fields := map[string][]string{"A": {"b"}}
	both := wire.WithBlock(fields, "block")
	parsed, block := wire.SplitBlock(both)
	if string(block) != "block" || !reflect.DeepEqual(parsed, fields) || len(both) != 2 {
		t.Errorf("got %q, %q", parsed, block)
	}
	if parsed, block := wire.SplitBlock(fields); block != nil || !reflect.DeepEqual(parsed, fields) {
		t.Errorf("got %q, %q", parsed, block)
	}
}
