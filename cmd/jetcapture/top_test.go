package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/jetcapture/jetcapture/internal/top"
	"github.com/nats-io/nats.go"
)

// runOrders captures the stream ORDERS until the end of the test, and returns the URL where it serves when all of it is
// read.
func runOrders(t *testing.T, srv *natstest.Server, args ...string) (at string) {
	t.Helper()
	address := freePort(t)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan int, 1)
	var stderr lockedBuffer
	go func() {
		ended <- execute(ctx, append([]string{
			"jetcapture", "run", "--nats-server", srv.URL(), "-s", "ORDERS", "-o", t.TempDir(), "--http", address, "--micro",
		}, args...), console{io.Discard, &stderr, func(string) string { return "" }, new(atomic.Bool), nil})
	}()
	t.Cleanup(func() {
		cancel()
		if code := <-ended; code != exitDone {
			t.Errorf("run: exit code %d: %s", code, stderr.String())
		}
		http.DefaultClient.CloseIdleConnections()
	})
	natstest.Eventually(t, patience, "everything is read", func() bool {
		_, body := fetch(t, "http://"+address+"/status")
		var f top.Found
		return json.Unmarshal([]byte(body), &f) == nil && len(f.Captures) == 1 && f.Captures[0].Source.ReadSeq > 0 &&
			f.Captures[0].Source.Lag == 0
	})
	return "http://" + address
}

// TestTop: one process by its URL, and all of an account by NATS, say the same.
func TestTop(t *testing.T) {
	srv, _ := orders(t, `{"id":1}`, `{"id":2}`, `{"id":3}`)
	at := runOrders(t, srv)
	for _, from := range [][]string{{at}, {strings.TrimPrefix(at, "http://")}, {"--nats-server", srv.URL()}} {
		r := environment{}.run(t, append([]string{"top", "--once", "--json"}, from...)...)
		var f top.Found
		if err := json.Unmarshal([]byte(r.stdout), &f); err != nil || r.code != exitDone || len(f.Captures) != 1 {
			t.Fatalf("%v: exit code %d, %v: %s%s", from, r.code, err, r.stdout, r.stderr)
		}
		c := f.Captures[0]
		if c.Capture.Capture != "ORDERS" || c.Accounting.Messages != 3 || c.Source.LastSeq != 3 ||
			c.Process.Version != version || c.Process.From == "" ||
			!strings.Contains(r.stdout, `"capture":"ORDERS","stream":"ORDERS"`) {
			t.Errorf("%v: %s", from, r.stdout)
		}
		r = environment{}.run(t, append([]string{"top"}, from...)...)
		for _, want := range []string{"ORDERS → ", "ok, reading", "3 in hand", "0 unread", "of " + c.Source.Server} {
			if r.code != exitDone || !strings.Contains(r.stdout, want) || strings.Contains(r.stdout, "\x1b") {
				t.Errorf("%v: exit code %d, want %q in\n%s%s", from, r.code, want, r.stdout, r.stderr)
			}
		}
	}
	if r := (environment{"LANG": "C"}).run(t, "top", at); !strings.Contains(r.stdout, "ORDERS -> ") {
		t.Errorf("without Unicode: %s", r.stdout)
	}
}

// TestTopFollows: for scripts it prints a look a line, until it is stopped.
func TestTopFollows(t *testing.T) {
	srv, nc := orders(t, `{"id":1}`)
	at := runOrders(t, srv)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var stdout, stderr lockedBuffer
	ended := make(chan int, 1)
	go func() {
		ended <- execute(ctx, []string{"jetcapture", "top", at, "--json", "--interval", "20ms"},
			console{&stdout, &stderr, func(string) string { return "" }, new(atomic.Bool), nil})
	}()
	natstest.Eventually(t, patience, "one message", func() bool {
		return strings.Contains(stdout.String(), `"accounting":{"messages":1,`)
	})
	natstest.Publish(t, nc, 1, func(int) *nats.Msg { return &nats.Msg{Subject: "orders.2", Data: []byte("{}")} })
	natstest.Eventually(t, patience, "a second one", func() bool {
		lines := strings.Split(strings.TrimSpace(stdout.String()), "\n")
		var f top.Found
		return json.Unmarshal([]byte(lines[len(lines)-1]), &f) == nil && f.Captures[0].Accounting.Messages == 2
	})
	cancel()
	if code := <-ended; code != exitDone || stderr.String() != "" {
		t.Errorf("exit code %d: %s", code, stderr.String())
	}
}

func TestTopMistakes(t *testing.T) {
	srv := natstest.Start(t)
	for _, c := range []struct {
		args string
		code int
		want string
	}{
		{"nats://127.0.0.1:4222", exitUsage, "is not the URL of a process"},
		{":9464 --nats-server nats://x", exitUsage, "--nats-server: is not for a URL"},
		{":9464 --interval 0s", exitUsage, "--interval"},
		{"http://127.0.0.1:1 --once", exitFailed, "http://127.0.0.1:1: dial tcp"},
		{"--nats-server nats://127.0.0.1:1", exitFailed, "is the server running there"},
		{"--nats-server " + srv.URL(), exitFailed, "no capture answers"},
	} {
		r := environment{}.run(t, append([]string{"top"}, strings.Fields(c.args)...)...)
		if r.code != c.code || !strings.Contains(r.stderr, c.want) || len(r.lines()) != 1 {
			t.Errorf("%s: exit code %d: %s%s", c.args, r.code, r.stderr, r.stdout)
		}
	}
}
