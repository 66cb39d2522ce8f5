package reader_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func openShared(t testing.TB, nc *nats.Conn, stream string, change ...func(*reader.SharedConfig)) *reader.Shared {
	t.Helper()
	cfg := reader.SharedConfig{Name: "D", Logger: logger(t), Timing: quick}
	for _, c := range change {
		c(&cfg)
	}
	r, err := reader.OpenShared(natstest.Context(t), reader.NewSource(nc, "", stream), cfg)
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

// takeShared adds what the reader has now to seen, by stream sequence, and returns the reply subjects.
func takeShared(t testing.TB, r *reader.Shared, seen map[uint64]int) []string {
	t.Helper()
	b, err := r.Next(short(t))
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	if b.Through != 0 {
		t.Fatalf("through %d of a shared reader", b.Through)
	}
	var replies []string
	for _, m := range b.Messages {
		seen[m.Seq]++
		replies = append(replies, m.Msg.Reply)
	}
	return replies
}

func TestSharedTwoReaders(t *testing.T) {
	nc := natstest.Start(t).Connect()
	natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "S", Retention: jetstream.WorkQueuePolicy})
	createConsumer(t, nc, "S", func(c *jetstream.ConsumerConfig) { c.MaxAckPending = 10_000 })
	small := func(c *reader.SharedConfig) { c.PullBytes = 4 << 10 }
	a, b := openShared(t, nc, "S", small), openShared(t, nc, "S", small)
	natstest.PublishN(t, nc, "s.a", 2000)
	seen := map[uint64]int{}
	natstest.Eventually(t, 15*time.Second, "delivery of all", func() bool {
		for _, r := range []*reader.Shared{a, b} {
			if err := r.AckReplies(natstest.Context(t), takeShared(t, r, seen)); err != nil {
				t.Fatal(err)
			}
		}
		return len(seen) == 2000
	})
	for seq, n := range seen {
		if n != 1 {
			t.Errorf("stream sequence %d came %d times", seq, n)
		}
	}
	natstest.Eventually(t, 5*time.Second, "removal", func() bool { return consumerInfo(t, nc, "S").NumAckPending == 0 })
}

// What is not acknowledged comes again, and the reader asks for a cut before it does.
func TestSharedRedelivery(t *testing.T) {
	nc := natstest.Start(t).Connect()
	natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "S"})
	createConsumer(t, nc, "S", func(c *jetstream.ConsumerConfig) {
		c.AckWait, c.MaxRequestBatch, c.MaxRequestExpires, c.MaxRequestMaxBytes = time.Second, 10, time.Second, 1000
	})
	natstest.PublishN(t, nc, "s.a", 30)
	r := openShared(t, nc, "S")
	seen := map[uint64]int{}
	var replies []string
	natstest.Eventually(t, 10*time.Second, "delivery", func() bool {
		replies = append(replies, takeShared(t, r, seen)...)
		return len(seen) == 30
	})
	if err := r.AckReplies(natstest.Context(t), replies[:20]); err != nil {
		t.Fatal(err)
	}
	if n, _ := r.Unacked(); n != 10 {
		t.Errorf("%d unacknowledged, want 10", n)
	}
	natstest.Eventually(t, 10*time.Second, "warning", func() bool {
		why, near := r.AcksNear(time.Now())
		return near && strings.Contains(why, "ack_wait 1s")
	})
	natstest.Eventually(t, 10*time.Second, "redelivery", func() bool {
		replies = takeShared(t, r, seen)
		return len(replies) > 0
	})
	var again []uint64
	for seq, n := range seen {
		if n > 1 {
			again = append(again, seq)
		}
	}
	slices.Sort(again)
	if len(again) == 0 || again[0] <= 20 {
		t.Errorf("came again: %v", again)
	}
}

// With nothing to read, a batch says so, because a capture up to the end of the stream waits for it.
func TestSharedSaysIdle(t *testing.T) {
	nc := natstest.Start(t).Connect()
	natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "S"})
	createConsumer(t, nc, "S", nil)
	r := openShared(t, nc, "S")
	b, err := r.Next(natstest.Context(t))
	if err != nil || len(b.Messages) != 0 || b.Pending != 0 {
		t.Fatalf("%+v, %v", b, err)
	}
	b, err = r.Next(natstest.Context(t)) // by heartbeat
	if err != nil || len(b.Messages) != 0 || b.Pending != 0 {
		t.Fatalf("%+v, %v", b, err)
	}
}

func TestSharedRefuses(t *testing.T) {
	nc := natstest.Start(t).Connect()
	natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "S"})
	createConsumer(t, nc, "S", func(c *jetstream.ConsumerConfig) { c.AckPolicy = jetstream.AckAllPolicy })
	src := reader.NewSource(nc, "", "S")
	_, err := reader.OpenShared(natstest.Context(t), src, reader.SharedConfig{Name: "D"})
	var unsuitable *reader.UnsuitableError
	if !errors.As(err, &unsuitable) || len(unsuitable.Reasons) != 1 {
		t.Errorf("ack all: %v", err)
	}
	var gone *reader.ConsumerGoneError
	if _, err := reader.OpenShared(natstest.Context(t), src, reader.SharedConfig{Name: "E"}); !errors.As(err, &gone) {
		t.Errorf("unknown consumer: %v", err)
	}
	r, err := reader.OpenShared(natstest.Context(t), src, reader.SharedConfig{Name: "E", Create: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(natstest.Context(t)); err != nil {
		t.Error(err)
	}
}

// A stream that is recreated under a reader is not read: its sequences mean other messages.
func TestSharedRecreatedStream(t *testing.T) {
	nc := natstest.Start(t).Connect()
	js := natstest.JetStream(t, nc)
	natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "S"})
	createConsumer(t, nc, "S", nil)
	natstest.PublishN(t, nc, "s.a", 10)
	was := created(t, source(nc, "S"))
	r := openShared(t, nc, "S")
	seen := map[uint64]int{}
	natstest.Eventually(t, 10*time.Second, "delivery", func() bool { takeShared(t, r, seen); return len(seen) == 10 })
	if err := js.DeleteStream(natstest.Context(t), "S"); err != nil {
		t.Fatal(err)
	}
	natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "S"})
	createConsumer(t, nc, "S", nil)
	natstest.PublishN(t, nc, "s.a", 10)
	messages, err := readError(t, r)
	var diverged *reader.DivergedError
	if !errors.As(err, &diverged) || !diverged.Was.Equal(was) || diverged.RolledBack || len(messages) != 0 {
		t.Errorf("%d messages of the new stream, then %v", len(messages), err)
	}
	_, err = reader.OpenShared(natstest.Context(t), source(nc, "S"), reader.SharedConfig{Name: "D", Created: was})
	if !errors.As(err, &diverged) {
		t.Errorf("open with the time of the old stream: %v", err)
	}
}

func TestSharedSurvivesRestart(t *testing.T) {
	s := natstest.Start(t)
	nc := s.Connect()
	natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "S"})
	createConsumer(t, nc, "S", func(c *jetstream.ConsumerConfig) { c.AckWait = time.Second })
	natstest.PublishN(t, nc, "s.a", 100)
	r := openShared(t, nc, "S")
	seen := map[uint64]int{}
	natstest.Eventually(t, 10*time.Second, "delivery", func() bool { takeShared(t, r, seen); return len(seen) == 100 })
	s.Restart()
	natstest.PublishN(t, s.Connect(), "s.a", 100)
	natstest.Eventually(t, 15*time.Second, "delivery", func() bool {
		if err := r.AckReplies(natstest.Context(t), takeShared(t, r, seen)); err != nil {
			t.Fatal(err)
		}
		return len(seen) == 200
	})
}
