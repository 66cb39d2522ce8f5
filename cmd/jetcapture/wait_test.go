package main

import (
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/nats-io/nats.go/jetstream"
)

// unusedAddress is one on which nobody listens.
func unusedAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// TestAServerIsWaitedFor: one that comes while a start waits is used, one that does not come is an error.
func TestAServerIsWaitedFor(t *testing.T) {
	srv, _ := orders(t, "1")
	srv.Stop()
	args := []string{"run", "-s", "ORDERS", "--once", "--nats-server", srv.URL()}
	began := time.Now()
	r := environment{}.run(t, append(args, "-o", t.TempDir(), "--wait", "500ms")...)
	if took := time.Since(began); r.code != exitFailed || took < 500*time.Millisecond ||
		!strings.Contains(r.stderr, "the server cannot be reached yet, trying again") ||
		!strings.Contains(r.stderr, "is the server running there") {
		t.Errorf("exit code %d after %v:\n%s", r.code, took, r.stderr)
	}
	p := start(t, append(args, "-o", t.TempDir())...)
	p.await(t, "cannot be reached yet")
	srv.Restart()
	if code := p.wait(t); code != exitDone {
		t.Errorf("exit code %d:\n%s", code, p.stderr.String())
	}
}

// TestWhatIsWrongIsNotWaitedFor: a name that nobody knows, and a stream that is not there.
func TestWhatIsWrongIsNotWaitedFor(t *testing.T) {
	srv, _ := orders(t, "1")
	for _, args := range [][]string{
		{"-s", "NOWHERE", "--nats-server", srv.URL()},
		{"-s", "ORDERS", "--nats-server", "nats://no-such-host.invalid"},
	} {
		began := time.Now()
		r := environment{}.run(t, append(args, "-o", t.TempDir(), "--once")...)
		if took := time.Since(began); r.code == exitDone || took > 15*time.Second {
			t.Errorf("%v: exit code %d after %v:\n%s", args, r.code, took, r.stderr)
		}
	}
}

// TestAStoreIsWaitedFor: nobody listens where the store is said to be.
func TestAStoreIsWaitedFor(t *testing.T) {
	srv, _ := orders(t, "1")
	place := fmt.Sprintf("s3://bucket/x?region=x&use_path_style=true&endpoint=http://%s", unusedAddress(t))
	t.Setenv("AWS_ACCESS_KEY_ID", "x")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "x")
	r := environment{}.run(t, "run", "-s", "ORDERS", "--nats-server", srv.URL(), "-o", place, "--once", "--wait", "1s")
	if r.code != exitFailed || !strings.Contains(r.stderr, "connection refused") {
		t.Errorf("exit code %d:\n%s", r.code, r.stderr)
	}
}

// TestAFailedCaptureAmongSeveral: it is tried again and then works, or it ends the others, as asked.
func TestAFailedCaptureAmongSeveral(t *testing.T) {
	srv, nc := orders(t, "1")
	folder := t.TempDir()
	path := writeFile(t, "capture.yaml", `
nats_server: `+srv.URL()+`
output: `+folder+`
max_idle: 100ms
captures:
  all: {stream_name: ORDERS}
  late: {stream_name: LATE}
`)
	ended := start(t, "run", "--config", path, "--on-failure", "end")
	if code := ended.wait(t); code != exitFailed || !strings.Contains(ended.stderr.String(), "stopping the others") {
		t.Errorf("exit code %d:\n%s", code, ended.stderr.String())
	}
	p := start(t, "run", "--config", path)
	p.await(t, "it is tried again")
	natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "LATE"})
	natstest.PublishN(t, nc, "late.x", 3)
	natstest.Eventually(t, patience, "the files of the capture that came late", func() bool {
		done, err := filepath.Glob(filepath.Join(folder, logFolder, "late", "log", "*2.done.json"))
		return err == nil && len(done) > 0
	})
}
