package jetcapture_test

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"
)

// TestStoredBeforeTheStreamDropsIt: a capture dies when the stream has dropped everything that its open blocks hold.
// The window is longer than the stream keeps a message, so without a cut for the retention all would be lost.
func TestStoredBeforeTheStreamDropsIt(t *testing.T) {
	r := newRig(t, func(c *jetstream.StreamConfig) { c.MaxAge = 16 * time.Second })
	var dead atomic.Bool
	c := start(r, r.nc, with(r.options(), func(o *options) {
		o.Once, o.Archive.Bucket = false, refusing(r.bucket, &dead, errFatal)
	}))
	r.publish(200)
	c.untilRead(r.last)
	natstest.Eventually(t, patience, "empty stream", func() bool { return r.stream().CachedInfo().State.Msgs == 0 })
	dead.Store(true)
	c.stop()
	if err := c.end(); err != nil {
		t.Logf("Run = %v", err)
	}
	if s := capture(r, r.options()); s.Lost != 0 {
		t.Errorf("%d messages are lost", s.Lost)
	}
	if reasons := r.wantAll().Reasons(); !slices.Contains(reasons, "retention") {
		t.Errorf("cuts for %v, want one for retention", reasons)
	}
}

// TestRoomToReadWhileACutIsStored: in a race, half of the spool is stored while the other half is read into. So what
// comes while the store gives no answer is in hand when the stream drops it. Without that, the spool would be full
// before the first cut begins, and reading would wait for all of it.
func TestRoomToReadWhileACutIsStored(t *testing.T) {
	const size, room = 4000, 2 << 20 // of a message; of the spool
	const most = room / (size * 4 / 3)
	r := newRigOn(t, natstest.Start(t, func(o *server.Options) { o.MaxPayload = 64 << 10 }))
	gate := make(chan struct{}, 1) // its holder is alone with the files of the store
	c := start(r, r.nc, with(r.options(), func(o *options) {
		o.Once, o.BufferToDisk, o.MemoryLimit, o.Compression = false, false, 2*room, jetcapture.None
		o.Archive.Bucket = guarded{r.bucket, func(ctx context.Context, name string) error {
			if inLog(name) {
				return nil
			}
			select {
			case gate <- struct{}{}:
				<-gate
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}}
	}))
	c.untilState(jetcapture.StateReading)
	c.Race(true)
	r.publishNoise(most*6/10, size, "s.a", "s.b")
	c.until("cut for the retention", func(s jetcapture.Stats) bool { return s.Reasons["retention"] == 1 })
	gate <- struct{}{}
	r.publishNoise(most*8/10, size, "s.a", "s.b")
	c.untilRead(r.last)
	cfg := r.stream().CachedInfo().Config
	cfg.MaxMsgs = 1
	if _, err := r.js().UpdateStream(natstest.Context(t), cfg); err != nil {
		t.Fatal(err)
	}
	<-gate
	c.until("second cut for the retention", func(s jetcapture.Stats) bool { return s.Reasons["retention"] >= 2 })
	c.finish()
	if s := c.Stats(); s.Lost != 0 || s.Reasons["pressure"] != 0 {
		t.Errorf("%d messages are lost, cuts for %v", s.Lost, s.Reasons)
	}
	r.wantAll()
}
