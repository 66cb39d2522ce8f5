package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/nats-io/nats.go/jetstream"
)

// TestACaptureLeavesAServerThatHasLostItsPeers: the connection stands, and JetStream does not answer there.
func TestACaptureLeavesAServerThatHasLostItsPeers(t *testing.T) {
	t.Parallel() // it waits for answers that do not come
	for _, silently := range []bool{false, true} {
		t.Run(fmt.Sprintf("silently=%v", silently), func(t *testing.T) {
			t.Parallel()
			c := natstest.StartProxiedCluster(t, 3)
			nc := c.Connect()
			natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "ORDERS", Replicas: 3})
			natstest.PublishN(t, nc, "orders.x", 3)
			g, log := testGroup(t)
			g.r.roamers.every, g.r.roamers.after = 200*time.Millisecond, 2*time.Second
			s := captureOf(t, c.Servers[0], "ORDERS", t.TempDir())
			s.nats.Server.Text, s.capture.library.MaxIdle = c.URL(), 20*time.Millisecond
			if _, err := g.start(s); err != nil {
				t.Fatal(err)
			}
			defer g.r.roamers.start()()
			natstest.Eventually(t, patience, "3 messages in the archive", func() bool { return storedTo(g, "ORDERS") == 3 })

			at := slices.IndexFunc(c.Servers, func(s *natstest.Server) bool {
				return strings.Contains(log.String(), "server="+s.URL())
			})
			for c.StreamLeader("ORDERS") == c.Servers[at] { // which would answer for a while
				natstest.StepDownStream(t, nc, "ORDERS")
			}
			c.Isolate(at, silently)
			js := natstest.JetStream(t, c.Servers[(at+1)%3].Connect())
			natstest.Eventually(t, patience, "message that the others took", func() bool {
				_, err := js.Publish(t.Context(), "orders.x", nil)
				return err == nil
			})
			natstest.Eventually(t, 2*patience, "that message in the archive", func() bool { return storedTo(g, "ORDERS") > 3 })
			if !strings.Contains(log.String(), "connecting to another one") {
				t.Errorf("the log does not say so:\n%s", log)
			}
			g.cancel()
			_ = g.wait() // the last cut is not what is tested
		})
	}
}
