package jetcapture_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// These tests edit or move the consumer of a running capture, so that it passes over messages. The stream still has
// these messages, so the archive must have them, too, exactly once.

// readMode is a way to read a stream.
type readMode struct {
	name      string
	retention jetstream.RetentionPolicy
	consumer  string // name of the capture's consumer
	durable   bool
}

func modes() []readMode {
	return []readMode{
		{"ordered", jetstream.LimitsPolicy, "jetcapture-S-one", false},
		{"durable", jetstream.LimitsPolicy, "arch", true},
		{"work queue", jetstream.WorkQueuePolicy, "arch", true},
	}
}

// eachMode runs a test in each mode, with a capture that does not cut by itself.
func eachMode(t *testing.T, f func(r *rig, m readMode, o options)) {
	for _, m := range modes() {
		t.Run(m.name, func(t *testing.T) {
			r := newRig(t, func(c *jetstream.StreamConfig) { c.Retention = m.retention })
			o := r.options()
			o.Once = false
			if m.durable {
				o.NATSConsumerName, o.CreateConsumer = m.consumer, true
			}
			f(r, m, o)
		})
	}
}

// edit changes the configuration of a consumer of S.
func (r *rig) edit(consumer string, change func(c *jetstream.ConsumerConfig)) {
	r.t.Helper()
	c, err := r.stream().Consumer(natstest.Context(r.t), consumer)
	if err != nil {
		r.t.Fatal(err)
	}
	cfg := c.CachedInfo().Config
	change(&cfg)
	if _, err := r.stream().UpdateConsumer(natstest.Context(r.t), cfg); err != nil {
		r.t.Fatal(err)
	}
}

// untilPassed waits until the consumer has nothing to deliver.
func (r *rig) untilPassed(consumer string) {
	r.t.Helper()
	natstest.Eventually(r.t, patience, "consumer with nothing pending", func() bool {
		c, err := r.stream().Consumer(natstest.Context(r.t), consumer)
		return err == nil && c.CachedInfo().NumPending == 0
	})
}

// TestFilterEditedAndBack: a filter that is edited and edited back leaves no trace but a hole in what the consumer
// delivers.
func TestFilterEditedAndBack(t *testing.T) {
	eachMode(t, func(r *rig, m readMode, o options) {
		o.MaxMessages = 100 // a cut comes when the blocks of both keys are full
		c := start(r, r.nc, o)
		r.publish(100, "s.a", "s.b")
		c.untilRead(100)
		r.passOver(m.consumer)
		r.publish(50, "s.b")
		c.untilStored(200)
		if s := c.Stats(); s.Unwitnessed != 50 || s.Absent != 0 {
			t.Errorf("%d messages were passed over and stored, %d absent, want 50 and none", s.Unwitnessed, s.Absent)
		}
		c.stop()
		_ = c.end() // after the RESET, the server may count acks so that the last cut is left to the next start
		capture(r, with(o, func(o *options) { o.Once = true }))
		r.wantAll()
		if m.retention == jetstream.WorkQueuePolicy {
			r.untilEmpty()
		}
	})
}

// TestFilterEditedAndStopped stops a capture before it can read again what was passed over. The next start reads it.
func TestFilterEditedAndStopped(t *testing.T) {
	eachMode(t, func(r *rig, m readMode, o options) {
		c := start(r, r.nc, o)
		r.publish(100, "s.a", "s.b")
		c.untilRead(100)
		r.passOver(m.consumer)
		r.publish(50, "s.b")
		c.untilRead(250)
		c.wantPassedOver()
		capture(r, with(o, func(o *options) { o.Once = true }))
		r.wantAll()
	})
}

// passOver lets a consumer pass over 50 messages of s.b.
func (r *rig) passOver(consumer string) {
	r.edit(consumer, func(c *jetstream.ConsumerConfig) { c.FilterSubject = "s.a" })
	r.publish(100, "s.a", "s.b")
	r.untilPassed(consumer)
	r.edit(consumer, func(c *jetstream.ConsumerConfig) { c.FilterSubject = "" })
}

// wantPassedOver stops a capture, which must refuse to cut because the stream has what the consumer has passed over.
func (c *running) wantPassedOver() {
	c.t.Helper()
	c.stop()
	wantText(c.t, c.end(), "was passed over and is in the stream")
}

// TestFilterEdited: the log names an edit that stays, and nothing is cut that was delivered after it.
func TestFilterEdited(t *testing.T) {
	eachMode(t, func(r *rig, m readMode, o options) {
		log := make(warnings, 1000)
		o.Logger = log.logger()
		c := start(r, r.nc, o)
		r.publish(100, "s.a", "s.b")
		c.untilRead(100)
		r.edit(m.consumer, func(c *jetstream.ConsumerConfig) { c.FilterSubject = "s.a" })
		r.publish(100, "s.a", "s.b")
		r.untilPassed(m.consumer)
		c.stop()
		err := c.end()
		if m.durable && err == nil {
			t.Error("Run = nil, want an error: it cannot go on with this consumer")
		}
		log.want(t, "filter_subjects was nothing and is")
		if m.durable {
			r.edit(m.consumer, func(c *jetstream.ConsumerConfig) { c.FilterSubject = "" })
		}
		capture(r, with(o, func(o *options) { o.Once = true }))
		r.wantAll()
	})
}

// want checks that a line with the text was logged.
func (w warnings) want(t *testing.T, text string) {
	t.Helper()
	var all []string
	for len(w) > 0 {
		all = append(all, <-w)
	}
	if !strings.Contains(strings.Join(all, ""), text) {
		t.Errorf("the log does not say %q, but %q", text, all)
	}
}

// TestHeadersOnly: with headers_only the server leaves out the payloads. In an archive they would look empty.
func TestHeadersOnly(t *testing.T) {
	eachMode(t, func(r *rig, m readMode, o options) {
		c := start(r, r.nc, o)
		r.publish(50)
		c.untilRead(50)
		r.edit(m.consumer, func(c *jetstream.ConsumerConfig) { c.HeadersOnly = true })
		r.publish(50)
		natstest.Eventually(t, patience, "reading again", func() bool {
			s := c.Stats()
			return s.Repositions > 0 || len(c.ended) > 0 // a durable consumer with headers only cannot be used
		})
		if m.durable {
			wantText(t, c.end(), "headers only")
			r.edit(m.consumer, func(c *jetstream.ConsumerConfig) { c.HeadersOnly = false })
		} else {
			c.untilRead(100)
			c.finish()
		}
		capture(r, with(o, func(o *options) { o.Once = true }))
		r.wantAll()
	})
}

// TestSizeHeaderOfAPublisher: a message without a payload may have the header that says the size of one left out.
func TestSizeHeaderOfAPublisher(t *testing.T) {
	r := newRig(t)
	r.publish(1)
	natstest.Publish(t, r.nc, 1, func(int) *nats.Msg {
		return &nats.Msg{Subject: "s.0", Header: nats.Header{"Nats-Msg-Size": {"17"}}}
	})
	r.last++
	r.publish(1)
	if s := capture(r, r.options()); s.Messages != 3 || s.Repositions != 0 {
		t.Errorf("%d messages, %d repositions, want 3 and none", s.Messages, s.Repositions)
	}
}

// TestConsumerThatLies: if consumers pass over the same messages again and again, they are read from the stream itself.
func TestConsumerThatLies(t *testing.T) {
	r := newRig(t)
	r.publish(2000)
	liar := natstest.NewLiar(t, r.server.Addr(), 1, 700, 701, 1203, 1999)
	r.nc = natstest.Connect(t, liar.URL())
	s := capture(r, r.options())
	if s.Unwitnessed != 5 || s.Absent != 0 || s.Repositions != 2 {
		t.Errorf("%d messages were passed over and stored, %d absent, %d repositions, want 5, none and 2",
			s.Unwitnessed, s.Absent, s.Repositions)
	}
	r.wantAll()
}

// TestResetForward: a consumer that is reset forward before its first delivery looks like a stream that begins later.
func TestResetForward(t *testing.T) {
	for _, m := range modes()[1:] {
		t.Run(m.name, func(t *testing.T) {
			r := newRig(t, func(c *jetstream.StreamConfig) { c.Retention = m.retention })
			o := with(r.options(), func(o *options) {
				o.Once, o.NATSConsumerName, o.CreateConsumer = false, m.consumer, true
			})
			c := start(r, r.nc, o)
			c.untilState(jetcapture.StateReading)
			r.reset(m.consumer, 50)
			r.publish(100)
			c.untilRead(100)
			c.wantPassedOver()
			capture(r, with(o, func(o *options) { o.Once = true }))
			r.wantAll()
		})
	}
}

// reset moves a consumer of S, as any client can that has the permission.
func (r *rig) reset(consumer string, seq uint64) {
	r.t.Helper()
	body, err := json.Marshal(map[string]uint64{"seq": seq})
	if err != nil {
		r.t.Fatal(err)
	}
	msg, err := r.nc.RequestWithContext(natstest.Context(r.t), "$JS.API.CONSUMER.RESET.S."+consumer, body)
	if err != nil {
		r.t.Fatal(err)
	}
	if strings.Contains(string(msg.Data), `"error"`) {
		r.t.Fatalf("reset %s: %s", consumer, msg.Data)
	}
}
