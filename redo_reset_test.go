package jetcapture_test

import (
	"testing"

	"github.com/nats-io/nats.go/jetstream"
)

// TestRedoAfterAResetForward: a consumer that somebody has reset to beyond a planned cut delivers none of it. The redo
// reads the messages from the stream, and on a work queue they are acknowledged in the end.
func TestRedoAfterAResetForward(t *testing.T) {
	for _, policy := range []jetstream.RetentionPolicy{jetstream.LimitsPolicy, jetstream.WorkQueuePolicy} {
		t.Run(policy.String(), func(t *testing.T) {
			r := newRig(t, retention(policy))
			r.publish(40)
			interrupt(r, r.throughConsumer(), 0)
			r.reset("C", 31)
			r.publish(10)
			s := capture(r, r.throughConsumer())
			wantEqual(t, "redone cuts", s.Redone, 1)
			a := r.wantAll()
			wantEqual(t, "lost", len(a.Lost()), 0)
			if policy == jetstream.WorkQueuePolicy {
				r.untilEmpty()
			}
		})
	}
}
