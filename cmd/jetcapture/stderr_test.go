//go:build unix

package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/internal/logsum"
	"github.com/jetcapture/jetcapture/internal/natstest"
)

// startOn starts the command with a pipe as its standard error.
func startOn(t *testing.T, stderr *os.File, args ...string) *exec.Cmd {
	t.Helper()
	p := start(t) // prints its help
	cmd := exec.Command(p.cmd.Path, args...)
	cmd.Env, cmd.Stderr = p.cmd.Env, stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
	})
	return cmd
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = r.Close() // the test may have done it
		_ = w.Close()
	})
	return r, w
}

// stopsCleanly checks that messages are stored while nobody reads the log, and that SIGTERM ends the capture soon.
func stopsCleanly(t *testing.T, cmd *exec.Cmd, folder string) {
	t.Helper()
	natstest.Eventually(t, patience, "a cut", func() bool {
		done, err := filepath.Glob(filepath.Join(folder, logFolder, "ORDERS", "log", "*.done.json"))
		return err == nil && len(done) > 0
	})
	begin := time.Now()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); errors.As(err, &exit) {
		t.Errorf("it ended with %v", err)
	}
	if took := time.Since(begin); took > 15*time.Second {
		t.Errorf("it took %v to stop", took)
	}
}

// TestReaderOfTheLogGoes: the capture goes on, and ends as it does otherwise.
func TestReaderOfTheLogGoes(t *testing.T) {
	srv, _ := orders(t, "1", "")
	folder := t.TempDir()
	r, w := pipe(t)
	cmd := startOn(t, w, "run", "-s", "ORDERS", "-o", folder, "--record", "payload", "--nats-server", srv.URL(),
		"--max-idle", "500ms")
	if _, err := r.Read(make([]byte, 1)); err != nil { // it logs
		t.Fatal(err)
	}
	if err := errors.Join(r.Close(), w.Close()); err != nil {
		t.Fatal(err)
	}
	stopsCleanly(t, cmd, folder)
}

// TestReaderOfTheLogStalls: a pipe that is full does not stop the capture, nor the stop.
func TestReaderOfTheLogStalls(t *testing.T) {
	srv, _ := orders(t, "1", "")
	folder := t.TempDir()
	_, w := pipe(t)
	if err := w.SetWriteDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	for full := false; !full; {
		_, err := w.WriteString("x")
		full = errors.Is(err, os.ErrDeadlineExceeded)
	}
	cmd := startOn(t, w, "run", "-s", "ORDERS", "-o", folder, "--record", "payload", "--nats-server", srv.URL(),
		"--max-idle", "100ms")
	stopsCleanly(t, cmd, folder)
}

// TestGoEndsBySignal: what Go says of itself, out of memory or a panic, is not exitUsage. SIGQUIT ends in the same way.
func TestGoEndsBySignal(t *testing.T) {
	srv, _ := orders(t, "1")
	p := start(t, "run", "-s", "ORDERS", "-o", t.TempDir(), "--nats-server", srv.URL())
	p.await(t, "capturing")
	p.signal(t, syscall.SIGQUIT)
	_ = p.wait(t)
	status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !ok || !status.Signaled() || status.Signal() != syscall.SIGABRT {
		t.Errorf("it ended with %v, want SIGABRT", p.cmd.ProcessState)
	}
	if !strings.Contains(p.stderr.String(), "SIGQUIT") {
		t.Errorf("got\n%.500s", p.stderr.String())
	}
}

// TestManyWarningsAreFewLines: a stream of bad messages does not fill the log.
func TestManyWarningsAreFewLines(t *testing.T) {
	srv, nc := orders(t)
	natstest.PublishN(t, nc, "orders.x", 1)
	for range 500 {
		if err := nc.Publish("orders.bad", nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	r := captureOnce(t, srv, t.TempDir(), "--record", "payload")
	if n := strings.Count(r.stderr, `msg="poison message"`); n != logsum.After {
		t.Errorf("%d lines of poison messages, want %d", n, logsum.After)
	}
	if want := "490 more like this"; !strings.Contains(r.stderr, want) {
		t.Errorf("there is no %q in\n%s", want, r.stderr)
	}
}
