package jetcapture_test

import (
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/bucket/buckettest"
	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/jetcapture/jetcapture/internal/oracle"
	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/nats-io/nats.go/jetstream"
)

// retention configures the retention of a stream.
func retention(p jetstream.RetentionPolicy) func(*jetstream.StreamConfig) {
	return func(c *jetstream.StreamConfig) { c.Retention = p }
}

// throughConsumer are options of a capture through the durable consumer C, which it makes.
func (r *rig) throughConsumer() options {
	return with(r.options(), func(o *options) { o.NATSConsumerName, o.CreateConsumer = "C", true })
}

// untilEmpty waits until the stream holds no message, because all are acknowledged.
func (r *rig) untilEmpty() {
	r.t.Helper()
	natstest.Eventually(r.t, patience, "empty stream", func() bool {
		info, err := r.stream().Info(r.t.Context())
		return err == nil && info.State.Msgs == 0
	})
}

func TestDurableOnLimits(t *testing.T) {
	r := newRig(t)
	r.publish(100)
	for range 3 {
		capture(r, r.throughConsumer())
		r.wantAll()
		r.wantPending(0, 0)
		r.publish(50)
	}
}

// TestWorkQueue: an ack deletes, so none may come before its message is stored.
func TestWorkQueue(t *testing.T) {
	for _, policy := range []jetstream.RetentionPolicy{jetstream.WorkQueuePolicy, jetstream.InterestPolicy} {
		t.Run(policy.String(), func(t *testing.T) {
			r := newRig(t, retention(policy))
			r.consumer(func(c *jetstream.ConsumerConfig) { c.MaxDeliver = -1 })
			r.publish(200)
			o := r.throughConsumer()
			o.Hooks.BlockStored = func(jetcapture.BlockStored) {
				if info, err := r.stream().Info(t.Context()); err != nil || info.State.Msgs < 200 {
					t.Errorf("before the cut is done, the stream holds %d messages, error %v", info.State.Msgs, err)
				}
			}
			capture(r, o)
			r.wantAll()
			r.untilEmpty()
			o.Hooks.BlockStored = nil
			capture(r, o)
			r.publish(50)
			capture(r, o)
			if a := r.wantAll(); a.To() != 250 || a.Absent() != 0 || len(a.Lost()) != 0 {
				t.Errorf("stored up to %d, %d absent, lost %v", a.To(), a.Absent(), a.Lost())
			}
			r.untilEmpty()
		})
	}
}

// TestWorkQueueContinuously cuts often, cuts the connection and restarts the capture, while messages come.
func TestWorkQueueContinuously(t *testing.T) {
	r := newRig(t, retention(jetstream.WorkQueuePolicy))
	proxy := natstest.NewProxy(t, r.server.Addr())
	nc := natstest.Connect(t, proxy.URL())
	o := with(r.throughConsumer(), func(o *options) { o.Once, o.MaxIdle, o.MaxMessages = false, 100*time.Millisecond, 50 })
	for range 3 {
		c := start(r, nc, o)
		// A start does not wait for a server.
		c.untilState(jetcapture.StateReading)
		for range 3 {
			r.publish(200)
			proxy.Cut()
		}
		c.untilStored(r.last - 100)
		c.finish()
	}
	capture(r, r.throughConsumer())
	r.wantAll()
	r.untilEmpty()
}

func TestWorkQueueNeedsAConsumer(t *testing.T) {
	for _, policy := range []jetstream.RetentionPolicy{jetstream.WorkQueuePolicy, jetstream.InterestPolicy} {
		t.Run(policy.String(), func(t *testing.T) {
			r := newRig(t, retention(policy))
			_, err := tryCapture(r, r.options())
			if err == nil || !strings.Contains(err.Error(), "durable") || len(r.names()) != 0 {
				t.Errorf("Run = %v, objects %v", err, r.names())
			}
		})
	}
}

// TestDurableStart: a durable consumer begins at its ack floor, and no other start is accepted.
func TestDurableStart(t *testing.T) {
	r := newRig(t)
	r.publish(30)
	c := r.consumer(func(c *jetstream.ConsumerConfig) { c.MaxDeliver = -1 })
	batch, err := c.Fetch(12)
	if err != nil {
		t.Fatal(err)
	}
	for m := range batch.Messages() {
		if err := m.DoubleAck(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	_, err = tryCapture(r, with(r.throughConsumer(), func(o *options) { o.Start = jetcapture.Start{Seq: 5} }))
	wantText(t, err, "ack floor")
	capture(r, r.throughConsumer())
	r.wantFrom("S", 13)
}

// TestDurableRefused names everything that is wrong with a consumer, before anything is stored.
func TestDurableRefused(t *testing.T) {
	r := newRig(t)
	r.publish(10)
	r.consumer(func(c *jetstream.ConsumerConfig) {
		c.MaxDeliver, c.HeadersOnly, c.FilterSubject = 3, true, "s.1"
		c.DeliverPolicy, c.InactiveThreshold = jetstream.DeliverNewPolicy, time.Hour
	})
	// A consumer that ends by itself will do only if another one may be made.
	_, err := tryCapture(r, with(r.throughConsumer(), func(o *options) { o.CreateConsumer = false }))
	u, ok := errorAs[*reader.UnsuitableError](err)
	if !ok || len(u.Reasons) != 5 || u.Consumer != "C" {
		t.Errorf("Run = %v", err)
	}
	r.wantNoFiles()
}

func TestDurableMissing(t *testing.T) {
	r := newRig(t)
	r.publish(10)
	_, err := tryCapture(r, with(r.throughConsumer(), func(o *options) { o.CreateConsumer = false }))
	if err == nil || !strings.Contains(err.Error(), `"C"`) && !strings.Contains(err.Error(), "consumer C") {
		t.Errorf("Run = %v", err)
	}
}

// TestShortAckWait and a small MaxAckPending make cuts come early, and no message twice.
func TestShortAckWait(t *testing.T) {
	for name, change := range map[string]func(*jetstream.ConsumerConfig){
		"ack wait":        func(c *jetstream.ConsumerConfig) { c.AckWait = 2 * time.Second },
		"max ack pending": func(c *jetstream.ConsumerConfig) { c.MaxAckPending = 50 },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, retention(jetstream.WorkQueuePolicy))
			r.consumer(func(c *jetstream.ConsumerConfig) {
				c.MaxDeliver = -1
				change(c)
			})
			c := start(r, r.nc, with(r.throughConsumer(), func(o *options) { o.Once = false }))
			r.publish(120)
			c.untilStored(80)
			c.finish()
			capture(r, r.throughConsumer())
			if a := r.wantAll(); !slices.Contains(a.Reasons(), "pressure") {
				t.Errorf("cuts for %v", a.Reasons())
			}
			r.untilEmpty()
		})
	}
}

// TestConsumerMovedByOthers: a consumer that another client has moved is noticed before a cut. Nothing is lost or
// stored twice.
func TestConsumerMovedByOthers(t *testing.T) {
	r := newRig(t, retention(jetstream.WorkQueuePolicy))
	c := start(r, r.nc, with(r.throughConsumer(), func(o *options) { o.Once = false }))
	r.publish(100)
	c.untilRead(100)
	m, err := r.nc.Request("$JS.API.CONSUMER.RESET.S.C", nil, patience)
	if err != nil || strings.Contains(string(m.Data), "error") {
		t.Fatalf("reset: %v, %s", err, m.Data)
	}
	r.publish(100)
	c.untilRead(200)
	c.finish()
	if s := c.Stats(); s.Messages != 200 { // those that were read again count once
		t.Errorf("stats %+v", s)
	}
	capture(r, r.throughConsumer())
	r.wantAll()
	r.untilEmpty()
}

// TestDurableDeadAndSkipped: dead letters and skipped messages are acknowledged, too.
func TestDurableDeadAndSkipped(t *testing.T) {
	for _, policy := range []jetcapture.PoisonPolicy{jetcapture.PoisonDeadLetter, jetcapture.PoisonSkip} {
		t.Run(string(policy), func(t *testing.T) {
			r := newRig(t, retention(jetstream.WorkQueuePolicy))
			poison := r.publishMixed(50)
			o := r.lines(&counted{}, direct)
			o.NATSConsumerName, o.CreateConsumer, o.Poison = "C", true, policy
			s := capture(r, o)
			r.wantLines()
			r.untilEmpty()
			if s.Dead+s.Skipped != int64(len(poison)) {
				t.Errorf("stats %+v", s)
			}
		})
	}
}

// TestWorkQueueWithAStoreThatFails: nothing is acknowledged until it is stored, however long that takes.
func TestWorkQueueWithAStoreThatFails(t *testing.T) {
	r := newRig(t, retention(jetstream.WorkQueuePolicy))
	r.publish(60)
	var refuse atomic.Bool
	refuse.Store(true)
	under := r.bucket
	r.bucket = buckettest.NewFaulty(under, func(c buckettest.Call) buckettest.Kind {
		if refuse.Load() && c.Op == buckettest.OpPutNew && !strings.HasPrefix(c.Name, "_jetcapture/") {
			return buckettest.ErrorBefore
		}
		return buckettest.None
	})
	c := start(r, r.nc, with(r.throughConsumer(), func(o *options) { o.Once, o.MaxIdle = false, 100*time.Millisecond }))
	c.until("capture that has tried often", func(s jetcapture.Stats) bool { return s.Retries >= 8 })
	info, err := r.stream().Info(t.Context())
	if err != nil || info.State.Msgs != 60 {
		t.Errorf("the stream holds %d messages, error %v", info.State.Msgs, err)
	}
	r.bucket = under
	c.stop() // within DrainTimeout the store comes back
	refuse.Store(false)
	if err := c.end(); err != nil {
		t.Errorf("Run = %v", err)
	}
	r.wantAll()
	r.untilEmpty()
}

// TestUsedWorkQueue: on a work queue that others have read, a new capture makes its consumer and begins with what is
// left.
func TestUsedWorkQueue(t *testing.T) {
	r := newRig(t, retention(jetstream.WorkQueuePolicy))
	r.publish(30)
	r.takeAway(10)
	capture(r, r.throughConsumer())
	r.wantFrom("S", 11)
	r.untilEmpty()
	// From now on, a consumer that is missing was deleted.
	r.publish(10)
	if err := r.stream().DeleteConsumer(t.Context(), "C"); err != nil {
		t.Fatal(err)
	}
	_, err := tryCapture(r, r.throughConsumer())
	if _, gone := errorAs[*reader.ConsumerGoneError](err); !gone {
		t.Errorf("Run without the consumer = %v", err)
	}
}

// wantBoth checks that the archive has two incarnations, with the messages of the old stream and of the new one.
func (r *rig) wantBoth(old, now []oracle.Message) *oracle.Archive {
	r.t.Helper()
	a := r.archive("S")
	ids := a.Incarnations()
	if len(ids) != 2 {
		r.t.Fatalf("incarnations %v", ids)
	}
	if err := a.Of(ids[0]).ExactlyOnce(old, oracle.NatsMessage); err != nil {
		r.t.Errorf("the old stream: %v", err)
	}
	if err := a.Of(ids[1]).ExactlyOnce(now, oracle.NatsMessage); err != nil {
		r.t.Errorf("the new stream: %v", err)
	}
	return a
}

// TestWorkQueueRecreated: messages of the old stream are stored, though the consumer that could prove them complete is
// gone.
func TestWorkQueueRecreated(t *testing.T) {
	r := newRig(t, retention(jetstream.WorkQueuePolicy))
	r.publish(30)
	c := start(r, r.nc, with(r.throughConsumer(), func(o *options) { o.Once = false }))
	c.untilRead(30)
	old := r.held
	r.recreate(retention(jetstream.WorkQueuePolicy))
	r.publish(20)
	c.until("capture of the new stream", func(s jetcapture.Stats) bool { return s.Incarnations == 1 && s.LastSeq == 20 })
	c.finish()
	r.wantBoth(old, r.held)
	r.untilEmpty()
}

// TestWorkQueueRecreatedElsewhere recreates a work queue with another first sequence, and lets others read of it before
// there is a consumer of ours. The capture enters it like a new work queue.
func TestWorkQueueRecreatedElsewhere(t *testing.T) {
	r := newRig(t, retention(jetstream.WorkQueuePolicy))
	r.publish(30)
	capture(r, r.throughConsumer())
	old := r.held
	r.recreate(retention(jetstream.WorkQueuePolicy), func(c *jetstream.StreamConfig) { c.FirstSeq = 1000 })
	r.last = 999
	r.publish(30)
	r.takeAway(10)
	capture(r, r.throughConsumer())
	r.wantBoth(old, r.held[10:])
	r.untilEmpty()
}

// takeAway reads and acknowledges the first n messages of a work queue through another consumer, which it then deletes.
func (r *rig) takeAway(n int) {
	r.t.Helper()
	c := r.consumer(func(c *jetstream.ConsumerConfig) { c.Durable = "other" })
	batch, err := c.Fetch(n)
	if err != nil {
		r.t.Fatal(err)
	}
	for m := range batch.Messages() {
		if err := m.DoubleAck(r.t.Context()); err != nil {
			r.t.Fatal(err)
		}
	}
	if err := r.stream().DeleteConsumer(r.t.Context(), "other"); err != nil {
		r.t.Fatal(err)
	}
}
