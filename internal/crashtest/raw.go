package crashtest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/nats-io/nats.go"
)

// rawMessage is a message of a stream as the server tells it, header bytes included.
type rawMessage struct {
	Subject string `json:"subject"`
	Seq     uint64 `json:"seq"`
	Header  []byte `json:"hdrs"`
	Data    []byte `json:"data"`
	Time    string `json:"time"`
}

// RawStream asks a server for each message of a stream, without a client's ideas of what a message is. It returns them
// by stream sequence, as text that can be compared.
func RawStream(tb testing.TB, nc *nats.Conn, stream string) map[uint64]string {
	tb.Helper()
	state := State(tb, nc, stream)
	all := map[uint64]string{}
	for seq := state.FirstSeq; seq <= state.LastSeq; seq++ {
		m, err := nc.RequestWithContext(natstest.Context(tb), "$JS.API.STREAM.MSG.GET."+stream,
			fmt.Appendf(nil, `{"seq":%d}`, seq))
		if err != nil {
			tb.Fatalf("get message %d of %s: %v", seq, stream, err)
		}
		var answer struct {
			Message *rawMessage `json:"message"`
		}
		if err := json.Unmarshal(m.Data, &answer); err != nil {
			tb.Fatal(err)
		}
		if m := answer.Message; m != nil {
			m.Header = ordered(m.Header)
			all[seq] = fmt.Sprintf("%+v", *m)
		}
	}
	if uint64(len(all)) != state.Msgs {
		tb.Fatalf("stream %s has %d messages, %d were found", stream, state.Msgs, len(all))
	}
	return all
}

// ordered returns a header block with what a client does not hand over made the same: the order of different names, and
// that some publishers write no blank before a value. Blocks that say more than that are returned as they are.
func ordered(block []byte) []byte {
	lines := strings.Split(string(block), "\r\n")
	if n := len(lines); n < 4 || lines[n-1] != "" || lines[n-2] != "" {
		return block
	}
	fields := lines[1 : len(lines)-2]
	for i, line := range fields {
		name, value, ok := strings.Cut(line, ":")
		if !ok || name == "" {
			return block
		}
		fields[i] = name + ": " + strings.TrimLeft(value, " ")
	}
	slices.SortStableFunc(fields, func(a, b string) int {
		name := func(line string) string { n, _, _ := strings.Cut(line, ":"); return n }
		return strings.Compare(name(a), name(b))
	})
	return []byte(strings.Join(lines, "\r\n"))
}

// WantStream compares a stream with what RawStream returned before.
func WantStream(tb testing.TB, nc *nats.Conn, stream string, want map[uint64]string) {
	tb.Helper()
	got := RawStream(tb, nc, stream)
	for _, seq := range slices.Sorted(maps.Keys(want)) {
		if got[seq] != want[seq] {
			tb.Errorf("stream %s: message %d is %.300s, was %.300s", stream, seq, got[seq], want[seq])
		}
	}
	if len(got) != len(want) {
		tb.Errorf("stream %s has %d messages, had %d", stream, len(got), len(want))
	}
}
