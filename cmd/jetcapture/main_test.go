package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"
)

// asCommand in the environment makes of the test binary the command itself, for tests of whole processes.
const asCommand = "JETCAPTURE_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
	}
	if signal.Ignored(syscall.SIGHUP) { // as below nohup: the processes that tests start would ignore it, too
		signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	}
	_ = flag.Set("test.parallel", "8") // those that run side by side wait; cannot fail, since the flag exists
	goleak.VerifyTestMain(m, natstest.IgnoreServer()...)
}

// result is what came of a command.
type result struct {
	code           int
	stdout, stderr string
}

// lines of the standard error, each without its line feed.
func (r result) lines() []string { return strings.Split(strings.TrimSuffix(r.stderr, "\n"), "\n") }

// environment are the variables that a command sees.
type environment map[string]string

// run runs the command in this process.
func (e environment) run(t *testing.T, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var stdout, stderr bytes.Buffer
	code := execute(ctx, append([]string{"jetcapture"}, args...),
		console{&stdout, &stderr, func(name string) string { return e[name] }, new(atomic.Bool), nil})
	return result{code, stdout.String(), stderr.String()}
}

// captureOnce runs "jetcapture run --once" on the stream ORDERS and fails the test if that fails.
func captureOnce(t *testing.T, srv *natstest.Server, folder string, args ...string) result {
	t.Helper()
	args = append([]string{"run", "--nats-server", srv.URL(), "--stream-name", "ORDERS", "--output", folder, "--once"},
		args...)
	r := environment{}.run(t, args...)
	if r.code != exitDone {
		t.Fatalf("exit code %d: %s", r.code, r.stderr)
	}
	return r
}

// orders starts a server whose stream ORDERS holds a message for each payload, on the subject orders.<its number>, from
// 1.
func orders(t *testing.T, payloads ...string) (*natstest.Server, *nats.Conn) {
	t.Helper()
	srv := natstest.Start(t)
	nc := srv.Connect()
	natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "ORDERS"})
	natstest.Publish(t, nc, len(payloads), func(i int) *nats.Msg {
		return &nats.Msg{Subject: fmt.Sprintf("orders.%d", i+1), Data: []byte(payloads[i])}
	})
	return srv, nc
}

// rowsBelow returns the lines of all files below a folder of an archive, by the directory that they are in, without the
// window's five levels. Files of dead letters are at _deadletter/<capture>, cut logs are left out.
func rowsBelow(t *testing.T, folder string) map[string][]string {
	t.Helper()
	rows := map[string][]string{}
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(folder, path)
		if err != nil || d.IsDir() || strings.HasPrefix(name, logFolder) {
			return err
		}
		levels := strings.Split(filepath.ToSlash(name), "/")
		if len(levels) < 6 {
			return fmt.Errorf("%s is not below a window's directory", name)
		}
		dir := strings.Join(levels[:len(levels)-6], "/")
		rows[dir] = append(rows[dir], linesOf(t, path)...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// linesOf reads a file, through gzip if it is named so.
func linesOf(t *testing.T, path string) []string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(path, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	text, ended := strings.CutSuffix(string(b), "\n")
	if !ended {
		t.Fatalf("%s does not end in a line feed", path)
	}
	return strings.Split(text, "\n")
}

// patience is how long a test waits for what must come.
const patience = 60 * time.Second
