package jetcapture_test

import (
	"fmt"
	"testing"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A capture whose store stands still takes what nobody else needs of a budget, and no more. Another one, over the same
// connection, is not held up by it.
func TestBudgetIsFair(t *testing.T) {
	const memory, disk = 8 << 20, 4 << 20
	r := newRig(t)
	r.server = natstest.Start(t, func(o *server.Options) { o.MaxPayload = 64 << 10 }) // so that little is in flight
	r.nc = r.server.Connect()
	r.createStream()
	natstest.CreateStream(t, r.nc, jetstream.StreamConfig{Name: "Q", Subjects: []string{"q.>"}})
	budget := jetcapture.NewBudget(memory, disk, jetcapture.DefaultStoreWorkers+1)
	gate, open := gated(r.bucket)
	noisy := start(r, r.nc, with(r.continuous(), func(o *options) {
		o.Archive.Bucket, o.Compression, o.Budget = gate, jetcapture.None, budget
	}))
	r.publishNoise(4000, 4000, "s.a", "s.b", "s.c") // 16 MB as rows
	held := noisy.untilStalled()
	if held.Spooled > disk || held.Memory > memory+memory/2 || held.Messages == 4000 {
		t.Errorf("%d messages are read, %d bytes on disk and %d in memory, of a budget of %d and %d",
			held.Messages, held.Spooled, held.Memory, disk, memory)
	}

	for round := range 3 {
		natstest.Publish(t, r.nc, 100, func(i int) *nats.Msg { return nats.NewMsg(fmt.Sprint("q.", i%3)) })
		quiet := with(r.options(), func(o *options) { o.NATSStreamName, o.Budget = "Q", budget })
		if s := capture(r, quiet); s.StoredSeq != uint64(100*(round+1)) {
			t.Errorf("the quiet capture has stored up to %d in round %d", s.StoredSeq, round)
		}
	}
	if s := noisy.Stats(); s.StoredSeq != 0 {
		t.Errorf("the noisy capture has stored up to %d, its store was to stand still", s.StoredSeq)
	}
	open()
	noisy.untilStored(4000)
	noisy.finish()
	r.wantAll()
}

// Captures of one budget have the same generated name, which is free again when the last one ends.
func TestBudgetHasOneName(t *testing.T) {
	r := newRig(t)
	r.publish(10)
	budget := jetcapture.NewBudget(0, 0, 0)
	named := func(capture string) *running {
		return start(r, r.nc, with(r.continuous(), func(o *options) {
			o.Archive.Instance, o.Archive.Capture, o.Budget = "", capture, budget
		}))
	}
	first, second := named("A"), named("B")
	for _, c := range []*running{first, second} {
		c.until("name", func(s jetcapture.Stats) bool { return s.Instance != "" })
	}
	if a, b := first.Stats().Instance, second.Stats().Instance; a != b {
		t.Errorf("two captures of a budget are named %s and %s", a, b)
	}
	first.finish()
	second.finish()
	if s := first.Stats(); s.MemoryLimit != jetcapture.DefaultMemoryLimit {
		t.Errorf("the limit is %d", s.MemoryLimit)
	}
}
