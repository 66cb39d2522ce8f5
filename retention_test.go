package jetcapture_test

import (
	"testing"

	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/nats-io/nats.go/jetstream"
)

// TestRetentionEdited: on a stream that is made an interest stream, the server deletes what an ephemeral consumer
// delivers. The capture stores what it has, ends, and says what to do; through a durable consumer it goes on.
func TestRetentionEdited(t *testing.T) {
	r := newRig(t)
	r.publish(20)
	c := start(r, r.nc, with(r.options(), func(o *options) { o.Once = false }))
	c.untilRead(20)
	cfg := r.stream().CachedInfo().Config
	cfg.Retention = jetstream.InterestPolicy
	if _, err := r.js().UpdateStream(natstest.Context(t), cfg); err != nil {
		t.Fatal(err)
	}
	r.publish(10)
	err := c.end()
	if edited, ok := errorAs[*reader.RetentionError](err); !ok || edited.Retention.String() != "Interest" {
		t.Errorf("Run = %v", err)
	}
	wantText(t, err, "--consumer-name")
	r.wantAll()
	r.consumer(func(c *jetstream.ConsumerConfig) { c.MaxDeliver = -1 })
	r.publish(10)
	capture(r, r.throughConsumer())
	r.wantAll()
}
