package jetcapture_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/jetcapture/jetcapture/internal/oracle"
	"github.com/nats-io/nats.go/jetstream"
)

// wantOneFileEach checks that each key and window with a message has exactly one data file. The windows are those of
// the times at which the stream stored the messages.
func (r *rig) wantOneFileEach(a *oracle.Archive, maxAge time.Duration) {
	r.t.Helper()
	want, files := map[string]bool{}, map[string]int{}
	for _, m := range r.held {
		stored, err := r.stream().GetMsg(r.t.Context(), m.Seq)
		if err != nil {
			r.t.Fatal(err)
		}
		want[fmt.Sprint(stored.Subject, stored.Time.UTC().Truncate(maxAge))] = true
	}
	for _, f := range a.Files(false) {
		files[fmt.Sprint(f.Key[0], f.Window)]++
	}
	for each := range want {
		if files[each] != 1 {
			r.t.Errorf("%d files of %s, want 1", files[each], each)
		}
	}
	r.t.Logf("%d files of %d keys and windows, cuts for %v", len(a.Files(false)), len(want), a.Reasons())
	wantEqual(r.t, "files", len(a.Files(false)), len(want))
}

// TestOneFileForEachKeyAndWindow follows a steady stream over ten windows.
func TestOneFileForEachKeyAndWindow(t *testing.T) {
	const maxAge = time.Second
	for _, durable := range []bool{false, true} {
		t.Run(fmt.Sprint("durable=", durable), func(t *testing.T) {
			r := newRig(t)
			o := r.options()
			if durable {
				o = r.throughConsumer()
			}
			o.MaxAge, o.Once = maxAge, false
			c := start(r, r.nc, o)
			tick := time.NewTicker(50 * time.Millisecond)
			defer tick.Stop()
			for range 200 {
				r.publish(3, "s.a", "s.b", "s.c")
				<-tick.C
			}
			c.finish()
			a := r.wantAll()
			r.wantOneFileEach(a, maxAge)
			if cuts := c.Stats().Reasons["window"]; cuts < 5 {
				t.Errorf("%d cuts for windows", cuts)
			}
		})
	}
}

// TestWindowCutAcknowledgesUpToTheBoundary: what was read behind the boundary is in no file yet, so it must stay in the
// work queue.
func TestWindowCutAcknowledgesUpToTheBoundary(t *testing.T) {
	const maxAge = 5 * time.Second
	r := newRig(t, retention(jetstream.WorkQueuePolicy))
	o := with(r.throughConsumer(), func(o *options) { o.MaxAge, o.Once = maxAge, false })
	c := start(r, r.nc, o)
	sleepUntil(time.Now().Truncate(maxAge).Add(maxAge))
	r.publish(10)
	sleepUntil(time.Now().Truncate(maxAge).Add(maxAge))
	r.publish(5)
	c.untilRead(15)
	c.until("cut of the first window", func(s jetcapture.Stats) bool { return s.Reasons["window"] == 1 })
	natstest.Eventually(t, patience, "acks", func() bool { return r.inStream() < 15 })
	wantEqual(t, "messages in the stream", r.inStream(), 5)
	c.finish()
	r.untilEmpty()
	a := r.wantAll()
	wantEqual(t, "end of the first window's cut", a.Cuts[1].To, 10)
}

// sleepUntil waits for a window to begin.
func sleepUntil(at time.Time) { <-time.After(time.Until(at)) }

// inStream returns how many messages the stream holds.
func (r *rig) inStream() uint64 {
	r.t.Helper()
	info, err := r.stream().Info(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	return info.State.Msgs
}
