package crashtest_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/internal/crashtest"
	"github.com/jetcapture/jetcapture/internal/engine"
	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/jetcapture/jetcapture/internal/oracle"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// publishMore stores n messages of four keys on stream s. mark makes them differ from others.
func publishMore(t *testing.T, nc *nats.Conn, stream, mark string, n int) {
	t.Helper()
	natstest.Publish(t, nc, n, func(i int) *nats.Msg {
		return &nats.Msg{
			Subject: fmt.Sprintf("%s.%d", strings.ToLower(stream), i%4), Data: fmt.Appendf(nil, "%s %d", mark, i),
		}
	})
}

// openWindow keeps everything open until the end.
func openWindow(o *options) { o.MaxIdle = 0 }

func durably(o *options) { o.NATSConsumerName = "archive" }

// reachable waits until a stream answers after a restart of its server.
func reachable(t *testing.T, nc *nats.Conn, stream string) {
	t.Helper()
	js := natstest.JetStream(t, nc)
	natstest.Eventually(t, crashtest.Patience, "answer of the stream", func() bool {
		_, err := js.Stream(natstest.Context(t), stream)
		return err == nil
	})
}

// nothing does nothing.
func nothing(*options) {}

// TestRecreated deletes a stream in the middle of a window and creates another one of the same name. What was read of
// the old one is stored, and the new one is another incarnation.
func TestRecreated(t *testing.T) {
	t.Parallel()
	for _, m := range []mode{modes()[0], modes()[1], modes()[3]} {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			srv := natstest.Start(t)
			nc := srv.Connect()
			stream := natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "AGAIN", Retention: m.retention})
			publishMore(t, nc, "AGAIN", "old", 100)
			old := crashtest.Held(t, nc, "AGAIN")
			b := bucket.NewMem()
			r := run(t, nc, "AGAIN", b, openWindow, func(o *options) { o.NATSConsumerName = m.consumer() })
			r.read(100)
			if err := natstest.JetStream(t, nc).DeleteStream(natstest.Context(t), "AGAIN"); err != nil {
				t.Fatal(err)
			}
			natstest.CreateStream(t, nc, stream.CachedInfo().Config)
			publishMore(t, nc, "AGAIN", "new", 50)
			now := crashtest.Held(t, nc, "AGAIN")
			r.until("a second incarnation, read",
				func(s jetcapture.Stats) bool { return s.Incarnations == 1 && s.Messages >= 150 })
			r.stop()
			r.warned("the stream is another one now")
			judgeIncarnations(t, b, "AGAIN", old, now)
			if got := fmt.Sprint(r.toldLost()); got != "[diverged]" {
				t.Errorf("the hook heard of %s", got)
			}
		})
	}
}

// judgeIncarnations compares an archive with what the stream held in each of its lives.
func judgeIncarnations(t *testing.T, b bucket.Bucket, capture string, lives ...[]oracle.Message) *oracle.Archive {
	t.Helper()
	a := crashtest.ReadBucket(t, b, capture)
	ids := a.Incarnations()
	if len(ids) != len(lives) {
		t.Fatalf("%d incarnations, want %d", len(ids), len(lives))
	}
	for i, held := range lives {
		crashtest.ExactlyOnce(t, a.Of(ids[i]), held)
	}
	return a
}

// TestRolledBack takes a server back to an earlier state of its store, as a restored backup does.
func TestRolledBack(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		read    func(*options)
		down    bool // the capture is down meanwhile, and the stream has passed the old end when it comes back
		more    int  // messages after the rollback
		between bool // a cut ends where the copy was made
	}{
		{"ordered, and it stays behind", nothing, false, 10, true},
		{"ordered, grown again unseen", nothing, true, 80, true},
		{"ordered, no anchor at the copy", nothing, true, 80, false},
		{"durable, grown again unseen", durably, true, 80, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			srv := natstest.Start(t)
			nc := srv.Connect()
			natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "BACK"})
			b := bucket.NewMem()
			publishMore(t, nc, "BACK", "common", 60)
			if test.between {
				r := run(t, nc, "BACK", b, test.read)
				r.stored(60)
				r.stop()
			}
			backup := filepath.Join(t.TempDir(), "copy")
			srv.Stop()
			srv.CopyStore(backup)
			srv.Restart()
			reachable(t, nc, "BACK")
			publishMore(t, nc, "BACK", "old", 40)
			old := crashtest.Held(t, nc, "BACK")
			r := run(t, nc, "BACK", b, test.read)
			r.stored(100)
			if test.down {
				r.stop()
			}
			srv.Stop()
			srv.RestoreStore(backup)
			srv.Restart()
			reachable(t, nc, "BACK")
			publishMore(t, nc, "BACK", "new", test.more)
			if test.down {
				r = run(t, nc, "BACK", b, test.read)
			}
			r.until("a second incarnation", func(s jetcapture.Stats) bool { return s.Incarnations == 1 })
			last := uint64(60 + test.more)
			r.until("messages stored", func(s jetcapture.Stats) bool { return s.StoredSeq == last })
			r.stop()
			r.warned("rolled back")
			judgeRollback(t, b, old, crashtest.Held(t, nc, "BACK"))
		})
	}
}

// judgeRollback judges the two incarnations: the new one begins where both agree.
func judgeRollback(t *testing.T, b bucket.Bucket, old, now []oracle.Message) {
	t.Helper()
	a := crashtest.ReadBucket(t, b, "BACK")
	ids := a.Incarnations()
	if len(ids) != 2 {
		t.Fatalf("%d incarnations", len(ids))
	}
	const from = 60 // also if no cut ends there
	second := a.Of(ids[1])
	if second.Cuts[0].From != from {
		t.Errorf("the new incarnation begins after %d, want %d", second.Cuts[0].From, from)
	}
	crashtest.ExactlyOnce(t, a.Of(ids[0]), old)
	crashtest.ExactlyOnce(t, second, now[from:])
	if last := now[len(now)-1].Seq; second.To() != last {
		t.Errorf("stored up to %d of %d", second.To(), last)
	}
}

// TestRedoOfAnotherStream deletes a stream whose cut was planned and stored in part, and creates another one of the
// same name. Nothing of the new one may get into the files of the old one. What was not stored is recorded as lost.
func TestRedoOfAnotherStream(t *testing.T) {
	t.Parallel()
	srv := natstest.Start(t)
	for _, m := range []mode{modes()[0], modes()[1], modes()[3]} {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			c := newCapture(t, srv, m, "another")
			c.publish()
			c.crash(engine.AfterFile, 2) // of the five files of the first cut
			c.leaveOneOut()
			if err := c.js.DeleteStream(natstest.Context(t), c.name()); err != nil {
				t.Fatal(err)
			}
			c.stream = natstest.CreateStream(t, c.nc, c.stream.CachedInfo().Config)
			old := c.published[:20]
			c.published = nil
			c.publish()
			if code := c.start("", 0).Wait(); code != 0 {
				t.Fatalf("exit code %d", code)
			}
			a := judgeIncarnations(t, openDir(t, c.folder), c.name(), old, c.published)
			missing := 0
			for _, f := range a.Cuts[1].Files {
				if f.Missing {
					missing++
				}
			}
			if lost := len(a.Lost()["gone"]); lost != missing*partSize || missing == 0 || missing == keys {
				t.Errorf("%d messages are lost, %d of %d files are missing", lost, missing, keys)
			}
		})
	}
}

// leaveOneOut removes a file if all files of the first cut are there, because other storers may have finished before
// the child was killed.
func (c *capture) leaveOneOut() {
	c.t.Helper()
	var stored []string
	for info, err := range openDir(c.t, c.folder).List(natstest.Context(c.t), "", "") {
		if err != nil {
			c.t.Fatal(err)
		}
		if !strings.HasPrefix(info.Name, "_jetcapture/") {
			stored = append(stored, info.Name)
		}
	}
	if len(stored) < keys {
		return
	}
	if err := os.Remove(filepath.Join(c.folder, filepath.FromSlash(stored[0]))); err != nil {
		c.t.Fatal(err)
	}
}

func openDir(t *testing.T, folder string) bucket.Bucket {
	t.Helper()
	b, err := bucket.OpenDirReadOnly(folder)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

// TestRolledBackInHand rolls back a server while messages are in hand that it does not have afterwards. They are stored
// all the same.
func TestRolledBackInHand(t *testing.T) {
	t.Parallel()
	for _, m := range []mode{modes()[0], modes()[1], modes()[3]} {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			srv := natstest.Start(t)
			nc := srv.Connect()
			natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "BACK", Retention: m.retention})
			b := bucket.NewMem()
			publishMore(t, nc, "BACK", "common", 60)
			backup := filepath.Join(t.TempDir(), "copy")
			srv.Stop()
			srv.CopyStore(backup)
			srv.Restart()
			reachable(t, nc, "BACK")
			publishMore(t, nc, "BACK", "old", 40)
			old := crashtest.Held(t, nc, "BACK")
			r := run(t, nc, "BACK", b, openWindow, func(o *options) { o.NATSConsumerName = m.consumer() })
			r.read(100)
			srv.Stop()
			srv.RestoreStore(backup)
			srv.Restart()
			reachable(t, nc, "BACK")
			publishMore(t, nc, "BACK", "new", 10)
			now := crashtest.Held(t, nc, "BACK")
			r.until("a second incarnation, read",
				func(s jetcapture.Stats) bool { return s.Incarnations == 1 && s.LastSeq == 70 })
			r.stop()
			r.warned("rolled back")
			judgeIncarnations(t, b, "BACK", old, now[60:])
		})
	}
}
