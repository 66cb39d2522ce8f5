package jetcapture_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/jetcapture/jetcapture/internal/oracle"
	"github.com/jetcapture/jetcapture/internal/reader"
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
// message.
func TestOnceOfAnotherStream(t *testing.T) {
	r := newRig(t, inMemory)
	for range 50 {
		switch err := r.onceOfAnotherStream(); {
		case err == nil:
			return
		case !errors.Is(err, reader.ErrStreamNotFound): // it may have asked while there was no stream
			t.Fatalf("Run = %v", err)
		}
	}
	t.Error("each time, the capture has asked just when there was no stream")
}

// inMemory keeps a stream in memory. On disk, a stream that was recreated at once was seen with messages of the old
// one.
func inMemory(cfg *jetstream.StreamConfig) { cfg.Storage = jetstream.MemoryStorage }

func (r *rig) onceOfAnotherStream() error {
	r.t.Helper()
	r.bucket = bucket.NewMem()
	r.recreate(inMemory)
	r.publish(40)
	hold := make(chan struct{})
	c := start(r, r.nc, with(r.options(), func(o *options) {
		decode := o.MessageDecoder
		o.MessageDecoder = func(m *nats.Msg) (*jetcapture.NatsMessage, string, error) {
			<-hold
			return decode(m)
		}
	}))
	natstest.Eventually(r.t, patience, "start", func() bool { return c.Stats().Target == 40 })
	r.recreate(inMemory)
	r.publish(3)
	close(hold)
	if err := c.end(); err != nil {
		return err
	}
	a := r.archive("S")
	if ids := a.Incarnations(); len(ids) == 2 {
		if err := a.Of(ids[1]).ExactlyOnce(r.held, oracle.NatsMessage); err != nil {
			r.t.Error(err)
		}
	}
	return nil
}

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
