package atleastonce

import (
	"slices"
	"testing"

	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/nats-io/nats.go"
)

// delivery is a message with a reply subject.
func delivery(seq uint64, reply string) *reader.Message {
	return &reader.Message{Seq: seq, Time: int64(seq), Msg: &nats.Msg{Reply: reply}}
}

// A message that comes again is acknowledged by its last reply subject, with the blocks that hold it: before the
// boundary, behind it, or neither.
func TestRepeatedOnBothSidesOfTheBoundary(t *testing.T) {
	rd := &reading{}
	repeated := func(seq uint64, reply string, want bool) {
		t.Helper()
		if got := rd.Repeated(delivery(seq, reply)); got != want {
			t.Errorf("repeated %d: %v, want %v", seq, got, want)
		}
	}
	wantSealed := func(want ...string) {
		t.Helper()
		if !slices.Equal(rd.sealed.all, want) {
			t.Errorf("acknowledges %v, want %v", rd.sealed.all, want)
		}
	}
	repeated(1, "a1", false)
	rd.Bound()
	repeated(3, "a3", false)
	repeated(2, "a2", false)
	rd.Bound()
	repeated(4, "a4", false)
	repeated(2, "b2", true)
	repeated(1, "b1", true)
	repeated(4, "b4", true)
	rd.Detach()
	wantSealed("b1", "a3", "b2")
	repeated(1, "c1", false) // it is stored again, with the next cut
	repeated(4, "c4", true)
	rd.Bound()
	rd.Detach()
	wantSealed("c4", "c1")
}
