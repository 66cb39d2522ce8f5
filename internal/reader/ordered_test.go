package reader_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func openOrdered(t testing.TB, nc *nats.Conn, stream string, at reader.Position,
	change ...func(*reader.OrderedConfig),
) reader.Reader {
	t.Helper()
	cfg := reader.OrderedConfig{Name: "jetcapture-test", Logger: logger(t), Timing: quick}
	for _, c := range change {
		c(&cfg)
	}
	r, err := reader.OpenOrdered(natstest.Context(t), source(nc, stream), cfg, at)
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

func TestOrderedReadsAll(t *testing.T) {
	nc := natstest.Start(t).Connect()
	natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "S"})
	const n = 10_000
	natstest.PublishN(t, nc, "s.a", n)
	r := openOrdered(t, nc, "S", reader.Position{})
	got := readUntil(t, r, n)
	wantSeqs(t, got, 1, n)
	for i, m := range got {
		if want := fmt.Sprint(i); string(m.Msg.Data) != want || m.Msg.Subject != "s.a" || m.Size != len("s.a")+len(want) {
			t.Fatalf("message %d: %q on %q, size %d", i, m.Msg.Data, m.Msg.Subject, m.Size)
		}
		meta, err := m.Msg.Metadata()
		if err != nil || meta.Sequence.Stream != m.Seq || meta.Timestamp.UnixNano() != m.Time {
			t.Fatalf("metadata %+v, %v of message %+v", meta, err, m)
		}
	}
	if err := r.Check(natstest.Context(t)); err != nil {
		t.Fatalf("check: %v", err)
	}
}

func TestOrderedStartsAfterPosition(t *testing.T) {
	nc := natstest.Start(t).Connect()
	natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "S"})
	natstest.PublishN(t, nc, "s.a", 100)
	src := reader.NewSource(nc, "", "S")
	stored, err := src.Get(natstest.Context(t), 60)
	if err != nil {
		t.Fatal(err)
	}
	r := openOrdered(t, nc, "S", reader.Position{After: 60, Created: created(t, src), Anchor: stored.Anchor()})
	wantSeqs(t, readUntil(t, r, 100), 61, 100)
	if err := r.Close(natstest.Context(t)); err != nil {
		t.Fatal(err)
	}
	again := openOrdered(t, nc, "S", reader.Position{After: 10})
	wantSeqs(t, readUntil(t, again, 100), 11, 100)
}

func TestOrderedFilterAndGaps(t *testing.T) {
	nc := natstest.Start(t).Connect()
	stream := natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "S"})
	natstest.Publish(t, nc, 300, func(i int) *nats.Msg {
		return &nats.Msg{Subject: []string{"s.a", "s.b", "s.c.d"}[i%3], Data: []byte("x")}
	})
	ctx := natstest.Context(t)
	for _, seq := range []uint64{31, 32, 34} {
		if err := stream.DeleteMsg(ctx, seq); err != nil {
			t.Fatal(err)
		}
	}
	if err := stream.Purge(ctx, jetstream.WithPurgeSequence(11)); err != nil {
		t.Fatal(err)
	}
	for name, filter := range map[string][]string{"none": nil, "one": {"s.c.>"}, "two": {"s.a", "s.c.d"}} {
		t.Run(name, func(t *testing.T) {
			r := openOrdered(t, nc, "S", reader.Position{}, func(c *reader.OrderedConfig) { c.Filter = filter })
			var without []uint64
			for seq := uint64(11); seq <= 300; seq++ {
				kind := (seq - 1) % 3
				if seq == 31 || seq == 32 || seq == 34 || filter != nil && kind == 1 || len(filter) == 1 && kind != 2 {
					without = append(without, seq)
				}
			}
			wantSeqs(t, readUntil(t, r, 300), 11, 300, without...)
		})
	}
}

// An idle stream whose messages do not match moves the mark by heartbeats alone.
func TestOrderedHeartbeatMovesThrough(t *testing.T) {
	nc := natstest.Start(t).Connect()
	natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "S"})
	natstest.PublishN(t, nc, "s.wanted", 2)
	natstest.PublishN(t, nc, "s.other", 50)
	r := openOrdered(t, nc, "S", reader.Position{}, func(c *reader.OrderedConfig) { c.Filter = []string{"s.wanted"} })
	wantSeqs(t, readUntil(t, r, 52), 1, 2)
	natstest.PublishN(t, nc, "s.other", 8)
	wantSeqs(t, readUntil(t, r, 60), 1, 0)
}

func TestOrderedConnectionCutUnderLoad(t *testing.T) {
	s := natstest.Start(t)
	proxy := natstest.NewProxy(t, s.Addr())
	direct := s.Connect()
	natstest.CreateStream(t, direct, jetstream.StreamConfig{Name: "S"})
	const n = 12_000
	natstest.PublishN(t, direct, "s.a", n)
	nc := natstest.Connect(t, proxy.URL())
	r := openOrdered(t, nc, "S", reader.Position{}, func(c *reader.OrderedConfig) { c.PullBytes = 64 << 10 })
	var got []reader.Message
	cuts := 0
	for len(got) < n {
		b, err := r.Next(natstest.Context(t))
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, b.Messages...)
		if len(got) > (cuts+1)*n/6 && cuts < 4 {
			proxy.Cut()
			cuts++
		}
	}
	wantSeqs(t, got, 1, n)
	if cuts != 4 {
		t.Errorf("%d cuts, want 4", cuts)
	}
}

func TestOrderedStalledConnection(t *testing.T) {
	s := natstest.Start(t)
	proxy := natstest.NewProxy(t, s.Addr())
	natstest.CreateStream(t, s.Connect(), jetstream.StreamConfig{Name: "S"})
	nc := natstest.Connect(t, proxy.URL(), nats.PingInterval(100*time.Millisecond), nats.MaxPingsOutstanding(2))
	r := openOrdered(t, nc, "S", reader.Position{})
	proxy.Stall()
	natstest.PublishN(t, s.Connect(), "s.a", 100)
	short, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	if b, err := r.Next(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("through a stalled connection: %d messages, %v", len(b.Messages), err)
	}
	proxy.Resume()
	wantSeqs(t, readUntil(t, r, 100), 1, 100)
}

func TestOrderedServerRestart(t *testing.T) {
	s := natstest.Start(t)
	nc := s.Connect()
	natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "S"})
	natstest.PublishN(t, nc, "s.a", 5000)
	r := openOrdered(t, nc, "S", reader.Position{}, func(c *reader.OrderedConfig) { c.PullBytes = 64 << 10 })
	got := readUntil(t, r, 100)
	s.Restart()
	got = append(got, readUntil(t, r, 5000)...)
	wantSeqs(t, got, 1, 5000)
	s.Restart()
	natstest.PublishN(t, s.Connect(), "s.a", 10)
	wantSeqs(t, readUntil(t, r, 5010), 5001, 5010)
}

func TestOrderedConsumerDeleted(t *testing.T) {
	nc := natstest.Start(t).Connect()
	stream := natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "S"})
	natstest.PublishN(t, nc, "s.a", 10)
	r := openOrdered(t, nc, "S", reader.Position{})
	wantSeqs(t, readUntil(t, r, 10), 1, 10)
	if err := stream.DeleteConsumer(natstest.Context(t), "jetcapture-test"); err != nil {
		t.Fatal(err)
	}
	natstest.PublishN(t, nc, "s.a", 10)
	wantSeqs(t, readUntil(t, r, 20), 11, 20)
}

// A killed process leaves its consumer behind; the next one with the same name takes its place at once.
func TestOrderedReplacesLeftOver(t *testing.T) {
	nc := natstest.Start(t).Connect()
	natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "S"})
	natstest.PublishN(t, nc, "s.a", 10)
	first := openOrdered(t, nc, "S", reader.Position{})
	wantSeqs(t, readUntil(t, first, 10), 1, 10)
	second := openOrdered(t, nc, "S", reader.Position{After: 4})
	wantSeqs(t, readUntil(t, second, 10), 5, 10)
}

// Two living processes with one name take the consumer from each other. Nothing is lost, but an operator has to know.
func TestOrderedWarnsOfATwin(t *testing.T) {
	nc := natstest.Start(t).Connect()
	natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "S"})
	natstest.PublishN(t, nc, "s.a", 10)
	n := 0
	first := openOrdered(t, nc, "S", reader.Position{}, func(c *reader.OrderedConfig) {
		c.Logger = slog.New(warnings{slog.DiscardHandler, &n})
	})
	wantSeqs(t, readUntil(t, first, 10), 1, 10)
	second := openOrdered(t, nc, "S", reader.Position{})
	wantSeqs(t, readUntil(t, second, 10), 1, 10)
	natstest.PublishN(t, nc, "s.a", 10)
	wantSeqs(t, readUntil(t, first, 20), 11, 20)
	if n != 1 {
		t.Errorf("%d warnings, want 1", n)
	}
}

func TestOrderedRefusesOtherRetention(t *testing.T) {
	nc := natstest.Start(t).Connect()
	for _, retention := range []jetstream.RetentionPolicy{jetstream.InterestPolicy, jetstream.WorkQueuePolicy} {
		name := "R" + fmt.Sprint(int(retention))
		natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: name, Retention: retention})
		_, err := reader.OpenOrdered(natstest.Context(t), reader.NewSource(nc, "", name), reader.OrderedConfig{Name: "c"},
			reader.Position{})
		if err == nil || !strings.Contains(err.Error(), "durable") {
			t.Errorf("%v: %v", retention, err)
		}
	}
}

func TestOrderedHugeAndEmptyMessages(t *testing.T) {
	s := natstest.Start(t, func(o *server.Options) { o.MaxPayload = 2 << 20 })
	nc := s.Connect()
	natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "S"})
	big := bytes.Repeat([]byte("0123456789abcdef"), 64<<10)
	natstest.Publish(t, nc, 12, func(i int) *nats.Msg {
		m := &nats.Msg{Subject: "s.a"}
		if i%3 == 0 {
			m.Data = big
		}
		return m
	})
	// Pulls of 1,000 bytes must grow by themselves.
	r := openOrdered(t, nc, "S", reader.Position{}, func(c *reader.OrderedConfig) { c.PullBytes = 1000 })
	got := readUntil(t, r, 12)
	wantSeqs(t, got, 1, 12)
	for i, m := range got {
		if want := i%3 == 0; want != bytes.Equal(m.Msg.Data, big) || !want && len(m.Msg.Data) != 0 {
			t.Errorf("message %d has %d bytes", i, len(m.Msg.Data))
		}
	}
	if err := r.Check(natstest.Context(t)); err != nil {
		t.Errorf("check: %v", err)
	}
}

func TestOrderedUnparsableHeader(t *testing.T) {
	s := natstest.Start(t)
	nc := s.Connect()
	natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "S"})
	raw := "NATS/1.0\r\nno colon here\r\n\r\n"
	natstest.PublishN(t, nc, "s.a", 1)
	natstest.PublishRaw(t, s.Addr(), "s.a", raw, []byte("payload"))
	natstest.Publish(t, nc, 1, func(int) *nats.Msg {
		return &nats.Msg{Subject: "s.a", Header: nats.Header{"K": {"v", "w"}}, Data: []byte("x")}
	})
	r := openOrdered(t, nc, "S", reader.Position{})
	got := readUntil(t, r, 3)
	wantSeqs(t, got, 1, 3)
	if m := got[1]; string(m.Header) != raw || m.Msg.Header != nil || string(m.Msg.Data) != "payload" {
		t.Errorf("unparsable header: %q, %v, %q", m.Header, m.Msg.Header, m.Msg.Data)
	}
	if m := got[2]; m.Header != nil || len(m.Msg.Header["K"]) != 2 {
		t.Errorf("good header: %q, %v", m.Header, m.Msg.Header)
	}
	if err := r.Check(natstest.Context(t)); err != nil {
		t.Errorf("check: %v", err)
	}
}

func TestOrderedCloseRemovesConsumer(t *testing.T) {
	nc := natstest.Start(t).Connect()
	stream := natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "S"})
	before := nc.NumSubscriptions()
	r := openOrdered(t, nc, "S", reader.Position{})
	if err := r.Close(natstest.Context(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Consumer(natstest.Context(t), "jetcapture-test"); !errors.Is(err, jetstream.ErrConsumerNotFound) {
		t.Errorf("consumer after close: %v", err)
	}
	if after := nc.NumSubscriptions(); after > before+1 { // the client keeps one for all replies
		t.Errorf("%d subscriptions, %d before", after, before)
	}
	if nc.IsClosed() || nc.IsDraining() {
		t.Error("the connection was closed")
	}
}

// While the owner does not read, no pull is sent, and in the end the server deletes the consumer. Reading goes on with
// a new one.
func TestOrderedRestsLong(t *testing.T) {
	nc := natstest.Start(t).Connect()
	stream := natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "S"})
	natstest.PublishN(t, nc, "s.a", 10)
	r := openOrdered(t, nc, "S", reader.Position{}, func(c *reader.OrderedConfig) {
		c.Timing.Expires, c.InactiveThreshold = 200*time.Millisecond, 100*time.Millisecond
	})
	wantSeqs(t, readUntil(t, r, 10), 1, 10)
	natstest.Eventually(t, 15*time.Second, "deletion of the consumer", func() bool {
		_, err := stream.Consumer(natstest.Context(t), "jetcapture-test")
		return errors.Is(err, jetstream.ErrConsumerNotFound)
	})
	natstest.PublishN(t, nc, "s.a", 10)
	wantSeqs(t, readUntil(t, r, 20), 11, 20)
}

// What is under way is bounded by the pulls, however much the stream holds.
func TestOrderedBackPressure(t *testing.T) {
	nc := natstest.Start(t).Connect()
	stream := natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "S"})
	natstest.Publish(t, nc, 3000, func(int) *nats.Msg { return &nats.Msg{Subject: "s.a", Data: make([]byte, 1000)} })
	own := natstest.Connect(t, nc.ConnectedUrl()) // its counters are of the reader alone
	const pull = 100 << 10
	r := openOrdered(t, own, "S", reader.Position{}, func(c *reader.OrderedConfig) { c.PullBytes = pull })
	b, err := r.Next(natstest.Context(t))
	if err != nil {
		t.Fatal(err)
	}
	got := b.Messages
	natstest.Eventually(t, 5*time.Second, "end of the flow", func() bool {
		c, err := stream.Consumer(natstest.Context(t), "jetcapture-test")
		return err == nil && c.CachedInfo().NumWaiting == 0
	})
	if in := own.Stats().InBytes; in > 4*pull {
		t.Errorf("%d bytes came in for pulls of %d", in, pull)
	}
	wantSeqs(t, append(got, readUntil(t, r, 3000)...), 1, 3000)
}

// A filter that the server refuses does not become valid by waiting.
func TestBadFilterIsNotTemporary(t *testing.T) {
	nc := natstest.Start(t).Connect()
	natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "S"})
	src := source(nc, "S")
	for _, filter := range [][]string{{"s..a"}, {"s.>.a"}, {"s.>", "s.a"}, {"s.a", "s.a"}, {"s..a", "s.b"}} {
		_, ordered := reader.OpenOrdered(natstest.Context(t), src,
			reader.OrderedConfig{Name: "O", Filter: filter, Timing: quick}, reader.Position{})
		_, durable := reader.OpenDurable(natstest.Context(t), src,
			reader.DurableConfig{Name: "D", Create: true, Filter: filter, Timing: quick},
			reader.Position{})
		for _, err := range []error{ordered, durable} {
			var api *reader.APIError
			if !errors.As(err, &api) || reader.IsTemporary(err) {
				t.Errorf("%q: %v, temporary %t, answer %+v", filter, err, reader.IsTemporary(err), api)
			}
		}
	}
}

// A consumer whose server is away for a moment cannot be asked whether somebody has edited it. When it can be asked
// again, it is.
func TestOrderedWatchesItsConsumerAgain(t *testing.T) {
	srv := natstest.Start(t)
	nc := srv.Connect()
	natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "S"})
	natstest.PublishN(t, nc, "s.a", 10)
	r := openOrdered(t, nc, "S", reader.Position{}, func(c *reader.OrderedConfig) { c.Timing.Watch = time.Millisecond })
	wantSeqs(t, readUntil(t, r, 10), 1, 10)

	const ask = "$JS.API.CONSUMER.INFO.S.jetcapture-test"
	account := srv.Running().GlobalAccount()
	if err := account.AddMapping(ask, "nobody"); err != nil {
		t.Fatal(err)
	}
	wantCheck(t, r, nil)
	account.RemoveMapping(ask)

	js := natstest.JetStream(t, nc)
	if err := js.DeleteConsumer(natstest.Context(t), "S", "jetcapture-test"); err != nil {
		t.Fatal(err)
	}
	_, err := js.CreateConsumer(natstest.Context(t), "S", jetstream.ConsumerConfig{
		Name: "jetcapture-test", AckPolicy: jetstream.AckNonePolicy, InactiveThreshold: time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	natstest.Eventually(t, 10*time.Second, "check that sees the other consumer", func() bool {
		return errors.Is(r.Check(natstest.Context(t)), reader.ErrDisturbed)
	})
}

// A server that has just started may answer by an earlier consumer of the same name, which begins earlier. That is no
// rollback.
func TestOrderedIsAnsweredByAnEarlierConsumer(t *testing.T) {
	srv := natstest.Start(t)
	nc := srv.Connect()
	natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "S"})
	natstest.PublishN(t, nc, "s.a", 20)
	src := reader.NewSource(nc, "", "S")
	stored, err := src.Get(natstest.Context(t), 10)
	if err != nil {
		t.Fatal(err)
	}
	at := reader.Position{After: 10, Created: created(t, src), Anchor: stored.Anchor()}

	const create, begins, earlier = "$JS.API.CONSUMER.CREATE.S.jetcapture-test", `"opt_start_seq":11`, `"opt_start_seq":5`
	account := srv.Running().GlobalAccount()
	if err := account.AddMapping(create, "test.create"); err != nil {
		t.Fatal(err)
	}
	other := srv.Connect()
	_, err = other.Subscribe("test.create", func(m *nats.Msg) {
		account.RemoveMapping(create) // the next consumer is the right one
		request := bytes.ReplaceAll(m.Data, []byte(begins), []byte(earlier))
		answer, err := other.Request(create, request, 10*time.Second)
		if err != nil {
			t.Errorf("create the consumer: %v", err)
			return
		}
		_ = m.Respond(bytes.ReplaceAll(answer.Data, []byte(earlier), []byte(begins))) // a failure shows in the reader
	})
	if err == nil {
		err = other.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	r := openOrdered(t, nc, "S", at)
	wantSeqs(t, readUntil(t, r, 20), 11, 20)
}
