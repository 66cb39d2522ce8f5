package reader_test

import (
	"context"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/nats-io/nats.go/jetstream"
)

// follow collects what a reader returns.
type follow struct {
	reader reader.Reader
	got    []reader.Message
}

// until reads until everything up to a sequence is there.
func (f *follow) until(t *testing.T, to uint64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for uint64(len(f.got)) < to {
		b, err := f.reader.Next(ctx)
		if err != nil {
			t.Fatalf("after %d messages: %v", len(f.got), err)
		}
		f.got = append(f.got, b.Messages...)
	}
}

// Leaders step down and a server goes away while messages are read and acknowledged: every message comes once, in
// order.
func TestCluster(t *testing.T) {
	c := natstest.StartCluster(t, 3)
	nc := c.Connect()
	natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "S", Replicas: 3})
	const n = 1000
	natstest.PublishN(t, nc, "s.a", n)
	o := openOrdered(t, c.Connect(), "S", reader.Position{}, func(c *reader.OrderedConfig) { c.PullBytes = 4 << 10 })
	d := openDurable(t, c.Connect(), "S", reader.Position{}, func(c *reader.DurableConfig) {
		c.PullBytes, c.Timing.Retry = 4<<10, 300*time.Millisecond
	})
	disturb := []func(){
		func() { natstest.StepDownStream(t, nc, "S") },
		func() { natstest.StepDownConsumer(t, nc, "S", "D") },
		func() {
			leader := c.StreamLeader("S")
			leader.Stop()
			leader.Restart()
		},
		func() { natstest.StepDownConsumer(t, nc, "S", "D") },
	}
	ordered, durable := &follow{reader: o}, &follow{reader: d}
	for i, step := range disturb {
		to := uint64((i + 1) * n / 5)
		ordered.until(t, to)
		durable.until(t, to)
		ack(t, d, to/2)
		step()
	}
	ordered.until(t, n)
	durable.until(t, n)
	wantSeqs(t, ordered.got, 1, n)
	wantSeqs(t, durable.got, 1, n)
	natstest.Eventually(t, 15*time.Second, "check", func() bool {
		return o.Check(natstest.Context(t)) == nil && d.Check(natstest.Context(t)) == nil
	})
	ack(t, d, n)
	natstest.Eventually(t, 15*time.Second, "ack of all", func() bool {
		_, _ = d.Next(short(t))
		return consumerInfo(t, nc, "S").AckFloor.Stream == n
	})
}
