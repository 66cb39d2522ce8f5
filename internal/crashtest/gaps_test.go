package crashtest_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/bucket/buckettest"
	"github.com/jetcapture/jetcapture/internal/crashtest"
	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/jetcapture/jetcapture/internal/oracle"
	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// gap is a way to take messages out of a stream.
type gap struct {
	name string
	take func(t *testing.T, s jetstream.Stream, held []oracle.Message)
}

func purge(opts ...jetstream.StreamPurgeOpt) func(*testing.T, jetstream.Stream, []oracle.Message) {
	return func(t *testing.T, s jetstream.Stream, _ []oracle.Message) {
		if err := s.Purge(natstest.Context(t), opts...); err != nil {
			t.Fatal(err)
		}
	}
}

// deleteThird deletes every third message.
func deleteThird(t *testing.T, s jetstream.Stream, held []oracle.Message) {
	for i := 0; i < len(held); i += 3 {
		if err := s.DeleteMsg(natstest.Context(t), held[i].Seq); err != nil {
			t.Fatal(err)
		}
	}
}

func gaps() []gap {
	return []gap{
		{"purge all", purge()},
		{"purge but 10", purge(jetstream.WithPurgeKeep(10))},
		{"purge a subject", purge(jetstream.WithPurgeSubject("holes.2"))},
		{"purge below 70", purge(jetstream.WithPurgeSequence(70))},
		{"delete every third", deleteThird},
	}
}

// TestGaps takes messages out of a stream before they are read, and others after they were read but before they are
// stored. What was read is stored. The rest is recorded: as lost if the stream shows that, otherwise as absent. Nothing
// else is missing.
func TestGaps(t *testing.T) {
	t.Parallel()
	for _, m := range modes() {
		for _, g := range gaps() {
			t.Run(m.name+", "+g.name, func(t *testing.T) {
				t.Parallel()
				testGap(t, m, g)
			})
		}
	}
}

func testGap(t *testing.T, m mode, g gap) {
	srv := natstest.Start(t)
	nc := srv.Connect()
	s := natstest.CreateStream(t, nc,
		jetstream.StreamConfig{Name: "HOLES", Retention: m.retention, Storage: jetstream.MemoryStorage})
	if m.retention == jetstream.InterestPolicy {
		createConsumer(t, s, m.consumer())
	}
	read := func(o *options) { o.NATSConsumerName = m.consumer() }
	b := bucket.NewMem()
	publishMore(t, nc, "HOLES", "stored", 50)
	r := run(t, nc, "HOLES", b, read)
	r.stored(50)
	r.stop()

	publishMore(t, nc, "HOLES", "unread", 50)
	all := append(stored(0, "stored", 50), stored(50, "unread", 50)...)
	g.take(t, s, all[50:])
	publishMore(t, nc, "HOLES", "read", 50)
	all = append(all, stored(100, "read", 50)...)
	left := crashtest.Held(t, nc, "HOLES")
	if !m.deletes() { // what is stored is still there
		left = after(left, 50)
	}
	r = run(t, nc, "HOLES", b, openWindow, read)
	r.read(len(left))
	g.take(t, s, left) // these are in hand
	if moved := crashtest.Held(t, nc, "HOLES"); m.deletes() && len(moved) < len(left) {
		// On the consumer that looks as if another process had acknowledged them, so what is in hand proves nothing any more.
		r.cancel()
		if err := r.wait(); !errors.Is(err, reader.ErrDisturbed) {
			t.Errorf("the capture ended with: %v", err)
		}
		r.warned("the consumer is not where this reader left it")
		r = run(t, nc, "HOLES", b, read, func(o *options) { o.Once = true })
		if err := r.wait(); err != nil {
			t.Fatal(err)
		}
	} else {
		r.stop()
	}
	a := crashtest.ReadBucket(t, b, "HOLES")
	crashtest.ExactlyOnce(t, a, kept(t, a, all, crashtest.Held(t, nc, "HOLES")))
	if a.To() != 150 || len(a.Incarnations()) != 1 {
		t.Errorf("stored up to %d in %d incarnations", a.To(), len(a.Incarnations()))
	}
	lost := 0
	for _, seqs := range a.Lost() {
		lost += len(seqs)
	}
	if int(r.capture.Stats().Lost) != lost || (lost > 0) != (len(r.toldLost()) > 0) {
		t.Errorf("%d lost, counted are %d, the hook heard of %v", lost, r.capture.Stats().Lost, r.toldLost())
	}
}

// stored returns the messages that publishMore stores after the sequence seq.
func stored(seq uint64, mark string, n int) (all []oracle.Message) {
	for i := range n {
		all = append(all, oracle.Message{
			Seq: seq + uint64(i) + 1, Subject: fmt.Sprintf("holes.%d", i%4), Data: fmt.Appendf(nil, "%s %d", mark, i),
		})
	}
	return all
}

func after(messages []oracle.Message, seq uint64) (rest []oracle.Message) {
	for _, m := range messages {
		if m.Seq > seq {
			rest = append(rest, m)
		}
	}
	return rest
}

// TestRetentionOutruns captures a stream whose limits drop messages faster than a slow store takes them.
func TestRetentionOutruns(t *testing.T) {
	t.Parallel()
	for _, limits := range []jetstream.StreamConfig{
		{Name: "HASTE", MaxMsgs: 200, Description: "max_msgs"},
		{Name: "HASTE", MaxAge: 500 * time.Millisecond, Description: "max_age"},
	} {
		t.Run(limits.Description, func(t *testing.T) {
			t.Parallel()
			srv := natstest.Start(t)
			nc := srv.Connect()
			limits.Storage = jetstream.MemoryStorage
			natstest.CreateStream(t, nc, limits)
			mem := bucket.NewMem()
			slow := buckettest.NewFaulty(mem, func(buckettest.Call) buckettest.Kind { return buckettest.Slow })
			slow.Delay = 200 * time.Millisecond
			r := run(t, nc, "HASTE", slow, func(o *options) {
				o.Compression, o.MemoryLimit, o.BufferToDisk, o.MaxIdle = jetcapture.None, 4<<20, false, time.Second
			})
			r.until("reading", func(s jetcapture.Stats) bool { return s.State == "reading" })
			const n, burst = 1500, 250
			large := make([]byte, 16<<10)
			_, _ = rand.NewChaCha8([32]byte{}).Read(large) // never fails; random bytes do not compress
			var all []oracle.Message
			for i := 0; i < n; i += burst {
				natstest.Publish(t, nc, burst, func(j int) *nats.Msg {
					m := &nats.Msg{Subject: "haste.x", Data: fmt.Appendf(nil, "%d %s", i+j, large)}
					all = append(all, oracle.Message{Seq: uint64(i + j + 1), Subject: m.Subject, Data: m.Data})
					return m
				})
			}
			r.until("the end of the stream", func(s jetcapture.Stats) bool {
				return s.LastSeq == n || crashtest.State(t, nc, "HASTE").Msgs == 0
			})
			r.stop()
			rest := run(t, nc, "HASTE", mem, func(o *options) { o.Compression, o.Once = jetcapture.None, true })
			if err := rest.wait(); err != nil {
				t.Fatal(err)
			}
			a := crashtest.ReadBucket(t, mem, "HASTE")
			crashtest.ExactlyOnce(t, a, kept(t, a, all, nil))
			lost := len(a.Lost()["expired"])
			t.Logf("%d lost and %d absent of %d, %d cuts", lost, a.Absent(), n, len(a.Cuts))
			counted := r.countLost() + rest.countLost()
			if lost == 0 || counted != int64(lost) || a.To() != n || slow.Counts()[buckettest.Slow] == 0 {
				t.Errorf("%d lost, counted are %d; stored up to %d of %d", lost, counted, a.To(), n)
			}
		})
	}
}

// countLost returns how many messages the capture counts as lost. It fails the test if the hook did not hear of them.
func (r *running) countLost() int64 {
	r.Helper()
	lost := r.capture.Stats().Lost
	if lost > 0 {
		r.warned("the source has lost messages before they were captured")
		if got := fmt.Sprint(r.toldLost()); got != "[expired]" {
			r.Errorf("the hook heard of %s", got)
		}
	}
	return lost
}
