package jetcapture_test

import (
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/nats-io/nats.go/jetstream"
)

// TestLimitsOfOthers: what server and stream allow consumers is adapted to, and a capture runs to its end.
func TestLimitsOfOthers(t *testing.T) {
	for _, m := range modes() {
		t.Run(m.name, func(t *testing.T) {
			r := newRigOn(t, natstest.Start(t, natstest.Configured(t, `
				jetstream: { limits: { max_request_batch: 10, max_ack_pending: 100 } }`)),
				func(c *jetstream.StreamConfig) {
					c.Retention = m.retention
					c.ConsumerLimits.MaxAckPending = 50
					if m.retention == jetstream.LimitsPolicy {
						c.ConsumerLimits.InactiveThreshold = 2 * time.Second
					}
				})
			o := r.options()
			if m.durable {
				o.NATSConsumerName, o.CreateConsumer = m.consumer, true
			}
			r.publish(300)
			capture(r, o)
			r.publish(100)
			capture(r, o)
			r.wantAll()
		})
	}
}

// TestInheritedThreshold: a consumer of a work queue that the server would delete is refused, with what to change, and
// is not left behind.
func TestInheritedThreshold(t *testing.T) {
	r := newRig(t, retention(jetstream.WorkQueuePolicy), func(c *jetstream.StreamConfig) {
		c.ConsumerLimits.InactiveThreshold = time.Minute
	})
	r.publish(10)
	_, err := tryCapture(r, r.throughConsumer())
	wantText(t, err, "1m0s", "consumer_limits.inactive_threshold", "out of the stream's configuration")
	if info, err := r.stream().Info(t.Context()); err != nil || info.State.Consumers != 0 {
		t.Errorf("the stream has %d consumers, error %v", info.State.Consumers, err)
	}
}
