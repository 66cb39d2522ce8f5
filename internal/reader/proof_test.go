package reader_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// reset moves the consumer as another instance would.
func reset(t testing.TB, nc *nats.Conn, stream string) {
	t.Helper()
	m, err := nc.Request("$JS.API.CONSUMER.RESET."+stream+".D", nil, 5*time.Second)
	if err != nil || strings.Contains(string(m.Data), `"error"`) {
		t.Fatalf("reset: %v", err)
	}
}

func TestDurableDisturbed(t *testing.T) {
	nc := natstest.Start(t).Connect()
	for name, disturb := range map[string]func(t *testing.T, stream string){
		"reset": func(t *testing.T, stream string) { reset(t, nc, stream) },
		"acked": func(t *testing.T, stream string) { ackAll(t, nc, stream, 61, 70) },
		"remade": func(t *testing.T, stream string) {
			remake(t, nc, stream)
		},
	} {
		t.Run(name, func(t *testing.T) {
			natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: name})
			natstest.PublishN(t, nc, name+".a", 100)
			r := openDurable(t, nc, name, reader.Position{}, func(c *reader.DurableConfig) { c.Timing.Heartbeat = time.Second })
			wantSeqs(t, readUntil(t, r, 100), 1, 100)
			ack(t, r, 50)
			wantCheck(t, r, nil)
			disturb(t, name)
			natstest.Eventually(t, 10*time.Second, "ErrDisturbed", func() bool {
				return errors.Is(r.Check(natstest.Context(t)), reader.ErrDisturbed)
			})
			if _, err := readError(t, r); !errors.Is(err, reader.ErrDisturbed) {
				t.Fatalf("next: %v", err)
			}
			again := reopenDurable(t, nc, name, r, reader.Position{After: 50})
			wantSeqs(t, readUntil(t, again, 100), 51, 100)
			wantCheck(t, again, nil)
		})
	}
}

// A consumer that was deleted and created again proves nothing about what was read through the old one.
func TestDurableRemade(t *testing.T) {
	nc := natstest.Start(t).Connect()
	natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "S"})
	natstest.PublishN(t, nc, "s.a", 100)
	r := openDurable(t, nc, "S", reader.Position{})
	wantSeqs(t, readUntil(t, r, 100), 1, 100)
	ack(t, r, 50)
	remake(t, nc, "S")
	if _, err := readError(t, r); !errors.Is(err, reader.ErrDisturbed) {
		t.Fatalf("next: %v", err)
	}
	again := reopenDurable(t, nc, "S", r, reader.Position{After: 50})
	natstest.PublishN(t, nc, "s.a", 10)
	wantSeqs(t, readUntil(t, again, 110), 51, 110)
	wantCheck(t, again, nil)
	natstest.Eventually(t, 5*time.Second, "ack of what is stored",
		func() bool { return consumerInfo(t, nc, "S").AckFloor.Stream == 50 })
}

// ackAll acknowledges messages that were delivered to another reader.
func ackAll(t testing.TB, nc *nats.Conn, stream string, from, to uint64) {
	t.Helper()
	for seq := from; seq <= to; seq++ {
		subject := fmt.Sprintf("$JS.ACK.%s.D.1.%d.%d.0.0", stream, seq, seq)
		if _, err := nc.Request(subject, []byte("+ACK"), 5*time.Second); err != nil {
			t.Fatalf("ack %d: %v", seq, err)
		}
	}
}

// remake deletes the consumer and creates it again, with the same acks behind it.
func remake(t testing.TB, nc *nats.Conn, stream string) {
	t.Helper()
	js := natstest.JetStream(t, nc)
	if err := js.DeleteConsumer(natstest.Context(t), stream, "D"); err != nil {
		t.Fatal(err)
	}
	createConsumer(t, nc, stream, nil)
}

// The case that a trial found: another instance RESETs while our pulls rest, and our next message follows on its last
// one as if nothing had happened.
func TestDurableInvisibleReset(t *testing.T) {
	nc := natstest.Start(t).Connect()
	natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "S"})
	createConsumer(t, nc, "S", func(c *jetstream.ConsumerConfig) { c.MaxRequestBatch = 50 })
	natstest.PublishN(t, nc, "s.a", 100)
	r := openDurable(t, nc, "S", reader.Position{},
		func(c *reader.DurableConfig) { c.Timing.Expires = 300 * time.Millisecond })
	got := readUntil(t, r, 100)
	wantSeqs(t, got, 1, 100)
	ack(t, r, 50)
	natstest.Eventually(t, 5*time.Second, "end of our pulls",
		func() bool { return consumerInfo(t, nc, "S").NumWaiting == 0 })
	reset(t, nc, "S")
	other := pullAll(t, nc, "S", 50) // 51 to 100, consumer sequences 1 to 50
	if len(other) != 50 {
		t.Fatalf("the other reader got %d messages", len(other))
	}
	natstest.PublishN(t, nc, "s.a", 100)
	natstest.Eventually(t, 10*time.Second, "ErrDisturbed", func() bool {
		_, _ = r.Next(short(t))
		return errors.Is(r.Check(natstest.Context(t)), reader.ErrDisturbed)
	})
}

func short(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}

// pullAll takes n messages as another reader.
func pullAll(t testing.TB, nc *nats.Conn, stream string, n int) []jetstream.Msg {
	t.Helper()
	c, err := natstest.JetStream(t, nc).Consumer(natstest.Context(t), stream, "D")
	if err != nil {
		t.Fatal(err)
	}
	var all []jetstream.Msg
	for len(all) < n {
		batch, err := c.Fetch(n-len(all), jetstream.FetchMaxWait(time.Second))
		if err != nil {
			t.Fatal(err)
		}
		before := len(all)
		for m := range batch.Messages() {
			all = append(all, m)
		}
		if len(all) == before {
			break
		}
	}
	return all
}

func TestDurableStandsBy(t *testing.T) {
	s := natstest.Start(t)
	nc := s.Connect()
	natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "S"})
	natstest.PublishN(t, nc, "s.a", 100)
	other := s.Connect()
	first := openDurable(t, other, "S", reader.Position{})
	wantSeqs(t, readUntil(t, first, 100), 1, 100)
	second := openDurable(t, nc, "S", reader.Position{})
	if b, err := second.Next(short(t)); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("beside a live reader: %d messages, %v", len(b.Messages), err)
	}
	wantCheck(t, first, nil)
	other.Close()
	wantSeqs(t, readUntil(t, second, 100), 1, 100)
	wantCheck(t, second, nil)
}

// What the stream's own limits drop while it waits for its cut is in hand. That is not a disturbance.
func TestDurableToleratesLimits(t *testing.T) {
	nc := natstest.Start(t).Connect()
	js := natstest.JetStream(t, nc)
	for name, drop := range map[string]func(stream jetstream.Stream) error{
		"purge":    func(s jetstream.Stream) error { return s.Purge(natstest.Context(t), jetstream.WithPurgeSequence(71)) },
		"purgeall": func(s jetstream.Stream) error { return s.Purge(natstest.Context(t)) },
		"interior": func(s jetstream.Stream) error {
			return errors.Join(s.DeleteMsg(natstest.Context(t), 60), s.DeleteMsg(natstest.Context(t), 80))
		},
	} {
		t.Run(name, func(t *testing.T) {
			natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: name})
			natstest.PublishN(t, nc, name+".a", 100)
			r := openDurable(t, nc, name, reader.Position{})
			wantSeqs(t, readUntil(t, r, 100), 1, 100)
			ack(t, r, 50)
			stream, err := js.Stream(natstest.Context(t), name)
			if err != nil {
				t.Fatal(err)
			}
			if err := drop(stream); err != nil {
				t.Fatal(err)
			}
			wantCheck(t, r, nil)
			ack(t, r, 90)
			wantCheck(t, r, nil)
			natstest.PublishN(t, nc, name+".a", 10)
			wantSeqs(t, readUntil(t, r, 110), 101, 110)
			wantCheck(t, r, nil)
		})
	}
}

func TestDurableExpiryOnWorkQueue(t *testing.T) {
	nc := natstest.Start(t).Connect()
	natstest.CreateStream(t, nc,
		jetstream.StreamConfig{Name: "S", Retention: jetstream.WorkQueuePolicy, MaxAge: time.Second, Duplicates: time.Second})
	r := openDurable(t, nc, "S", reader.Position{})
	natstest.PublishN(t, nc, "s.a", 100)
	wantSeqs(t, readUntil(t, r, 100), 1, 100)
	ack(t, r, 10)
	src := reader.NewSource(nc, "", "S")
	natstest.Eventually(t, 10*time.Second, "expiry", func() bool {
		info, err := src.Info(natstest.Context(t))
		return err == nil && info.Messages == 0
	})
	wantCheck(t, r, nil)
}
