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
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func openDurable(t testing.TB, nc *nats.Conn, stream string, at reader.Position,
	change ...func(*reader.DurableConfig),
) *reader.Durable {
	t.Helper()
	cfg := reader.DurableConfig{Name: "D", Create: true, Logger: logger(t), Timing: quick}
	for _, c := range change {
		c(&cfg)
	}
	r, err := reader.OpenDurable(natstest.Context(t), source(nc, stream), cfg, at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return r
}

// reopenDurable closes a reader and opens another one of the same consumer, as a capture does after ErrDisturbed.
func reopenDurable(t testing.TB, nc *nats.Conn, stream string, r *reader.Durable, at reader.Position) *reader.Durable {
	t.Helper()
	if err := r.Close(natstest.Context(t)); err != nil {
		t.Fatal(err)
	}
	return openDurable(t, nc, stream, at)
}

// consumerInfo looks up the test's consumer.
func consumerInfo(t testing.TB, nc *nats.Conn, stream string) *jetstream.ConsumerInfo {
	t.Helper()
	c, err := natstest.JetStream(t, nc).Consumer(natstest.Context(t), stream, "D")
	if err != nil {
		t.Fatal(err)
	}
	return c.CachedInfo()
}

// createConsumer makes the test's consumer with explicit acks and a change.
func createConsumer(t testing.TB, nc *nats.Conn, stream string, change func(*jetstream.ConsumerConfig)) {
	t.Helper()
	cfg := jetstream.ConsumerConfig{Durable: "D", AckPolicy: jetstream.AckExplicitPolicy}
	if change != nil {
		change(&cfg)
	}
	if _, err := natstest.JetStream(t, nc).CreateConsumer(natstest.Context(t), stream, cfg); err != nil {
		t.Fatal(err)
	}
}

func wantCheck(t testing.TB, r reader.Reader, want error) {
	t.Helper()
	if err := r.Check(natstest.Context(t)); !errors.Is(err, want) {
		t.Fatalf("check: %v, want %v", err, want)
	}
}

func ack(t testing.TB, r reader.Reader, to uint64) {
	t.Helper()
	if err := r.Ack(natstest.Context(t), to); err != nil {
		t.Fatalf("ack to %d: %v", to, err)
	}
}

func TestDurableReadsAndAcks(t *testing.T) {
	nc := natstest.Start(t).Connect()
	natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "S"})
	const n = 5_000
	natstest.PublishN(t, nc, "s.a", n)
	r := openDurable(t, nc, "S", reader.Position{}, func(c *reader.DurableConfig) { c.MaxAge = time.Hour })
	wantSeqs(t, readUntil(t, r, n), 1, n)
	wantCheck(t, r, nil)
	for _, to := range []uint64{1, 2000, 2000, 4999} {
		ack(t, r, to)
		info := consumerInfo(t, nc, "S")
		if info.AckFloor.Stream != to || info.NumAckPending != n-int(to) {
			t.Fatalf("after ack to %d: floor %d, %d pending", to, info.AckFloor.Stream, info.NumAckPending)
		}
		wantCheck(t, r, nil)
	}
	ack(t, r, n)
	natstest.PublishN(t, nc, "s.a", 100)
	wantSeqs(t, readUntil(t, r, n+100), n+1, n+100)
	wantCheck(t, r, nil)
	cfg := consumerInfo(t, nc, "S").Config
	if cfg.AckWait != 4*time.Hour || cfg.MaxAckPending != 1_000_000 || cfg.MaxDeliver != -1 || cfg.InactiveThreshold != 0 {
		t.Errorf("created consumer: %+v", cfg)
	}
}

// A reader that is killed leaves everything unacknowledged; the next one gets it again at once, though AckWait is an
// hour, and acknowledges by itself what the position covers.
func TestDurableKilledAndReopened(t *testing.T) {
	s := natstest.Start(t)
	nc := s.Connect()
	natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "S", Retention: jetstream.WorkQueuePolicy})
	natstest.PublishN(t, nc, "s.a", 1000)
	first := s.Connect()
	r := openDurable(t, first, "S", reader.Position{})
	wantSeqs(t, readUntil(t, r, 1000), 1, 1000)
	ack(t, r, 100)
	first.Close()
	again := openDurable(t, nc, "S", reader.Position{After: 600})
	wantSeqs(t, readUntil(t, again, 1000), 601, 1000)
	wantCheck(t, again, nil)
	natstest.Eventually(t, 5*time.Second, "ack of what is stored",
		func() bool { return consumerInfo(t, nc, "S").AckFloor.Stream == 600 })
	wantCheck(t, again, nil)
	ack(t, again, 1000)
	if info := consumerInfo(t, nc, "S"); info.NumAckPending != 0 || info.AckFloor.Stream != 1000 {
		t.Errorf("at the end: %d pending, floor %d", info.NumAckPending, info.AckFloor.Stream)
	}
}

// MaxAckPending filled by messages that are stored already must not stop the reader.
func TestDurableSmallMaxAckPending(t *testing.T) {
	nc := natstest.Start(t).Connect()
	natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "S"})
	createConsumer(t, nc, "S", func(c *jetstream.ConsumerConfig) { c.MaxAckPending = 50 })
	natstest.PublishN(t, nc, "s.a", 500)
	r := openDurable(t, nc, "S", reader.Position{After: 300})
	got := readUntil(t, r, 350)
	wantSeqs(t, got, 301, uint64(300+len(got)))
	if why, near := r.AcksNear(time.Now()); !near || !strings.Contains(why, "max_ack_pending 50") {
		t.Errorf("acks near: %q, %t", why, near)
	}
	if n, limit := r.Unacked(); n != len(got) || limit != 50 {
		t.Errorf("%d unacknowledged of %d, want %d of 50", n, limit, len(got))
	}
	for last := got[len(got)-1].Seq; last < 500; {
		ack(t, r, last)
		got = append(got, readUntil(t, r, min(last+10, 500))...)
		last = got[len(got)-1].Seq
	}
	wantSeqs(t, got, 301, 500)
	wantCheck(t, r, nil)
	ack(t, r, 500)
	if n, limit := r.Unacked(); n != 0 || limit != 50 {
		t.Errorf("%d unacknowledged of %d in the end", n, limit)
	}
}

func TestDurableShortAckWait(t *testing.T) {
	nc := natstest.Start(t).Connect()
	natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "S"})
	createConsumer(t, nc, "S", func(c *jetstream.ConsumerConfig) { c.AckWait = 300 * time.Millisecond })
	natstest.PublishN(t, nc, "s.a", 200)
	r := openDurable(t, nc, "S", reader.Position{})
	got := readUntil(t, r, 200)
	natstest.Eventually(t, 5*time.Second, "warning of AckWait", func() bool {
		why, near := r.AcksNear(time.Now())
		return near && strings.Contains(why, "ack_wait 300ms")
	})
	// Nothing may come twice while the messages are redelivered again and again.
	idle, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	for {
		b, err := r.Next(idle)
		if err != nil {
			break
		}
		got = append(got, b.Messages...)
	}
	wantSeqs(t, got, 1, 200)
	ack(t, r, 200)
	natstest.PublishN(t, nc, "s.a", 10)
	wantSeqs(t, append(got, readUntil(t, r, 210)...), 1, 210)
}

func TestDurableConnectionCut(t *testing.T) {
	s := natstest.Start(t)
	proxy := natstest.NewProxy(t, s.Addr())
	direct := s.Connect()
	natstest.CreateStream(t, direct, jetstream.StreamConfig{Name: "S", Retention: jetstream.InterestPolicy})
	createConsumer(t, direct, "S", func(c *jetstream.ConsumerConfig) { c.MaxAckPending = 100_000 })
	const n = 6_000
	natstest.PublishN(t, direct, "s.a", n)
	r := openDurable(t, natstest.Connect(t, proxy.URL()), "S", reader.Position{},
		func(c *reader.DurableConfig) { c.PullBytes = 32 << 10 })
	var got []reader.Message
	for cuts := 0; len(got) < n; {
		b, err := r.Next(natstest.Context(t))
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, b.Messages...)
		if len(got) > (cuts+1)*n/4 && cuts < 3 {
			ack(t, r, got[len(got)/2].Seq)
			proxy.Cut()
			cuts++
		}
	}
	wantSeqs(t, got, 1, n)
	wantCheck(t, r, nil)
	ack(t, r, n)
	natstest.Eventually(t, 15*time.Second, "empty stream after the last ack", func() bool {
		_, _ = r.Next(short(t)) // what comes again is acknowledged
		info, err := reader.NewSource(direct, "", "S").Info(natstest.Context(t))
		return err == nil && info.Messages == 0
	})
	wantCheck(t, r, nil)
}

func TestDurableServerRestart(t *testing.T) {
	s := natstest.Start(t)
	nc := s.Connect()
	natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "S", Retention: jetstream.WorkQueuePolicy})
	natstest.PublishN(t, nc, "s.a", 2000)
	r := openDurable(t, nc, "S", reader.Position{}, func(c *reader.DurableConfig) { c.PullBytes = 20 << 10 })
	got := readUntil(t, r, 300)
	ack(t, r, 100)
	s.Restart()
	got = append(got, readUntil(t, r, 2000)...)
	wantSeqs(t, got, 1, 2000)
	wantCheck(t, r, nil)
}

// On WorkQueue and Interest streams a message stays until it is acknowledged.
func TestDurableKeepsUntilAck(t *testing.T) {
	nc := natstest.Start(t).Connect()
	for _, retention := range []jetstream.RetentionPolicy{jetstream.WorkQueuePolicy, jetstream.InterestPolicy} {
		t.Run(retention.String(), func(t *testing.T) {
			name := "S" + fmt.Sprint(int(retention))
			natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: name, Retention: retention})
			r := openDurable(t, nc, name, reader.Position{})
			natstest.PublishN(t, nc, strings.ToLower(name)+".a", 100)
			wantSeqs(t, readUntil(t, r, 100), 1, 100)
			src := reader.NewSource(nc, "", name)
			for _, to := range []uint64{0, 40, 100} {
				ack(t, r, to)
				natstest.Eventually(t, 5*time.Second, "removal", func() bool {
					info, err := src.Info(natstest.Context(t))
					return err == nil && info.Messages == 100-to
				})
			}
			wantCheck(t, r, nil)
		})
	}
}

func TestDurableGone(t *testing.T) {
	nc := natstest.Start(t).Connect()
	js := natstest.JetStream(t, nc)
	for name, c := range map[string]struct {
		retention jetstream.RetentionPolicy
		create    bool
	}{
		"limits":         {jetstream.LimitsPolicy, true},
		"limits-bind":    {jetstream.LimitsPolicy, false},
		"workqueue":      {jetstream.WorkQueuePolicy, true},
		"interest":       {jetstream.InterestPolicy, true},
		"interest-bound": {jetstream.InterestPolicy, false},
	} {
		t.Run(name, func(t *testing.T) {
			natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: name, Retention: c.retention})
			createConsumer(t, nc, name, nil)
			natstest.PublishN(t, nc, name+".a", 10)
			r := openDurable(t, nc, name, reader.Position{}, func(cfg *reader.DurableConfig) { cfg.Create = c.create })
			wantSeqs(t, readUntil(t, r, 10), 1, 10)
			ack(t, r, 5)
			if err := js.DeleteConsumer(natstest.Context(t), name, "D"); err != nil {
				t.Fatal(err)
			}
			natstest.PublishN(t, nc, name+".a", 10)
			if c.create && c.retention == jetstream.LimitsPolicy {
				if _, err := readError(t, r); !errors.Is(err, reader.ErrDisturbed) {
					t.Fatalf("got error %v", err)
				}
				again := reopenDurable(t, nc, name, r, reader.Position{After: 5})
				wantSeqs(t, readUntil(t, again, 20), 6, 20)
				wantCheck(t, again, nil)
				if floor := again.Floor(); floor != 5 {
					t.Errorf("the new consumer's ack floor is %d, want 5", floor)
				}
				return
			}
			var gone *reader.ConsumerGoneError
			if _, err := readError(t, r); !errors.As(err, &gone) {
				t.Fatalf("got error %v", err)
			}
		})
	}
}

func TestDurableUnknownConsumer(t *testing.T) {
	nc := natstest.Start(t).Connect()
	natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "S"})
	src := reader.NewSource(nc, "", "S")
	cfg := reader.DurableConfig{Name: "nobody"}
	_, err := reader.OpenDurable(natstest.Context(t), src, cfg, reader.Position{})
	var gone *reader.ConsumerGoneError
	if !errors.As(err, &gone) || !strings.Contains(err.Error(), `consumer "nobody" on stream "S" does not exist`) {
		t.Errorf("open: %v", err)
	}
	if _, err := reader.AckFloor(natstest.Context(t), src, cfg); err == nil {
		t.Error("no error for the ack floor of an unknown consumer")
	}
	cfg.Create = true
	if floor, err := reader.AckFloor(natstest.Context(t), src, cfg); err != nil || floor != 0 {
		t.Errorf("ack floor of one that is created: %d, %v", floor, err)
	}
	if _, err := natstest.JetStream(t, nc).Consumer(natstest.Context(t), "S", "nobody"); err != nil {
		t.Errorf("the consumer after AckFloor: %v", err)
	}
}

// Newer servers name the domain and the account in the reply subjects.
func TestLongReplySubjects(t *testing.T) {
	nc := natstest.Start(t, func(o *server.Options) {
		o.FeatureFlags = map[string]bool{server.FeatureFlagJsAckFormatV2: true}
	}).Connect()
	natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "S"})
	natstest.PublishN(t, nc, "s.a", 100)
	o := openOrdered(t, nc, "S", reader.Position{})
	got := readUntil(t, o, 100)
	wantSeqs(t, got, 1, 100)
	if reply := got[0].Msg.Reply; strings.Count(reply, ".") < 10 {
		t.Fatalf("the server still sends %s", reply)
	}
	d := openDurable(t, nc, "S", reader.Position{})
	wantSeqs(t, readUntil(t, d, 100), 1, 100)
	ack(t, d, 60)
	wantCheck(t, d, nil)
	if info := consumerInfo(t, nc, "S"); info.AckFloor.Stream != 60 {
		t.Errorf("ack floor %d, want 60", info.AckFloor.Stream)
	}
}
