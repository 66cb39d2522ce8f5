package crashtest_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/bucket/buckettest"
	"github.com/jetcapture/jetcapture/internal/crashtest"
	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/nats-io/nats.go/jetstream"
)

// trouble is what another process does to a durable consumer under load, or how the consumer was made.
type trouble struct {
	name    string
	config  func(*jetstream.ConsumerConfig)   // of the consumer, as an operator made it
	do      func(w *consumed)                 // nil: nothing
	slow    time.Duration                     // of each operation of the store
	steals  bool                              // another process acknowledges messages, which are gone where an ack deletes
	seen    string                            // what the log must contain
	noticed func(s jetcapture.Stats) bool     // whether the capture has noticed it
	ends    func(err error, m mode) (ok bool) // nil: the capture goes on
}

func troubles() []trouble {
	repositioned := func(s jetcapture.Stats) bool { return s.Repositions > 0 }
	return []trouble{
		{
			name: "reset by somebody else", do: (*consumed).reset, seen: "the consumer is not where this reader left it",
			noticed: repositioned,
		},
		{
			name: "acknowledged by somebody else", do: (*consumed).steal, steals: true,
			seen: "standing by: another reader seems to pull from the consumer",
		},
		{name: "paused", do: (*consumed).pause},
		{name: "made smaller", do: (*consumed).shrink, seen: "max_ack_pending"},
		{
			name: "ack wait of a second, slow store", slow: 100 * time.Millisecond, seen: "ack_wait",
			config: func(c *jetstream.ConsumerConfig) { c.AckWait = time.Second },
		},
		{name: "deleted", do: (*consumed).remove, ends: func(err error, m mode) bool {
			var gone *reader.ConsumerGoneError
			return m.deletes() && errors.As(err, &gone)
		}},
	}
}

// consumed is a capture of a stream under load through a durable consumer.
type consumed struct {
	*testing.T
	mode   mode
	stream jetstream.Stream
	js     jetstream.JetStream
	r      *running
}

const consumedStream = "TAKEN"

// TestConsumerTrouble moves, deletes, pauses and changes the durable consumer of a capture under load. Nothing is lost
// and nothing comes twice. What another process took is recorded.
func TestConsumerTrouble(t *testing.T) {
	t.Parallel()
	for _, m := range []mode{modes()[1], modes()[3]} {
		for _, tr := range troubles() {
			t.Run(m.name+", "+tr.name, func(t *testing.T) {
				t.Parallel()
				testTrouble(t, m, tr)
			})
		}
	}
}

func testTrouble(t *testing.T, m mode, tr trouble) {
	srv := natstest.Start(t)
	nc := srv.Connect()
	w := &consumed{T: t, mode: m, js: natstest.JetStream(t, nc)}
	w.stream = natstest.CreateStream(t, nc,
		jetstream.StreamConfig{Name: consumedStream, Retention: m.retention, Storage: jetstream.MemoryStorage})
	if tr.config != nil {
		createConsumer(t, w.stream, m.consumer(), tr.config)
	}
	mem := bucket.NewMem()
	store := buckettest.NewFaulty(mem, func(buckettest.Call) buckettest.Kind {
		if tr.slow > 0 {
			return buckettest.Slow
		}
		return buckettest.None
	})
	store.Delay = tr.slow
	settings := func(o *options) {
		o.NATSConsumerName, o.MaxMessages, o.MaxAge = m.consumer(), 20, time.Second
	}
	load := crashtest.StartLoad(t, srv.Connect(), 500, func(i int) string { return fmt.Sprintf("taken.%d", i%4) })
	w.r = run(t, nc, consumedStream, store, settings)
	w.r.until("cuts", func(s jetcapture.Stats) bool { return s.Cuts >= 3 })
	if tr.do != nil {
		tr.do(w)
	}
	if tr.ends != nil && m.deletes() {
		if err := w.r.wait(); !tr.ends(err, m) {
			t.Fatalf("the capture ended with: %v", err)
		}
		createConsumer(t, w.stream, m.consumer()) // as the error advises
		w.r = run(t, nc, consumedStream, store, settings)
	}
	if tr.noticed != nil {
		w.r.until("sign that it was noticed", tr.noticed)
	}
	cuts := w.r.capture.Stats().Cuts
	w.r.until("further cuts", func(s jetcapture.Stats) bool { return s.Cuts > cuts+2 })
	all := load.Stop()
	last := all[len(all)-1].Seq
	w.r.stored(last)
	w.r.stop()
	if tr.seen != "" {
		w.r.warned(tr.seen)
	}
	a := crashtest.ReadBucket(t, mem, consumedStream)
	rest := kept(t, a, all, crashtest.Held(t, nc, consumedStream))
	crashtest.ExactlyOnce(t, a, rest)
	if missing := len(all) - len(rest) + len(a.Lost()["acked-elsewhere"]); (missing > 0) != (tr.steals && m.deletes()) ||
		len(a.Incarnations()) != 1 {
		t.Errorf("%d messages of %d are missing: lost %v, absent %d", missing, len(all), a.Lost(), a.Absent())
	}
	if m.deletes() && crashtest.State(t, nc, consumedStream).Msgs > 0 {
		t.Error("messages are left in the stream")
	}
}

// reset does what "nats consumer reset" does.
func (w *consumed) reset() {
	if _, err := w.js.Conn().Request("$JS.API.CONSUMER.RESET."+consumedStream+"."+w.mode.consumer(), nil,
		crashtest.Patience); err != nil {
		w.Fatal(err)
	}
}

// steal takes messages through the same consumer.
func (w *consumed) steal() {
	c, err := w.js.Consumer(natstest.Context(w.T), consumedStream, w.mode.consumer())
	if err != nil {
		w.Fatal(err)
	}
	taken := 0
	natstest.Eventually(w.T, crashtest.Patience, "messages for somebody else", func() bool {
		batch, err := c.Fetch(20, jetstream.FetchMaxWait(time.Second))
		if err != nil {
			return false
		}
		for m := range batch.Messages() {
			if m.DoubleAck(natstest.Context(w.T)) == nil {
				taken++
			}
		}
		return taken > 10
	})
}

func (w *consumed) pause() {
	_, err := w.js.PauseConsumer(natstest.Context(w.T), consumedStream, w.mode.consumer(), time.Now().Add(2*time.Second))
	if err != nil {
		w.Fatal(err)
	}
}

func (w *consumed) shrink() {
	c, err := w.js.Consumer(natstest.Context(w.T), consumedStream, w.mode.consumer())
	if err != nil {
		w.Fatal(err)
	}
	config := c.CachedInfo().Config
	config.MaxAckPending = 50
	if _, err := w.js.UpdateConsumer(natstest.Context(w.T), consumedStream, config); err != nil {
		w.Fatal(err)
	}
}

func (w *consumed) remove() {
	if err := w.js.DeleteConsumer(natstest.Context(w.T), consumedStream, w.mode.consumer()); err != nil {
		w.Fatal(err)
	}
}
