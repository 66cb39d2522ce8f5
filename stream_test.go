package jetcapture_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/jetcapture/jetcapture/internal/oracle"
	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// continuous returns options for a capture that goes on until it is stopped, and cuts as soon as nothing more comes.
func (r *rig) continuous() options {
	return with(r.options(), func(o *options) { o.Once, o.MaxIdle = false, 200*time.Millisecond })
}

// forget drops messages from those that the archive must hold.
func (r *rig) forget(gone func(seq uint64) bool) {
	r.held = slices.DeleteFunc(r.held, func(m oracle.Message) bool { return gone(m.Seq) })
}

func TestUnknownStream(t *testing.T) {
	r := newRig(t)
	o := with(r.options(), func(o *options) { o.NATSStreamName, o.Once = "UNKNOWN", false })
	_, err := tryCapture(r, o)
	if !errors.Is(err, reader.ErrStreamNotFound) || !strings.Contains(err.Error(), "UNKNOWN") || len(r.names()) != 0 {
		t.Errorf("Run = %v, objects %v", err, r.names())
	}
}

func TestNoJetStream(t *testing.T) {
	r := newRig(t)
	o := with(r.options(), func(o *options) { o.APIPrefix = "$JS.nowhere.API" })
	if _, err := tryCapture(r, o); !errors.Is(err, reader.ErrNoJetStream) {
		t.Errorf("Run = %v", err)
	}
}

func TestDeletedMessages(t *testing.T) {
	r := newRig(t)
	r.publish(100)
	gone := func(seq uint64) bool { return seq%7 == 3 || seq >= 40 && seq < 60 || seq == 100 }
	for _, m := range r.held {
		if gone(m.Seq) {
			if err := r.stream().DeleteMsg(t.Context(), m.Seq); err != nil {
				t.Fatal(err)
			}
		}
	}
	r.forget(gone)
	s := capture(r, r.options())
	a := r.wantAll()
	removed := 100 - len(r.held)
	wantEqual(t, "stored up to", a.To(), 100)
	wantEqual(t, "removed in the archive", len(a.Lost()["removed"]), removed)
	wantEqual(t, "removed in Stats", s.LostBy["removed"], int64(removed))
	wantEqual(t, "absent", s.Absent, 0)
	r.publish(10)
	capture(r, r.options())
	r.wantAll()
}

// TestPurgeBetweenRuns: messages that were dropped unread are recorded as lost.
func TestPurgeBetweenRuns(t *testing.T) {
	r := newRig(t)
	r.publish(30)
	capture(r, r.options())
	r.publish(30)
	if err := r.stream().Purge(t.Context(), jetstream.WithPurgeSequence(51)); err != nil { // 31 to 50 were not read
		t.Fatal(err)
	}
	var lost []jetcapture.Lost
	o := with(r.options(), func(o *options) { o.Hooks.Lost = func(l jetcapture.Lost) { lost = append(lost, l) } })
	s := capture(r, o)
	a := r.wantAll()
	wantSlice(t, "removed", a.Lost()["removed"], seqs(31, 50))
	wantEqual(t, "lost in Stats", s.Lost, 20)
	if len(lost) != 1 {
		t.Fatalf("the hook heard %+v, want one loss", lost)
	}
	lost[0].Detail = ""
	wantEqual(t, "Lost", lost[0], jetcapture.Lost{Reason: "removed", Messages: 20, From: 31, To: 50})
}

// seqs returns the sequences from first to last.
func seqs(first, last uint64) (all []uint64) {
	for seq := first; seq <= last; seq++ {
		all = append(all, seq)
	}
	return all
}

// TestPurgeWhileCapturing: a purge does not touch the messages in open blocks.
func TestPurgeWhileCapturing(t *testing.T) {
	r := newRig(t)
	o := with(r.options(), func(o *options) { o.Once = false })
	c := start(r, r.nc, o)
	r.publish(100)
	c.untilRead(100)
	if err := r.stream().Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.publish(50)
	c.untilRead(150)
	c.finish()
	if s := c.Stats(); s.Lost != 0 || s.Absent != 0 {
		t.Errorf("stats %+v", s)
	}
	r.wantAll()
}

// TestPurgeAheadOfTheReader: the clock closes the last window, although the server's last word was that more would
// come.
func TestPurgeAheadOfTheReader(t *testing.T) {
	r := newRig(t)
	r.publishNoise(400, 100_000, "s.a") // more than can be in flight
	hold := make(chan struct{})
	o := with(r.options(), func(o *options) {
		o.Once, o.MaxAge, o.Grace = false, 5*time.Second, 100*time.Millisecond
		o.MemoryLimit, o.Compression = 8<<20, jetcapture.None
		decode := o.MessageDecoder
		o.MessageDecoder = func(m *nats.Msg) (*jetcapture.NatsMessage, string, error) {
			<-hold
			return decode(m)
		}
	})
	c := start(r, r.nc, o)
	natstest.Eventually(t, patience, "delivery", func() bool {
		for info := range r.stream().ListConsumers(t.Context()).Info() {
			return info.Delivered.Consumer > 10
		}
		return false
	})
	if err := r.stream().Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	close(hold)
	c.until("cut of the last window", func(s jetcapture.Stats) bool { return s.Reasons["window"] > 0 })
	c.finish()
	s := c.Stats()
	if s.Messages == 400 {
		t.Errorf("stats %+v", s)
	}
	// The capture may end before the server reports the purge.
	r.forget(func(seq uint64) bool { return seq > s.LastSeq && s.Lost == 0 })
	r.wantAll()
}

func TestStreamRecreatedBetweenRuns(t *testing.T) {
	r := newRig(t)
	r.publish(40)
	capture(r, r.options())
	first := r.wantAll()
	old := r.held
	r.recreate()
	r.publish(25)
	var lost []jetcapture.Lost
	o := with(r.options(), func(o *options) { o.Hooks.Lost = func(l jetcapture.Lost) { lost = append(lost, l) } })
	s := capture(r, o)
	a := r.wantBoth(old, r.held)
	wantEqual(t, "the old incarnation", a.Incarnations()[0], first.Incarnations()[0])
	wantEqual(t, "Stats.Incarnations", s.Incarnations, 1)
	if len(lost) == 0 || lost[0].Reason != "diverged" {
		t.Errorf("the hook heard %+v, want diverged first", lost)
	}
	capture(r, r.options())
	if again := r.archive("S"); len(again.Incarnations()) != 2 || len(again.Cuts) != len(a.Cuts) {
		t.Errorf("a run with nothing to do made %v", again.Reasons()[len(a.Cuts):])
	}
}

// recreate deletes the stream and creates it again.
func (r *rig) recreate(configure ...func(*jetstream.StreamConfig)) {
	r.t.Helper()
	if err := r.js().DeleteStream(r.t.Context(), "S"); err != nil {
		r.t.Fatal(err)
	}
	r.held, r.last = nil, 0
	r.createStream(configure...)
}

// TestStreamRecreatedWhileCapturing: messages of the old stream are cut before the new one is entered.
func TestStreamRecreatedWhileCapturing(t *testing.T) {
	r := newRig(t)
	c := start(r, r.nc, with(r.options(), func(o *options) { o.Once = false }))
	r.publish(40)
	c.untilRead(40)
	old := r.held
	r.recreate()
	r.publish(25)
	c.until("capture of the new stream", func(s jetcapture.Stats) bool { return s.Incarnations == 1 && s.LastSeq == 25 })
	c.finish()
	a := r.wantBoth(old, r.held)
	if !slices.Contains(a.Reasons(), "diverged") {
		t.Errorf("cuts for %v", a.Reasons())
	}
}

// TestStreamDeleted: a capture waits for its stream, and with Once it ends.
func TestStreamDeleted(t *testing.T) {
	r := newRig(t)
	r.publish(10)
	c := start(r, r.nc, r.continuous())
	c.untilStored(10)
	if err := r.js().DeleteStream(t.Context(), "S"); err != nil {
		t.Fatal(err)
	}
	_, err := tryCapture(r, with(r.options(), func(o *options) { o.Archive.Instance = "two" }))
	if !errors.Is(err, reader.ErrStreamNotFound) {
		t.Errorf("with Once: Run = %v, want %v", err, reader.ErrStreamNotFound)
	}
	r.held, r.last = nil, 0
	r.createStream()
	r.publish(5)
	c.until("capture of the new stream", func(s jetcapture.Stats) bool { return s.Incarnations == 1 && s.StoredSeq >= 5 })
	c.finish()
	a := r.archive("S")
	if err := a.Of(a.Incarnations()[1]).ExactlyOnce(r.held, oracle.NatsMessage); err != nil {
		t.Error(err)
	}
}

func TestServerRestart(t *testing.T) {
	r := newRig(t)
	c := start(r, r.nc, r.continuous())
	for range 3 {
		r.publish(60)
		c.untilRead(r.last)
		r.server.Restart()
		natstest.Eventually(t, patience, "connection", r.nc.IsConnected)
		r.publishSafely(60)
		c.untilRead(r.last)
	}
	c.finish()
	if a := r.wantAll(); a.To() != r.last {
		t.Errorf("stored up to %d of %d", a.To(), r.last)
	}
}

// publishSafely publishes to a server that has just started, once its stream answers.
func (r *rig) publishSafely(n int) {
	r.t.Helper()
	natstest.Eventually(r.t, patience, "stream", func() bool {
		s, err := r.js().Stream(r.t.Context(), "S")
		return err == nil && s.CachedInfo().State.LastSeq == r.last
	})
	r.publish(n)
}

// TestConnectionCut cuts and stalls the connection of the capture while messages flow.
func TestConnectionCut(t *testing.T) {
	r := newRig(t)
	proxy := natstest.NewProxy(t, r.server.Addr())
	nc := natstest.Connect(t, proxy.URL())
	c := start(r, nc, r.continuous())
	r.publish(1)
	c.untilRead(1) // a start may end with an error if the server does not answer
	for i := range 12 {
		r.publish(500)
		switch i % 4 {
		case 3:
			proxy.Stall()
			r.publish(100)
			proxy.Resume()
		default:
			proxy.Cut()
		}
		if i%3 == 0 {
			c.untilRead(r.last)
		}
	}
	c.untilRead(r.last)
	c.finish()
	r.wantAll()
}

// TestConnectionIsLeftAsFound: Run leaves the connection open, without its own subscriptions, with the handlers it had.
func TestConnectionIsLeftAsFound(t *testing.T) {
	for _, through := range []string{"", "C"} {
		t.Run(through, func(t *testing.T) {
			r := newRig(t)
			r.publish(20)
			heard := make(chan string, 10)
			nc := r.server.Connect(nats.DisconnectErrHandler(func(*nats.Conn, error) { heard <- "disconnected" }),
				nats.ReconnectHandler(func(*nats.Conn) { heard <- "reconnected" }),
				nats.ClosedHandler(func(*nats.Conn) { heard <- "closed" }))
			sub, err := nc.SubscribeSync("mine")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := nc.Request("$JS.API.INFO", nil, patience); err != nil { // the client's own inbox
				t.Fatal(err)
			}
			before := nc.NumSubscriptions()
			handler := fmt.Sprintf("%p", nc.Opts.AsyncErrorCB)
			o := with(r.continuous(), func(o *options) { o.NATSConsumerName, o.CreateConsumer = through, true })
			c := start(r, nc, o)
			c.untilStored(20)
			c.finish()
			wantEqual(t, "status", nc.Status(), nats.CONNECTED)
			wantEqual(t, "subscriptions", nc.NumSubscriptions(), before)
			wantEqual(t, "error handler", fmt.Sprintf("%p", nc.Opts.AsyncErrorCB), handler)
			if err := nc.Publish("mine", []byte("x")); err != nil {
				t.Fatal(err)
			}
			if _, err := sub.NextMsg(patience); err != nil {
				t.Errorf("a subscription that was there: %v", err)
			}
			if len(heard) != 0 {
				t.Errorf("heard %s", <-heard)
			}
			nc.Close()
			if got := <-heard; got != "disconnected" && got != "closed" {
				t.Errorf("heard %s", got)
			}
			// The ordered reader's consumer is gone, the durable one stays.
			want := 0
			if through != "" {
				want = 1
			}
			info, err := r.stream().Info(t.Context())
			if err != nil || info.State.Consumers != want {
				t.Errorf("%d consumers, want %d", info.State.Consumers, want)
			}
			r.wantAll()
		})
	}
}

// TestClosedConnection: a capture ends when its connection is closed.
func TestClosedConnection(t *testing.T) {
	r := newRig(t)
	nc := r.server.Connect()
	c := start(r, nc, with(r.options(), func(o *options) { o.Once = false }))
	r.publish(20)
	c.untilRead(20)
	nc.Close()
	closed := time.Now()
	if err := c.end(); !errors.Is(err, nats.ErrConnectionClosed) {
		t.Errorf("Run = %v", err)
	}
	if took := time.Since(closed); took > 8*time.Second { // missing heartbeats would show it later
		t.Errorf("it took %v", took)
	}
	capture(r, r.options())
	r.wantAll()
}

// TestRolledBackWhileCapturing restores an older copy of the server's store under a capture with open blocks.
func TestRolledBackWhileCapturing(t *testing.T) {
	r := newRig(t)
	o := with(r.options(), func(o *options) { o.Once, o.MaxIdle = false, time.Second })
	c := start(r, r.nc, o)
	r.publish(40)
	c.untilStored(40)
	backup := t.TempDir()
	r.server.Stop()
	r.server.CopyStore(backup)
	r.server.Restart()
	natstest.Eventually(t, patience, "connection", r.nc.IsConnected)
	r.publishSafely(30) // 41 to 70, which are not in the backup
	c.untilRead(70)
	lost := slices.Clone(r.held[40:])
	r.server.Stop()
	r.server.RestoreStore(backup)
	r.server.Restart()
	natstest.Eventually(t, patience, "connection", r.nc.IsConnected)
	r.held, r.last = r.held[:40], 40
	r.publishSafely(10) // other messages 41 to 50
	c.until("capture of the stream after it was rolled back", func(s jetcapture.Stats) bool {
		return s.Incarnations == 1 && s.StoredSeq == 50
	})
	c.finish()
	r.wantBoth(append(slices.Clone(r.held[:40]), lost...), r.held[40:])
}

// TestNoPermission: a missing permission that a cut would need is reported before anything is read.
func TestNoPermission(t *testing.T) {
	r := newRig(t)
	r.server = natstest.Start(t, func(o *server.Options) {
		o.Users = []*server.User{
			{Username: "admin", Password: "x"},
			{Username: "reader", Password: "x", Permissions: &server.Permissions{
				Publish: &server.SubjectPermission{Deny: []string{"$JS.API.STREAM.MSG.GET.>"}},
			}},
		}
	})
	r.nc = r.server.Connect(nats.UserInfo("admin", "x"))
	r.createStream()
	r.publish(10)
	r.nc = r.server.Connect(nats.UserInfo("reader", "x"))
	_, err := tryCapture(r, r.options())
	wantText(t, err, "STREAM.MSG.GET", "permission")
}

// TestCutWithoutAServer: what was read is not cut unchecked, and the log says why.
func TestCutWithoutAServer(t *testing.T) {
	r := newRig(t)
	told := make(warnings, 100)
	o := with(r.options(), func(o *options) {
		o.Once, o.MaxIdle, o.Logger = false, 2*time.Second, told.logger()
	})
	c := start(r, r.nc, o)
	r.publish(10)
	c.untilRead(10)
	r.server.Stop()
	for heard := false; !heard; {
		select {
		case line := <-told:
			heard = strings.Contains(line, "cannot be checked")
		case <-time.After(patience):
			t.Fatalf("the log says nothing, stats %+v", c.Stats())
		}
	}
	if s := c.Stats(); s.Cuts != 0 {
		t.Errorf("stats %+v", s)
	}
	r.server.Restart()
	c.untilStored(10)
	c.finish()
	r.wantAll()
}
