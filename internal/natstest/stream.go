package natstest

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"
)

// limit bounds every request of the helpers.
const limit = 20 * time.Second

// Context returns a context that ends after 20 s or with the test.
func Context(tb testing.TB) context.Context {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	tb.Cleanup(cancel)
	return ctx
}

// JetStream returns the client's JetStream interface of a connection.
func JetStream(tb testing.TB, nc *nats.Conn) jetstream.JetStream {
	tb.Helper()
	js, err := jetstream.New(nc)
	if err != nil {
		tb.Fatalf("open JetStream: %v", err)
	}
	return js
}

// CreateStream creates a stream, to which messages can be published through the connection when it returns. Its default
// subjects are "<name>.>", in lower case.
func CreateStream(tb testing.TB, nc *nats.Conn, cfg jetstream.StreamConfig) jetstream.Stream {
	tb.Helper()
	if len(cfg.Subjects) == 0 && cfg.Mirror == nil && len(cfg.Sources) == 0 {
		cfg.Subjects = []string{strings.ToLower(cfg.Name) + ".>"}
	}
	var stream jetstream.Stream
	var err error
	Eventually(tb, limit, "stream "+cfg.Name, func() bool {
		stream, err = JetStream(tb, nc).CreateStream(Context(tb), cfg)
		if err != nil {
			tb.Logf("create stream %s: %v", cfg.Name, err)
		}
		return err == nil
	})
	awaitInterest(tb, nc, cfg)
	return stream
}

// awaitInterest waits until the server of a connection knows that the stream takes its subjects: in a cluster, another
// one may have made it, and that comes later than the answer.
func awaitInterest(tb testing.TB, nc *nats.Conn, cfg jetstream.StreamConfig) {
	tb.Helper()
	if nc.ConnectedClusterName() == "" || len(cfg.Subjects) == 0 || cfg.NoAck {
		return
	}
	m := nats.NewMsg(strings.NewReplacer("*", "x", ">", "x").Replace(cfg.Subjects[0]))
	m.Header.Set(jetstream.ExpectedStreamHeader, "none") // so that the stream refuses it
	Eventually(tb, limit, "answer from stream "+cfg.Name, func() bool {
		_, err := nc.RequestMsg(m, time.Second)
		return err == nil
	})
}

// window is how many publishes may wait for their acknowledgement. The server's queue before a stream has room for
// 10,000.
const window = 4096

// Publish stores n messages and waits until all are stored. It calls message with 0 to n-1, in order, to make them.
// They get consecutive sequences if nothing else publishes. A message needs no reply subject.
func Publish(tb testing.TB, nc *nats.Conn, n int, message func(i int) *nats.Msg) {
	tb.Helper()
	acks := make(chan *nats.Msg, window)
	inbox := nc.NewInbox()
	sub, err := nc.ChanSubscribe(inbox, acks)
	if err != nil {
		tb.Fatalf("subscribe to the publish acks: %v", err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	for i := range n {
		if i >= window {
			takeAck(tb, acks)
		}
		m := message(i)
		m.Reply = inbox
		if err := nc.PublishMsg(m); err != nil {
			tb.Fatalf("publish message %d: %v", i, err)
		}
	}
	for range min(n, window) {
		takeAck(tb, acks)
	}
}

// takeAck takes one publish acknowledgement.
func takeAck(tb testing.TB, acks chan *nats.Msg) {
	tb.Helper()
	select {
	case m := <-acks:
		var ack struct {
			Error *struct {
				Description string `json:"description"`
			} `json:"error"`
		}
		if m.Header.Get("Status") != "" {
			tb.Fatalf("publish: no stream takes the subject")
		}
		if err := json.Unmarshal(m.Data, &ack); err != nil || ack.Error != nil {
			tb.Fatalf("publish: %v %s", err, m.Data)
		}
	case <-time.After(limit):
		tb.Fatalf("no publish acknowledgement within %v", limit)
	}
}

// PublishN stores n messages on the subject whose payloads are their numbers 0 to n-1 as text.
func PublishN(tb testing.TB, nc *nats.Conn, subject string, n int) {
	tb.Helper()
	Publish(tb, nc, n, func(i int) *nats.Msg {
		return &nats.Msg{Subject: subject, Data: fmt.Appendf(nil, "%d", i)}
	})
}

// PublishRaw stores a message with a header block that no client library would send, over a connection of its own to
// addr ("host:port") without credentials.
func PublishRaw(tb testing.TB, addr, subject, header string, payload []byte) {
	tb.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		tb.Fatalf("connect to %s: %v", addr, err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(limit)); err != nil {
		tb.Fatalf("set the deadline: %v", err)
	}
	fmt.Fprintf(conn, "CONNECT {\"verbose\":false,\"headers\":true,\"no_responders\":true}\r\n")
	fmt.Fprintf(conn, "SUB natstest.raw 1\r\nHPUB %s natstest.raw %d %d\r\n%s%s\r\nPING\r\n",
		subject, len(header), len(header)+len(payload), header, payload)
	r := bufio.NewReader(conn)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			tb.Fatalf("raw publish to %s: no acknowledgement: %v", subject, err)
		}
		if strings.HasPrefix(line, "MSG natstest.raw") {
			return
		}
		if strings.HasPrefix(line, "-ERR") {
			tb.Fatalf("raw publish to %s: %s", subject, line)
		}
	}
}

// StepDownStream makes the leader of a clustered stream step down.
func StepDownStream(tb testing.TB, nc *nats.Conn, stream string) {
	tb.Helper()
	stepDown(tb, nc, "$JS.API.STREAM.LEADER.STEPDOWN."+stream)
}

// StepDownConsumer makes the leader of a clustered consumer step down.
func StepDownConsumer(tb testing.TB, nc *nats.Conn, stream, consumer string) {
	tb.Helper()
	stepDown(tb, nc, "$JS.API.CONSUMER.LEADER.STEPDOWN."+stream+"."+consumer)
}

// stepDown repeats the request while the previous election is still going on.
func stepDown(tb testing.TB, nc *nats.Conn, subject string) {
	tb.Helper()
	var last string
	deadline := time.Now().Add(limit)
	for time.Now().Before(deadline) {
		m, err := nc.Request(subject, nil, 2*time.Second)
		if err == nil {
			var resp struct{ Success bool }
			if err := json.Unmarshal(m.Data, &resp); err == nil && resp.Success {
				return
			}
			last = string(m.Data)
		} else {
			last = err.Error()
		}
		time.Sleep(20 * time.Millisecond)
	}
	tb.Fatalf("%s: %s", subject, last)
}

// IgnoreServer lists the goroutines that a nats-server leaves behind in its process after its shutdown, for goleak.
func IgnoreServer() []goleak.Option {
	return []goleak.Option{}
}
