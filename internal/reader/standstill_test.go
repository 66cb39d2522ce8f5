package reader_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// logged keeps the log of a reader.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

// has reports whether a line of the log has all parts.
func (l *logged) has(parts ...string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.text.String()) {
		all := true
		for _, part := range parts {
			all = all && strings.Contains(line, part)
		}
		if all {
			return true
		}
	}
	return false
}

// want checks that the log has a line with all parts.
func (l *logged) want(t *testing.T, parts ...string) {
	t.Helper()
	if !l.has(parts...) {
		t.Errorf("no line with %q in the log:\n%s", parts, l.text.String())
	}
}

// waitUntil reads until done returns true.
func waitUntil(t *testing.T, r reader.Reader, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !done(); {
		if time.Now().After(end) {
			t.Fatalf("no %s", what)
		}
		if _, err := r.Next(short(t)); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
	}
}

// openers open a reader of stream S with the log, as a capture with Once does.
func openers(t *testing.T, src *reader.Source, log *logged) map[string]func() reader.Reader {
	return map[string]func() reader.Reader{
		"ordered": func() reader.Reader {
			r, err := reader.OpenOrdered(natstest.Context(t), src, reader.OrderedConfig{
				Name: "o", Logger: log.logger(), Timing: quick, FailWhenGone: true,
			}, reader.Position{})
			return opened(t, r, err)
		},
		"durable": func() reader.Reader {
			r, err := reader.OpenDurable(natstest.Context(t), src, reader.DurableConfig{
				Name: "D", Create: true, Logger: log.logger(), Timing: quick, FailWhenGone: true,
			}, reader.Position{})
			return opened(t, r, err)
		},
	}
}

// opened is a reader that was opened without an error, and ends with the test.
func opened(t *testing.T, r reader.Reader, err error) reader.Reader {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close(natstest.Context(t)) })
	return r
}

// Where nothing can ever come, positioning again becomes a warning, and an error for a reader that is to reach an end.
func TestNothingCanCome(t *testing.T) {
	s := natstest.Start(t, natstest.Configured(t, `authorization: { users: [
		{ user: admin, password: p },
		{ user: deaf, password: p, permissions: { publish: { deny: ["$JS.API.CONSUMER.MSG.NEXT.>"] } } },
	] }`))
	admin := s.Connect(nats.UserInfo("admin", "p"))
	natstest.CreateStream(t, admin, jetstream.StreamConfig{Name: "S"})
	natstest.PublishN(t, admin, "s.a", 10)
	var log logged
	for name, open := range openers(t, source(s.Connect(nats.UserInfo("deaf", "p")), "S"), &log) {
		t.Run(name, func(t *testing.T) {
			_, err := readError(t, open())
			if err == nil || !strings.Contains(err.Error(), "10 messages are pending") ||
				!strings.Contains(err.Error(), "heartbeats are missing") {
				t.Errorf("got error %v", err)
			}
			log.want(t, "WARN", "reading does not get on", "times=3", "heartbeats are missing", "advice=")
		})
	}
}

// The server says until when a consumer is paused. One of ours that somebody pauses is replaced.
func TestPaused(t *testing.T) {
	nc := natstest.Start(t).Connect()
	natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "S"})
	natstest.PublishN(t, nc, "s.a", 10)
	for _, name := range []string{"o", "D"} {
		t.Run(name, func(t *testing.T) {
			var log logged
			kind := map[string]string{"o": "ordered", "D": "durable"}[name]
			r := openers(t, source(nc, "S"), &log)[kind]()
			all := readUntil(t, r, 10)
			pause(t, nc, name, time.Now().Add(3*time.Second))
			natstest.PublishN(t, nc, "s.a", 10)
			if name == "D" {
				waitUntil(t, r, "line about the pause", func() bool {
					return log.has("WARN", "the consumer is paused", "until=20", "pending=")
				})
			}
			info, err := source(nc, "S").Info(natstest.Context(t))
			if err != nil {
				t.Fatal(err)
			}
			wantSeqs(t, append(all, readUntil(t, r, info.LastSeq)...), 1, info.LastSeq)
			if name == "o" {
				log.want(t, "somebody has paused the consumer")
			}
		})
	}
}

// Heartbeats of the time in which nobody has read say nothing about messages that were published since.
func TestHeartbeatsThatWaited(t *testing.T) {
	nc := natstest.Start(t).Connect()
	js := natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "S"})
	for kind, consumer := range map[string]string{"ordered": "o", "durable": "D"} {
		t.Run(kind, func(t *testing.T) {
			var log logged
			r := openers(t, source(nc, "S"), &log)[kind]()
			natstest.PublishN(t, nc, "s.a", 10)
			readUntil(t, r, 10)
			c, err := js.Consumer(natstest.Context(t), consumer)
			if err != nil {
				t.Fatal(err)
			}
			natstest.Eventually(t, 10*time.Second, "end of the pulls", func() bool {
				info, err := c.Info(natstest.Context(t))
				return err == nil && info.NumWaiting == 0
			})
			natstest.PublishN(t, nc, "s.a", 50_000)
			readUntil(t, r, 50_010)
			if log.has("WARN") {
				t.Errorf("got a warning:\n%s", log.text.String())
			}
		})
	}
}

// pause pauses a consumer of S.
func pause(t *testing.T, nc *nats.Conn, consumer string, until time.Time) {
	t.Helper()
	if _, err := natstest.JetStream(t, nc).PauseConsumer(natstest.Context(t), "S", consumer, until); err != nil {
		t.Fatal(err)
	}
}

// otherAccount starts a server with stream S of 100 messages in an account whose exports are given. It returns the
// stream as another account sees it, which imports the JetStream API alone.
func otherAccount(t *testing.T, exports string) *reader.Source {
	t.Helper()
	s := natstest.Start(t, natstest.Configured(t, `accounts: {
		OWNER: { jetstream: enabled, users: [{ user: owner, password: p }], exports: [`+exports+`] }
		READER: {
			users: [{ user: reader, password: p }]
			imports: [{ service: { account: OWNER, subject: "$JS.API.>" }, to: "acme.api.>" }]
		}
	}`))
	owner := s.Connect(nats.UserInfo("owner", "p"))
	natstest.CreateStream(t, owner, jetstream.StreamConfig{Name: "S"})
	natstest.PublishN(t, owner, "s.a", 100)
	createConsumer(t, owner, "S", func(c *jetstream.ConsumerConfig) { c.MaxAckPending = 10 })
	return reader.NewSource(s.Connect(nats.UserInfo("reader", "p")), "acme.api", "S")
}

// An export of the JetStream API that is not of response type stream lets one message of each pull through. That is
// named.
func TestExportWithoutStreamResponses(t *testing.T) {
	var log logged
	src := otherAccount(t, `{ service: "$JS.API.>" }`)
	_, err := readError(t, openers(t, src, &log)["ordered"]())
	if err == nil || !strings.Contains(err.Error(), "response_type: stream") {
		t.Errorf("got error %v", err)
	}
	log.want(t, "WARN", "reading does not get on", "times=3", "response_type: stream")
}

// A consumer that reaches MaxAckPending because it gets no acks delivers nothing any more. That is named, and an error
// for a reader that is to reach an end.
func TestMaxAckPendingWithoutAcks(t *testing.T) {
	var log logged
	src := otherAccount(t, `{ service: "$JS.API.>", response_type: stream }`)
	r := openers(t, src, &log)["durable"]()
	wantSeqs(t, readUntil(t, r, 10), 1, 10)
	ack(t, r, 10)
	_, err := readError(t, r)
	if !errors.Is(err, reader.ErrUnheard) || !strings.Contains(err.Error(), "$JS.ACK.S.D.>") {
		t.Errorf("got error %v", err)
	}
	log.want(t, "WARN", "reading does not get on", "max_ack_pending=10", "$JS.ACK.S.D.>")
}

// A leaf node drops messages that are larger than its max_payload. That is named.
func TestLeafNodeWithSmallMaxPayload(t *testing.T) {
	hub := natstest.Start(t, natstest.Configured(t, `
		jetstream: { domain: hub }, leafnodes: { host: "127.0.0.1", port: -1 }`))
	varz, err := hub.Running().Varz(nil)
	if err != nil {
		t.Fatal(err)
	}
	leaf := natstest.Start(t, natstest.Configured(t, fmt.Sprintf(`max_payload: 8KB
		leafnodes: { remotes: [{ url: "nats://127.0.0.1:%d" }] }`, varz.LeafNode.Port)),
		func(o *server.Options) { o.JetStream = false })
	natstest.Eventually(t, 10*time.Second, "leaf node", func() bool { return hub.Running().NumLeafNodes() == 1 })
	owner := hub.Connect()
	natstest.CreateStream(t, owner, jetstream.StreamConfig{Name: "S"})
	natstest.PublishN(t, owner, "s.a", 10)
	natstest.Publish(t, owner, 1, func(int) *nats.Msg { return &nats.Msg{Subject: "s.a", Data: make([]byte, 20<<10)} })
	var log logged
	all, err := readError(t, openers(t, reader.NewSource(leaf.Connect(), "$JS.hub.API", "S"), &log)["ordered"]())
	wantSeqs(t, all, 1, 10)
	if err == nil || !strings.Contains(err.Error(), "max_payload") {
		t.Errorf("got error %v", err)
	}
	log.want(t, "WARN", "reading does not get on", "times=3", "max_payload")
}
