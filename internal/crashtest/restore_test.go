package crashtest_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/internal/crashtest"
	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// everything is a stream with all kinds of messages: repeated, odd and long headers, empty and large payloads, deleted,
// purged and expired ones, markers of their end, compressed storage. It is read through a mirror.
func everything(t *testing.T, srv *natstest.Server, nc *nats.Conn) {
	t.Helper()
	js := natstest.JetStream(t, nc)
	s := natstest.CreateStream(t, nc, jetstream.StreamConfig{
		Name: "ORIGIN", Subjects: []string{"all.>"}, Compression: jetstream.S2Compression, Storage: jetstream.FileStorage,
		AllowMsgTTL: true, AllowRollup: true,
	})
	natstest.Publish(t, nc, 100, func(i int) *nats.Msg {
		m := &nats.Msg{Subject: fmt.Sprintf("all.%d", i%5), Data: fmt.Appendf(nil, `{"n":%d}`, i)}
		switch i % 4 {
		case 0:
			m.Header = nats.Header{"b": {"1", "", "1"}, "A": {strings.Repeat("x", 5000)}, "B": {"ü \x01"}}
		case 1:
			m.Data = nil
		case 2:
			m.Data = make([]byte, 200<<10)
			_, _ = rand.Read(m.Data) // cannot fail; compresses not
		}
		return m
	})
	for _, block := range []string{
		"NATS/1.0\r\n: v\r\n\r\n", "NATS/1.0\r\nA: b\r\n\r\nXYZ", "NATS/1.0\r\nA: a\nB: b\r\n\r\n", "NATS/1.0\r\n\r\n",
		"NATS/1.0\r\nA:b\r\nC:d\r\n\r\n",
	} {
		natstest.PublishRaw(t, srv.Addr(), "all.odd", block, []byte("payload"))
	}
	natstest.Publish(t, nc, 1, func(int) *nats.Msg {
		return &nats.Msg{Subject: "all.brief", Header: nats.Header{"Nats-TTL": {"1s"}}, Data: []byte("gone soon")}
	})
	brief := crashtest.State(t, nc, "ORIGIN").LastSeq
	natstest.Publish(t, nc, 1, func(int) *nats.Msg {
		return &nats.Msg{Subject: "all.largest", Data: make([]byte, 1<<20-1024)}
	})
	for _, seq := range []uint64{1, 50, 51, 100} {
		if err := s.DeleteMsg(t.Context(), seq); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Purge(t.Context(), jetstream.WithPurgeSubject("all.4"), jetstream.WithPurgeKeep(3)); err != nil {
		t.Fatal(err)
	}
	natstest.Publish(t, nc, 1, func(int) *nats.Msg { // what a server writes when the last message of a subject expires
		return &nats.Msg{Subject: "all.brief", Header: nats.Header{"Nats-Marker-Reason": {"MaxAge"}, "Nats-TTL": {"1h0m0s"}}}
	})
	natstest.Eventually(t, crashtest.Patience, "the end of the message that expires", func() bool {
		_, err := s.GetMsg(t.Context(), brief)
		return errors.Is(err, jetstream.ErrMsgNotFound)
	})
	natstest.CreateStream(t, nc, jetstream.StreamConfig{
		Name: "ALL", Mirror: &jetstream.StreamSource{Name: "ORIGIN"}, Compression: jetstream.S2Compression,
		Storage: jetstream.FileStorage, AllowMsgTTL: true,
	})
	natstest.Eventually(t, crashtest.Patience, "the mirror has all", func() bool {
		return crashtest.State(t, nc, "ALL").LastSeq == crashtest.State(t, nc, "ORIGIN").LastSeq
	})
	// From now on the mirror is a stream like any other.
	m, err := js.Stream(t.Context(), "ALL")
	if err != nil {
		t.Fatal(err)
	}
	if err := js.DeleteStream(t.Context(), "ORIGIN"); err != nil {
		t.Fatal(err)
	}
	promoted := m.CachedInfo().Config
	promoted.Mirror, promoted.Subjects = nil, []string{"all.>"}
	if _, err := js.UpdateStream(t.Context(), promoted); err != nil {
		t.Fatal(err)
	}
}

// counters is a stream of counters: the server wrote their payloads.
func counters(t *testing.T, nc *nats.Conn) {
	t.Helper()
	natstest.CreateStream(t, nc, jetstream.StreamConfig{
		Name: "COUNTERS", Subjects: []string{"count.>"}, AllowMsgCounter: true, AllowDirect: true,
	})
	natstest.Publish(t, nc, 40, func(i int) *nats.Msg {
		return &nats.Msg{Subject: fmt.Sprintf("count.%d", i%3), Header: nats.Header{"Nats-Incr": {fmt.Sprintf("%+d", i-7)}}}
	})
}

// TestRestoreKilled captures streams in each format that holds whole messages, deletes them and restores them, while
// the command is killed at every step. In the end each message is what it was, byte for byte, and the capture goes on.
func TestRestoreKilled(t *testing.T) {
	t.Parallel()
	for _, form := range []string{"raw", "ndjson", "ndjson --record event", "avro", "parquet"} {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			srv := natstest.Start(t)
			nc := srv.Connect()
			everything(t, srv, nc)
			counters(t, nc)
			for stream, kills := range map[string]bool{"ALL": true, "COUNTERS": false} {
				testRestoreKilled(t, srv, stream, append([]string{"--format"}, strings.Fields(form)...), kills)
			}
		})
	}
}

// restoring is an archive in a folder, of a stream that comes and goes.
type restoring struct {
	*testing.T
	srv    *natstest.Server
	nc     *nats.Conn
	stream string
	folder string
}

func testRestoreKilled(t *testing.T, srv *natstest.Server, stream string, form []string, kills bool) {
	t.Helper()
	r := &restoring{T: t, srv: srv, nc: srv.Connect(), stream: stream, folder: t.TempDir()}
	capture := append([]string{
		"run", "--stream-name", stream, "--output", r.folder, "--once", "--key", "subject[2]", "--max-messages", "30",
	}, form...)
	r.done(r.command(capture...))
	was := crashtest.RawStream(t, r.nc, stream)
	if err := natstest.JetStream(t, r.nc).DeleteStream(t.Context(), stream); err != nil {
		t.Fatal(err)
	}
	total := r.restore(0)
	crashtest.WantStream(t, r.nc, stream, was)
	var steps []int // the request, the first chunks, one in the middle, and while the result is compared
	if kills {
		steps = []int{1, 2, 3, total / 2, total}
	}
	for _, at := range steps {
		if err := natstest.JetStream(t, r.nc).DeleteStream(t.Context(), stream); err != nil {
			t.Fatal(err)
		}
		r.restore(at)
		r.again()
		crashtest.WantStream(t, r.nc, stream, was)
	}
	natstest.Publish(t, r.nc, 10, func(int) *nats.Msg {
		if stream == "COUNTERS" {
			return &nats.Msg{Subject: "count.1", Header: nats.Header{"Nats-Incr": {"1"}}}
		}
		return &nats.Msg{Subject: "all.new", Data: []byte(`{}`)}
	})
	r.done(r.command(capture...))
	r.done(r.command("verify", r.folder, "--against-stream"))
	if got, want := r.stored(), len(was)+10; got != want {
		t.Errorf("the archive has %d messages, want %d", got, want)
	}
}

// command starts the command.
func (r *restoring) command(args ...string) *crashtest.Child {
	r.Helper()
	return crashtest.Start(r, must(r, built.command), []string{"NATS_URL=" + r.srv.URL()}, args...)
}

// done waits for the end of a command that must do its work.
func (r *restoring) done(c *crashtest.Child) {
	r.Helper()
	if code := c.Wait(); code != 0 {
		r.Fatalf("the command ended with code %d:\n%s%s", code, c.Output(), c.Log())
	}
}

// restore restores the stream. The command is killed when the server has got its at'th message; 0: never. Without a
// kill it must succeed. restore returns how many messages the command has sent.
func (r *restoring) restore(at int) int {
	r.Helper()
	var sent atomic.Int64
	reached := make(chan struct{})
	watcher := r.srv.Connect()
	defer watcher.Close()
	for _, subject := range []string{
		"$JS.API.STREAM.RESTORE." + r.stream, "$JS.SNAPSHOT.RESTORE." + r.stream + ".>", "$JS.API.STREAM.MSG.GET." + r.stream,
	} {
		if _, err := watcher.Subscribe(subject, func(*nats.Msg) {
			if sent.Add(1) == int64(at) {
				close(reached)
			}
		}); err != nil {
			r.Fatal(err)
		}
	}
	if err := watcher.Flush(); err != nil {
		r.Fatal(err)
	}
	c := r.command("restore", r.folder, "--stream-name", r.stream)
	if at == 0 {
		r.done(c)
		return int(sent.Load())
	}
	select {
	case <-reached:
	case <-time.After(crashtest.Patience):
		r.Fatalf("the command has sent %d messages, and should be killed at %d", sent.Load(), at)
	}
	c.Kill()
	return at
}

// again restores the stream after a kill, as an operator would: until it is there, or said to be there already.
func (r *restoring) again() {
	r.Helper()
	natstest.Eventually(r, crashtest.Patience, "restored stream", func() bool {
		c := r.command("restore", r.folder, "--stream-name", r.stream, "--verify")
		if c.Wait() == 0 || strings.Contains(c.Log(), "an earlier restore of this archive has made it") {
			return true
		}
		if strings.Contains(c.Log(), "a restore of this archive is making it, or was broken off") {
			_ = natstest.JetStream(r, r.nc).DeleteStream(r.Context(), r.stream) // the next try says whether it is gone
		}
		return false
	})
}

// stored counts the messages in the archive.
func (r *restoring) stored() (n int) {
	r.Helper()
	c := r.command("cat", r.folder, "--format", "ndjson")
	r.done(c)
	return strings.Count(c.Output(), "\n")
}
