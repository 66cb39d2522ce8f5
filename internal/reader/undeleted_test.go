package reader_test

import (
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A user who may not delete consumers can start again while the consumer of the last start is still there, and can be
// positioned again and again.
func TestOrderedWithoutPermissionToDelete(t *testing.T) {
	s := natstest.Start(t, natstest.Configured(t, `authorization: { users: [
		{ user: admin, password: p },
		{ user: reader, password: p, permissions: {
			publish: { allow: ["$JS.API.>"], deny: ["$JS.API.CONSUMER.DELETE.>"] } } },
	] }`))
	admin := s.Connect(nats.UserInfo("admin", "p"))
	natstest.CreateStream(t, admin, jetstream.StreamConfig{Name: "S"})
	natstest.PublishN(t, admin, "s.a", 10)
	nc := s.Connect(nats.UserInfo("reader", "p"))
	killed := openOrdered(t, nc, "S", reader.Position{}) // it is not closed before the next one begins
	wantSeqs(t, readUntil(t, killed, 10), 1, 10)
	proxied := natstest.NewProxy(t, s.Addr())
	r := openOrdered(t, natstest.Connect(t, proxied.URL(), nats.UserInfo("reader", "p")), "S", reader.Position{})
	wantSeqs(t, readUntil(t, r, 10), 1, 10)
	proxied.Cut()
	natstest.PublishN(t, admin, "s.a", 10)
	wantSeqs(t, readUntil(t, r, 20), 11, 20)
	wantCheck(t, r, nil)

	src := source(nc, "S")
	if after, err := src.Before(natstest.Context(t), "start", time.Unix(0, 0)); err != nil || after != 0 {
		t.Errorf("before the first message: %d, %v", after, err)
	}
}
