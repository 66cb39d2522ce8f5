package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/jetcapture/jetcapture/internal/status"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// TestStatus: what an archive and its stream say without a process of the capture.
func TestStatus(t *testing.T) {
	srv, nc := orders(t, `{"id":1}`, `{"id":2}`)
	folder := t.TempDir()
	captureOnce(t, srv, folder)
	ask := []string{"--ask-stream", "--nats-server", srv.URL()}
	look := func(args ...string) (result, status.Capture) {
		t.Helper()
		r := environment{}.run(t, append([]string{"status", folder, "--json"}, args...)...)
		var p status.Process
		if err := json.Unmarshal([]byte(r.stdout), &p); err != nil || len(p.Captures) != 1 {
			t.Fatalf("%v: exit code %d, %s%s", args, r.code, r.stdout, r.stderr)
		}
		return r, p.Captures[0]
	}
	r, c := look()
	if r.code != exitDone || c.Archive.Cut != 2 || c.Archive.StoredSeq != 2 || c.Archive.Freshness != nil {
		t.Errorf("from the archive: exit code %d, %+v", r.code, c)
	}
	r, c = look(ask...)
	if r.code != exitDone || c.Archive.Freshness == nil || *c.Archive.Freshness != 0 || c.Source.LastSeq != 2 {
		t.Errorf("with the stream: exit code %d, %+v", r.code, c)
	}
	natstest.Publish(t, nc, 3, func(int) *nats.Msg { return &nats.Msg{Subject: "orders.9", Data: []byte("{}")} })
	r, c = look(ask...)
	if r.code != exitDone || c.Source.Lag != 3 || *c.Archive.Freshness <= 0 {
		t.Errorf("with three messages to store: exit code %d, %+v", r.code, c)
	}
	if r, c = look("--stale", "1ns"); r.code != exitFailed || c.Health.Code != status.CatchingUp {
		t.Errorf("a stale archive: exit code %d, %+v", r.code, c.Health)
	}
	if text := (environment{}).run(t, append([]string{"status", folder}, ask...)...); text.code != exitDone ||
		!strings.HasPrefix(text.stdout, "ORDERS: ok\n") || !strings.Contains(text.stdout, "at most 3 messages not stored") {
		t.Errorf("for people: exit code %d, %s", text.code, text.stdout)
	}
	if err := natstest.JetStream(t, nc).DeleteStream(natstest.Context(t), "ORDERS"); err != nil {
		t.Fatal(err)
	}
	if r, c = look(ask...); r.code != exitFailed || c.Health.Code != status.SourceAway {
		t.Errorf("a stream that is gone: exit code %d, %+v", r.code, c.Health)
	}
	natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "ORDERS"})
	if r, c = look(ask...); r.code != exitFailed || c.Health.Code != status.OtherStream {
		t.Errorf("a stream that was created again: exit code %d, %+v", r.code, c.Health)
	}
}

// TestStatusOfDamage: a log that is damaged has a code of its own, and what is no archive is no status.
func TestStatusOfDamage(t *testing.T) {
	srv, _ := orders(t, `{"id":1}`)
	folder := t.TempDir()
	captureOnce(t, srv, folder)
	plan := filepath.Join(folder, "_jetcapture", "ORDERS", "log", "00000000000000000002.plan.json.gz")
	if err := os.Chmod(plan, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(plan, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := environment{}.run(t, "status", folder, "--json")
	if r.code != exitFailed || !strings.Contains(r.stdout, `"health":{"code":7,"text":"damaged log"}`) {
		t.Errorf("exit code %d: %s%s", r.code, r.stdout, r.stderr)
	}
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{t.TempDir()}, exitFailed, "holds no capture"},
		{nil, exitUsage, "an archive is required"},
		{[]string{folder, "--nats-server", "x"}, exitUsage, "--nats-server: is for --ask-stream only"},
		{[]string{folder, "--capture", "OTHER"}, exitFailed, `no capture "OTHER"`},
	} {
		r := environment{}.run(t, append([]string{"status"}, c.args...)...)
		if r.code != c.code || !strings.Contains(r.stderr, c.want) {
			t.Errorf("%v: exit code %d: %s", c.args, r.code, r.stderr)
		}
	}
}
