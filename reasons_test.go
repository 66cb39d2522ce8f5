package jetcapture_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// These tests take messages out of a stream before they are read, and look for the reason that the archive gives.

// wantReasons checks what the archive says about the sequences of S that are in no file.
func (r *rig) wantReasons(lost map[string]int, absent map[string]uint64) {
	r.t.Helper()
	a := r.archive("S")
	got := map[string]int{}
	for reason, seqs := range a.Lost() {
		got[reason] = len(seqs)
	}
	if !maps.Equal(got, lost) || !maps.Equal(a.AbsentBy(), absent) {
		r.t.Errorf("lost %v, absent %v; want %v, %v", got, a.AbsentBy(), lost, absent)
	}
}

// remove deletes messages.
func (r *rig) remove(seqs ...uint64) {
	r.t.Helper()
	for _, seq := range seqs {
		if err := r.stream().DeleteMsg(natstest.Context(r.t), seq); err != nil {
			r.t.Fatal(err)
		}
	}
}

// purge purges the stream.
func (r *rig) purge(opts ...jetstream.StreamPurgeOpt) {
	r.t.Helper()
	if err := r.stream().Purge(natstest.Context(r.t), opts...); err != nil {
		r.t.Fatal(err)
	}
}

// TestReasons: the same messages get the same word, wherever they lay in the stream. keep says whether an older message
// stays before them.
func TestReasons(t *testing.T) {
	for _, tt := range []struct {
		name      string
		configure func(c *jetstream.StreamConfig)
		take      func(r *rig) // takes the messages 11 to 20 out of the stream, the second of s.0 to s.9
		lost      string
	}{
		{"a newer message of the subject", func(c *jetstream.StreamConfig) { c.MaxMsgsPerSubject = 1 }, func(r *rig) {
			r.publish(10, tens()...)
		}, "expired"},
		{"its own lifetime", func(c *jetstream.StreamConfig) { c.AllowMsgTTL = true }, func(r *rig) {
			r.remove(seqs(r.last-9, r.last)...) // nobody can tell this from the end of a lifetime
		}, "expired"},
		{"deleted", nil, func(r *rig) { r.remove(seqs(r.last-9, r.last)...) }, "removed"},
		{"purged by subject", nil, func(r *rig) { r.purge(jetstream.WithPurgeSubject("s.*")) }, "removed"},
	} {
		for _, keep := range []bool{true, false} {
			for _, consumer := range []string{"", "arch"} {
				t.Run(fmt.Sprintf("%s, keep %v, consumer %q", tt.name, keep, consumer), func(t *testing.T) {
					r := newRig(t, func(c *jetstream.StreamConfig) {
						if tt.configure != nil {
							tt.configure(c)
						}
					})
					o := r.options()
					o.NATSConsumerName, o.CreateConsumer = consumer, consumer != ""
					if keep {
						r.publish(1, "s.old.keep")
					}
					r.publish(10, tens()...)
					capture(r, o)
					r.publish(10, tens()...)
					tt.take(r)
					r.publish(5, "s.new.1", "s.new.2")
					s := capture(r, o)
					r.wantReasons(map[string]int{tt.lost: int(s.Lost)}, nil)
					if s.Lost < 10 || s.LostBy[tt.lost] != s.Lost {
						t.Errorf("%d messages are lost, by reason %v; want 10 at least", s.Lost, s.LostBy)
					}
				})
			}
		}
	}
}

func tens() (subjects []string) {
	for i := range 10 {
		subjects = append(subjects, fmt.Sprintf("s.%d", i))
	}
	return subjects
}

// TestReasonOfTheOldest: limits that take the oldest messages explain a gap at the head, and no other.
func TestReasonOfTheOldest(t *testing.T) {
	r := newRig(t, func(c *jetstream.StreamConfig) { c.MaxMsgs = 20 })
	r.publish(10)
	capture(r, r.options())
	r.publish(40) // 11 to 30 are dropped
	r.remove(40, 41)
	capture(r, r.options())
	r.wantReasons(map[string]int{"expired": 20, "removed": 2}, nil)
}

// TestReasonOfAge: messages that have grown old are expired.
func TestReasonOfAge(t *testing.T) {
	r := newRig(t, func(c *jetstream.StreamConfig) { c.MaxAge = 500 * time.Millisecond })
	r.publish(10)
	capture(r, r.options())
	r.publish(10)
	natstest.Eventually(t, patience, "empty stream", func() bool { return r.stream().CachedInfo().State.Msgs == 0 })
	s := capture(r, r.options())
	r.wantReasons(map[string]int{"expired": int(s.Lost)}, nil)
	if s.Lost == 0 {
		t.Error("nothing is lost")
	}
}

// TestPurgedBeyondTheEnd: sequences that no message ever had are not lost, whether the stream is still empty when the
// capture starts or messages come while it runs.
func TestPurgedBeyondTheEnd(t *testing.T) {
	for _, storage := range []jetstream.StorageType{jetstream.FileStorage, jetstream.MemoryStorage} {
		t.Run(storage.String(), func(t *testing.T) {
			r := newRig(t, func(c *jetstream.StreamConfig) { c.Storage = storage })
			r.publish(100)
			capture(r, r.options())
			r.purge(jetstream.WithPurgeSequence(1000))
			capture(r, r.options())
			r.wantReasons(nil, map[string]uint64{"never-existed": 899})
			r.last = 999
			r.publish(5)
			capture(r, r.options())
			r.purge(jetstream.WithPurgeSequence(2000))
			c := start(r, r.nc, with(r.options(), func(o *options) { o.Once = false }))
			c.untilState(jetcapture.StateReading)
			r.last = 1999
			r.publish(5)
			c.untilRead(2004)
			c.finish()
			r.wantReasons(nil, map[string]uint64{"never-existed": 899 + 995})
		})
	}
}

// TestPurgedBeyondTheEndOfAReader: the same under a running capture, which asks while the stream is empty.
func TestPurgedBeyondTheEndOfAReader(t *testing.T) {
	for _, consumer := range []string{"", "arch"} {
		t.Run(fmt.Sprintf("consumer %q", consumer), func(t *testing.T) {
			r := newRig(t)
			c := start(r, r.nc, with(r.options(), func(o *options) {
				o.Once, o.NATSConsumerName, o.CreateConsumer = false, consumer, consumer != ""
			}))
			r.publish(100)
			c.untilRead(100)
			r.purge(jetstream.WithPurgeSequence(1000))
			r.awaitAnswer("$JS.API.STREAM.INFO.S")
			r.last = 999
			r.publish(5)
			c.untilRead(1004)
			c.finish()
			r.wantReasons(nil, map[string]uint64{"never-existed": 899})
		})
	}
}

// awaitAnswer waits until the server has answered a request that comes from now on.
func (r *rig) awaitAnswer(subject string) {
	r.t.Helper()
	answers, err := r.nc.SubscribeSync(nats.InboxPrefix + ">")
	if err != nil {
		r.t.Fatal(err)
	}
	asked, err := r.nc.SubscribeSync(subject)
	if err != nil {
		r.t.Fatal(err)
	}
	request, err := asked.NextMsg(patience)
	if err != nil {
		r.t.Fatal(err)
	}
	natstest.Eventually(r.t, patience, "answer to "+subject, func() bool {
		answer, err := answers.NextMsg(patience)
		return err == nil && answer.Subject == request.Reply
	})
}

// TestPurgedUnreadAndBeyond: what was published and purged unread is lost, and the rest as well, since nobody can say
// where the messages ended.
func TestPurgedUnreadAndBeyond(t *testing.T) {
	r := newRig(t)
	r.publish(100)
	capture(r, r.options())
	r.publish(10)
	r.purge(jetstream.WithPurgeSequence(201))
	capture(r, r.options())
	r.wantReasons(map[string]int{"removed": 100}, nil)
}

// TestReasonsWithAFilter: what the stream has and the filter leaves out is filtered. Of what is gone, nobody can say
// whether it was a message of the capture.
func TestReasonsWithAFilter(t *testing.T) {
	r := newRig(t)
	o := with(r.options(), func(o *options) { o.FilterSubjects = []string{"s.1"} })
	r.publish(40) // ten of s.1
	s := capture(r, o)
	r.wantReasons(nil, map[string]uint64{"filtered": 30})
	wantEqual(t, "filtered in Stats", s.AbsentBy["filtered"], 30)
	r.publish(40)
	r.remove(41, 42, 50)
	s = capture(r, o)
	r.wantReasons(nil, map[string]uint64{"filtered": 59, "unknown": 3})
	wantEqual(t, "lost", s.Lost, 0)
}

// TestAckedElsewhere: what another client takes through the consumer is acked elsewhere, whether it is taken from a
// running capture or between two runs.
func TestAckedElsewhere(t *testing.T) {
	for _, policy := range []jetstream.RetentionPolicy{jetstream.WorkQueuePolicy, jetstream.InterestPolicy} {
		for _, running := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, running %v", policy, running), func(t *testing.T) {
				r := newRig(t, retention(policy))
				consumer := r.consumer(func(c *jetstream.ConsumerConfig) { c.MaxDeliver = -1 })
				r.publish(100)
				var taken []uint64
				if running {
					c := start(r, r.nc, with(r.throughConsumer(), func(o *options) { o.Once = false }))
					c.untilRead(100)
					taken = r.takeThrough(consumer, 8)
					c.stop()
					_ = c.end() // the last cut may be left to the next start
				} else {
					capture(r, r.throughConsumer())
					taken = r.takeThrough(consumer, 8)
				}
				r.publish(20)
				capture(r, r.throughConsumer())
				a := r.wantAll()
				wantSlice(t, "acked elsewhere", a.Lost()["acked-elsewhere"], taken)
				wantEqual(t, "absent", a.Absent(), 0)
			})
		}
	}
}

// takeThrough publishes messages until another client, which asks a consumer for n of them, has them. It returns those
// that the client got, and acknowledged. A capture that runs takes the others.
func (r *rig) takeThrough(c jetstream.Consumer, n int) (taken []uint64) {
	r.t.Helper()
	batch, err := c.Fetch(n)
	if err != nil {
		r.t.Fatal(err)
	}
	for len(taken) < n {
		select {
		case m, ok := <-batch.Messages():
			if !ok {
				r.t.Fatalf("the other client got %v, want %d messages: %v", taken, n, batch.Error())
			}
			meta, err := m.Metadata()
			if err == nil {
				err = m.DoubleAck(r.t.Context())
			}
			if err != nil {
				r.t.Fatal(err)
			}
			taken = append(taken, meta.Sequence.Stream)
		default:
			r.publish(1)
		}
	}
	return taken
}

// TestBucketIsToldOnce: a KV bucket is made to drop values. That is counted, and no warning.
func TestBucketIsToldOnce(t *testing.T) {
	r := newRig(t)
	kv, err := r.js().CreateKeyValue(natstest.Context(t), jetstream.KeyValueConfig{Bucket: "B", History: 1})
	if err != nil {
		t.Fatal(err)
	}
	var told []jetcapture.Lost
	var log bytes.Buffer
	o := with(r.options(), func(o *options) {
		o.NATSStreamName, o.Logger = "KV_B", slog.New(slog.NewTextHandler(&log, nil))
		o.Hooks.Lost = func(l jetcapture.Lost) { told = append(told, l) }
	})
	lost := int64(0)
	for range 3 {
		for i := range 20 {
			if _, err := kv.PutString(natstest.Context(t), fmt.Sprint("k", i%4), "v"); err != nil {
				t.Fatal(err)
			}
		}
		s := capture(r, o)
		lost += s.Lost
		wantEqual(t, "expired", s.LostBy["expired"], s.Lost)
	}
	if lost != 32 || len(told) != 2 || !told[0].Expected {
		t.Errorf("%d lost, the hook heard %+v", lost, told)
	}
	if text := log.String(); strings.Contains(text, "level=WARN") {
		t.Errorf("warned:\n%s", text)
	}
}
