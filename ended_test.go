package jetcapture_test

import (
	"context"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/jetcapture/jetcapture/internal/oracle"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// TestConnectionClosed: Run returns to an application that stops its capture and closes its connection at once.
func TestConnectionClosed(t *testing.T) {
	r := newRig(t)
	nc := r.server.Connect()
	r.publish(20)
	c := start(r, nc, with(r.options(), func(o *options) { o.Once = false }))
	c.untilRead(20)
	c.stop()
	nc.Close()
	began := time.Now()
	if err := c.end(); err == nil {
		t.Error("Run = nil, though what it had read is not stored")
	}
	if took := time.Since(began); took > patience/2 {
		t.Errorf("Run returned after %v", took)
	}
}

// TestOnceOfAnotherStream: if the stream is recreated during a run with Once, the target is the new stream's last
// message. The capture hears of nothing until the new stream is there: it would end if it asked in between.
func TestOnceOfAnotherStream(t *testing.T) {
	r := newRig(t, inMemory)
	r.publish(40)
	proxy := natstest.NewProxy(t, r.server.Addr())
	hold := make(chan struct{})
	c := start(r, natstest.Connect(t, proxy.URL()), with(r.options(), func(o *options) {
		decode := o.MessageDecoder
		o.MessageDecoder = func(m *nats.Msg) (*jetcapture.NatsMessage, string, error) {
			<-hold
			return decode(m)
		}
	}))
	natstest.Eventually(t, patience, "start", func() bool { return c.Stats().Target == 40 })
	proxy.Stall()
	r.recreate(inMemory)
	r.publish(3)
	proxy.Resume()
	close(hold)
	if err := c.end(); err != nil {
		t.Fatalf("Run = %v", err)
	}
	a := r.archive("S")
	ids := a.Incarnations()
	if len(ids) == 0 {
		t.Fatal("nothing is stored")
	}
	if err := a.Of(ids[len(ids)-1]).ExactlyOnce(r.held, oracle.NatsMessage); err != nil {
		t.Error(err)
	}
}

// inMemory keeps a stream in memory. On disk, a stream that was recreated at once was seen with messages of the old
// one.
func inMemory(cfg *jetstream.StreamConfig) { cfg.Storage = jetstream.MemoryStorage }

// TestStopWithoutStream: if the stream is gone when a capture is stopped, what was read is stored, since it cannot be
// read again.
func TestStopWithoutStream(t *testing.T) {
	r := newRig(t)
	r.publish(30)
	c := start(r, r.nc, with(r.options(), func(o *options) { o.Once = false }))
	c.untilRead(30)
	if err := r.js().DeleteStream(context.Background(), "S"); err != nil {
		t.Fatal(err)
	}
	c.finish()
	r.wantAll()
}

// TestInterestConsumerDeleted: an interest stream drops what its deleted consumer had not acknowledged. What was read
// of it is stored before Run ends.
func TestInterestConsumerDeleted(t *testing.T) {
	r := newRig(t, func(cfg *jetstream.StreamConfig) { cfg.Retention = jetstream.InterestPolicy })
	c := start(r, r.nc, with(r.throughConsumer(), func(o *options) { o.Once = false }))
	natstest.Eventually(t, patience, "consumer", func() bool {
		_, err := r.stream().Consumer(t.Context(), "C")
		return err == nil
	})
	r.publish(30)
	c.untilRead(30)
	if err := r.stream().DeleteConsumer(t.Context(), "C"); err != nil {
		t.Fatal(err)
	}
	if err := c.end(); err == nil {
		t.Error("Run = nil without its consumer")
	}
	r.wantAll()
}
