package reader_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func TestCheckConsumer(t *testing.T) {
	nc := natstest.Start(t).Connect()
	natstest.CreateStream(t, nc,
		jetstream.StreamConfig{Name: "S", ConsumerLimits: jetstream.StreamConsumerLimits{InactiveThreshold: time.Minute}})
	js := natstest.JetStream(t, nc)
	base := jetstream.ConsumerConfig{Durable: "D", AckPolicy: jetstream.AckExplicitPolicy}
	ctx := natstest.Context(t)
	c, err := js.CreateConsumer(ctx, "S", base)
	if err != nil {
		t.Fatal(err)
	}
	if got := reader.CheckConsumer(c.CachedInfo().Config, nil); len(got) != 1 || !strings.Contains(got[0], "1m0s") {
		t.Errorf("threshold inherited from the stream: %q", got)
	}
	good := jetstream.ConsumerConfig{
		AckPolicy: jetstream.AckExplicitPolicy, MaxDeliver: -1, AckWait: time.Second,
		MaxAckPending: 1,
	}
	for _, c := range []struct {
		name   string
		change func(*jetstream.ConsumerConfig)
		filter []string
		want   string
	}{
		{"good", func(*jetstream.ConsumerConfig) {}, nil, ""},
		{"everything filter", func(c *jetstream.ConsumerConfig) { c.FilterSubject = ">" }, nil, ""},
		{"same filters", func(c *jetstream.ConsumerConfig) { c.FilterSubjects = []string{"b", "a"} }, []string{"a", "b"}, ""},
		{"push", func(c *jetstream.ConsumerConfig) { c.DeliverSubject = "x" }, nil, "push"},
		{"no ack", func(c *jetstream.ConsumerConfig) { c.AckPolicy = jetstream.AckNonePolicy }, nil, "ack policy"},
		{"ack all", func(c *jetstream.ConsumerConfig) { c.AckPolicy = jetstream.AckAllPolicy }, nil, "ack policy"},
		{"new", func(c *jetstream.ConsumerConfig) { c.DeliverPolicy = jetstream.DeliverNewPolicy }, nil, "deliver policy"},
		{"max deliver", func(c *jetstream.ConsumerConfig) { c.MaxDeliver = 5 }, nil, "max_deliver is 5"},
		{"backoff", func(c *jetstream.ConsumerConfig) { c.BackOff = []time.Duration{time.Second} }, nil, "backoff"},
		{"headers", func(c *jetstream.ConsumerConfig) { c.HeadersOnly = true }, nil, "headers only"},
		{"groups", func(c *jetstream.ConsumerConfig) { c.PriorityGroups = []string{"g"} }, nil, "priority groups"},
		{"threshold", func(c *jetstream.ConsumerConfig) { c.InactiveThreshold = time.Hour }, nil, "1h0m0s"},
		{
			"filter", func(c *jetstream.ConsumerConfig) { c.FilterSubject = "a" },
			[]string{"b"},
			`filters ["a"], the capture ["b"]`,
		},
	} {
		cfg := good
		c.change(&cfg)
		got := strings.Join(reader.CheckConsumer(cfg, c.filter), "; ")
		if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	bad := good
	bad.AckPolicy, bad.HeadersOnly, bad.MaxDeliver = jetstream.AckNonePolicy, true, 3
	if got := reader.CheckConsumer(bad, nil); len(got) != 3 {
		t.Errorf("all reasons at once: %q", got)
	}
}

// The permissions of the design suffice, with the connection's own inbox prefix.
func TestRestrictedUser(t *testing.T) {
	user := func(name string, publish ...string) *server.User {
		return &server.User{Username: name, Password: "p", Permissions: &server.Permissions{
			Publish:   &server.SubjectPermission{Allow: publish},
			Subscribe: &server.SubjectPermission{Allow: []string{"_INBOX_jcap.>"}},
		}}
	}
	s := natstest.Start(t, func(o *server.Options) {
		o.Users = []*server.User{
			{Username: "admin", Password: "p"},
			user("ordered", "$JS.API.STREAM.INFO.S", "$JS.API.STREAM.MSG.GET.S", "$JS.API.CONSUMER.CREATE.S.c",
				"$JS.API.CONSUMER.MSG.NEXT.S.c",
				"$JS.API.CONSUMER.DELETE.S.c"),
			user("durable", "$JS.API.STREAM.INFO.S", "$JS.API.STREAM.MSG.GET.S", "$JS.API.CONSUMER.INFO.S.D",
				"$JS.API.CONSUMER.MSG.NEXT.S.D",
				"$JS.API.CONSUMER.RESET.S.D", "$JS.ACK.S.D.>"),
			user("blind", "$JS.API.STREAM.INFO.S", "$JS.API.CONSUMER.INFO.S.D", "$JS.API.CONSUMER.MSG.NEXT.S.D",
				"$JS.API.CONSUMER.RESET.S.D", "$JS.ACK.S.D.>"),
			user("nothing", "x"),
		}
	})
	as := func(name string) *nats.Conn {
		return s.Connect(nats.UserInfo(name, "p"), nats.CustomInboxPrefix("_INBOX_jcap"))
	}
	admin := as("admin")
	natstest.CreateStream(t, admin, jetstream.StreamConfig{Name: "S"})
	createConsumer(t, admin, "S", func(c *jetstream.ConsumerConfig) { c.FilterSubject = "s.a" })
	natstest.PublishN(t, admin, "s.a", 100)

	filter := []string{"s.a"}
	o := openOrdered(t, as("ordered"), "S", reader.Position{},
		func(c *reader.OrderedConfig) { c.Name, c.Filter = "c", filter })
	wantSeqs(t, readUntil(t, o, 100), 1, 100)
	wantCheck(t, o, nil)

	d := openDurable(t, as("durable"), "S", reader.Position{},
		func(c *reader.DurableConfig) { c.Create, c.Filter = false, filter })
	wantSeqs(t, readUntil(t, d, 100), 1, 100)
	ack(t, d, 100)
	wantCheck(t, d, nil)
	if info := consumerInfo(t, admin, "S"); info.NumAckPending != 0 {
		t.Errorf("%d messages unacknowledged", info.NumAckPending)
	}

	src := reader.NewSource(as("blind"), "", "S") // an anchor could not be looked up at the first cut
	src.SetTimeout(200 * time.Millisecond)
	_, err := reader.OpenDurable(natstest.Context(t), src, reader.DurableConfig{Name: "D", Filter: filter},
		reader.Position{})
	if !errors.Is(err, reader.ErrNoAnswer) || !strings.Contains(err.Error(), "$JS.API.STREAM.MSG.GET.S") {
		t.Errorf("without STREAM.MSG.GET: %v", err)
	}

	src = reader.NewSource(as("nothing"), "", "S")
	src.SetTimeout(200 * time.Millisecond)
	_, err = src.Info(natstest.Context(t))
	if !errors.Is(err, reader.ErrNoAnswer) || !strings.Contains(err.Error(), "$JS.API.STREAM.INFO.S") ||
		!strings.Contains(strings.ToLower(err.Error()), "permissions violation") {
		t.Errorf("without permission: %v", err)
	}
}

func TestNoJetStream(t *testing.T) {
	nc := natstest.Start(t, func(o *server.Options) { o.JetStream = false }).Connect()
	_, err := reader.OpenOrdered(natstest.Context(t), reader.NewSource(nc, "", "S"), reader.OrderedConfig{Name: "c"},
		reader.Position{})
	if !errors.Is(err, reader.ErrNoJetStream) {
		t.Errorf("got %v", err)
	}
}

func TestUnknownStream(t *testing.T) {
	nc := natstest.Start(t).Connect()
	src := reader.NewSource(nc, "", "S")
	_, err := reader.OpenOrdered(natstest.Context(t), src, reader.OrderedConfig{Name: "c"}, reader.Position{})
	if !errors.Is(err, reader.ErrStreamNotFound) || !strings.Contains(err.Error(), `stream "S"`) {
		t.Errorf("ordered: %v", err)
	}
	_, err = reader.OpenDurable(natstest.Context(t), src, reader.DurableConfig{Name: "D", Create: true}, reader.Position{})
	if !errors.Is(err, reader.ErrStreamNotFound) {
		t.Errorf("durable: %v", err)
	}
}
