package replay_test

import (
	"errors"
	"fmt"
	"iter"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/jetcapture/jetcapture/internal/replay"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, natstest.IgnoreServer()...) }

var stored = time.Date(2026, 11, 28, 7, 8, 9, 123456789, time.UTC)

// items are n messages, with a gap behind each tenth.
func items(n int) iter.Seq2[*archive.Item, error] {
	return func(yield func(*archive.Item, error) bool) {
		for seq := uint64(1); seq <= uint64(n); seq++ {
			i := &archive.Item{Fate: archive.FateStored, Last: seq, Incarnation: "1f2e3d4c"}
			i.Seq, i.Time, i.Subject, i.Data = seq, stored.Add(time.Duration(seq)*time.Millisecond), "orders.1", []byte("x")
			i.Header = map[string][]string{
				"Nats-Msg-Id": {"mine"}, "Nats-Rollup": {"all"}, "Nats-Schedule-Target": {"y"}, "Trace": {"1", "2"},
				"Nats-Expected-Last-Sequence": {"7"}, "Nats-TTL": {"1s"}, "Nats-Incr": {"+1"}, "Nats-Batch-Id": {"b"},
			}
			if seq%10 == 0 {
				i = &archive.Item{Message: archive.Message{Seq: seq}, Last: seq, Fate: archive.FateAbsent}
			}
			if !yield(i, nil) {
				return
			}
		}
	}
}

// target makes the stream COPY on copy.>.
func target(t *testing.T, c jetstream.StreamConfig) (jetstream.JetStream, jetstream.Stream) {
	t.Helper()
	nc := natstest.Start(t).Connect()
	c.Name, c.Subjects = "COPY", []string{"copy.>"}
	s := natstest.CreateStream(t, nc, c)
	js, err := replay.JetStream(nc, "")
	if err != nil {
		t.Fatal(err)
	}
	return js, s
}

func options(t *testing.T) replay.Options {
	t.Helper()
	m, err := replay.ParseMapping("orders.>=copy.>")
	if err != nil {
		t.Fatal(err)
	}
	return replay.Options{Stream: "COPY", Map: []replay.Mapping{m}}
}

// What is replayed twice is there once.
func TestReplayTwice(t *testing.T) {
	js, s := target(t, jetstream.StreamConfig{})
	for _, duplicates := range []uint64{0, 900} {
		got, err := replay.Run(t.Context(), js, items(1000), options(t))
		if err != nil || got != (replay.Result{Messages: 900, Bytes: 900, Duplicates: duplicates, Last: 999}) {
			t.Errorf("%+v, %v", got, err)
		}
	}
	for n := uint64(1); n <= 900; n++ {
		m, err := s.GetMsg(t.Context(), n)
		if err != nil {
			t.Fatal(err)
		}
		seq := n + (n-1)/9
		want := nats.Header{
			"Nats-Msg-Id": {fmt.Sprintf("1f2e3d4c-%d", seq)}, "Nats-Expected-Stream": {"COPY"}, "Trace": {"1", "2"},
			"Jetcapture-Sequence": {fmt.Sprint(seq)}, "Jetcapture-Msg-Id": {"mine"},
			"Jetcapture-Time": {stored.Add(time.Duration(seq) * time.Millisecond).Format(time.RFC3339Nano)},
		}
		if m.Subject != "copy.1" || !reflect.DeepEqual(m.Header, want) {
			t.Fatalf("%s %v, want %v", m.Subject, m.Header, want)
		}
	}
}

func TestKeptSequences(t *testing.T) {
	js, s := target(t, jetstream.StreamConfig{FirstSeq: 1})
	o := options(t)
	o.KeepSequences = true
	got, err := replay.Run(t.Context(), js, items(30), o) // 10 has no message
	if err == nil || got.Last != 9 || !strings.Contains(err.Error(), "stream sequence 11") {
		t.Errorf("%+v, %v", got, err)
	}
	info, err := s.Info(t.Context())
	if err != nil || info.State.LastSeq != 9 {
		t.Errorf("%+v, %v", info, err)
	}
}

// The stream that is named takes the messages, or nobody does.
func TestAnotherStreamTakesNothing(t *testing.T) {
	js, s := target(t, jetstream.StreamConfig{})
	for _, change := range []func(*replay.Options){
		func(o *replay.Options) { o.Stream = "OTHER" }, func(o *replay.Options) { o.Map = nil },
	} {
		o := options(t)
		change(&o)
		if got, err := replay.Run(t.Context(), js, items(3), o); err == nil || got.Messages != 0 {
			t.Errorf("%+v, %v", got, err)
		}
	}
	if info, err := s.Info(t.Context()); err != nil || info.State.Msgs != 0 {
		t.Errorf("%+v, %v", info, err)
	}
}

func TestSpeed(t *testing.T) {
	js, _ := target(t, jetstream.StreamConfig{})
	o := options(t)
	o.Speed = 2
	began := time.Now()
	got, err := replay.Run(t.Context(), js, items(401), o)
	if took := time.Since(began); err != nil || took < 200*time.Millisecond {
		t.Errorf("400 ms took %s at twice the speed: %+v, %v", took, got, err)
	}
}

// What goes wrong while the archive is read comes out.
func TestArchiveThatFails(t *testing.T) {
	js, _ := target(t, jetstream.StreamConfig{})
	broken := errors.New("broken")
	_, err := replay.Run(t.Context(), js, func(yield func(*archive.Item, error) bool) { yield(nil, broken) }, options(t))
	if !errors.Is(err, broken) {
		t.Error(err)
	}
}
