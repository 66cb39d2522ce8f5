package reader_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// oddBlocks are header blocks and what of them must be kept besides what a client parses.
var oddBlocks = []struct{ block, kept string }{
	{"NATS/1.0\r\n: v\r\n\r\n", "NATS/1.0\r\n: v\r\n\r\n"},
	{"NATS/1.0\r\nA: b\r\n\r\nXYZ", "NATS/1.0\r\nA: b\r\n\r\nXYZ"},
	{"NATS/1.0\r\nA: a\nB: b\r\n\r\n", "NATS/1.0\r\nA: a\nB: b\r\n\r\n"},
	{"NATS/1.0\r\n\r\n", "NATS/1.0\r\n\r\n"},
	{"NATS/1.0\r\nA:b\r\nC:d\r\n\r\n", ""},
	{"NATS/1.0\r\nA: b\r\n\r\n", ""},
}

// What a client loses of a header block is fetched, whichever way a message is read. Blocks that are only written
// otherwise, and empty ones, cost no request.
func TestOddHeadersAreKept(t *testing.T) {
	s := natstest.Start(t)
	nc := s.Connect()
	natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "S"})
	for range 3 {
		for _, odd := range oddBlocks {
			natstest.PublishRaw(t, s.Addr(), "s.a", odd.block, []byte("payload"))
		}
	}
	n := uint64(3 * len(oddBlocks))
	natstest.PublishN(t, nc, "s.a", 1)
	r := openOrdered(t, nc, "S", reader.Position{})
	var gets atomic.Int64
	watcher := s.Connect()
	if _, err := watcher.Subscribe("$JS.API.STREAM.MSG.GET.S", func(*nats.Msg) { gets.Add(1) }); err != nil {
		t.Fatal(err)
	}
	if err := watcher.Flush(); err != nil {
		t.Fatal(err)
	}
	got := readUntil(t, r, n+1)
	const want = 3 * 3
	natstest.Eventually(t, 10*time.Second, "the requests for header blocks", func() bool { return gets.Load() >= want })
	if gets.Load() != want {
		t.Errorf("%d requests for header blocks, want %d", gets.Load(), want)
	}
	if err := r.Check(natstest.Context(t)); err != nil {
		t.Errorf("check: %v", err)
	}
	stored, err := reader.OpenStored(source(nc, "S"), nil, 0, n+1).Next(natstest.Context(t))
	if err != nil {
		t.Fatal(err)
	}
	for way, messages := range map[string][]reader.Message{"consumer": got, "stored": stored.Messages} {
		wantSeqs(t, messages, 1, n+1)
		for i, m := range messages {
			want := ""
			if i < int(n) {
				want = oddBlocks[i%len(oddBlocks)].kept
			}
			if m.Block != want || m.Header != nil {
				t.Errorf("%s: message %d has the block %q, %q, want %q", way, i, m.Block, m.Header, want)
			}
		}
	}
}
