package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/jetcapture/jetcapture/internal/natstest"
)

// process is the command as a process of its own.
type process struct {
	cmd    *exec.Cmd
	stderr lockedBuffer
}

// lockedBuffer is a buffer that can be read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// start starts the command. It is killed at the end of the test, if it still runs.
func start(t *testing.T, args ...string) *process {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// A child inherits that SIGHUP is ignored, as under nohup. Of a signal that is caught it inherits nothing.
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, syscall.SIGHUP)
	t.Cleanup(func() { signal.Stop(caught) })
	p := &process{cmd: exec.Command(exe, args...)}
	p.cmd.Env = append(os.Environ(), asCommand+"=1")
	p.cmd.Stderr = &p.stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // it may have ended
		_ = p.cmd.Wait()
	})
	return p
}

// await waits for a text on the standard error.
func (p *process) await(t *testing.T, text string) {
	t.Helper()
	natstest.Eventually(t, patience, text, func() bool { return strings.Contains(p.stderr.String(), text) })
}

func (p *process) signal(t *testing.T, s os.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// wait returns the exit code.
func (p *process) wait(t *testing.T) int {
	t.Helper()
	var exit *exec.ExitError
	if err := p.cmd.Wait(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return p.cmd.ProcessState.ExitCode()
}

func TestSignalsStoreWhatWasRead(t *testing.T) {
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP} {
		t.Run(s.String(), func(t *testing.T) {
			srv, nc := orders(t, "1", "2")
			folder := t.TempDir()
			p := start(t, "run", "-s", "ORDERS", "-o", folder, "--record", "payload", "--nats-server", srv.URL(),
				"--max-idle", "100ms")
			p.await(t, "reason=idle")
			natstest.PublishN(t, nc, "orders.x", 1)
			p.signal(t, s)
			if code := p.wait(t); code != exitDone {
				t.Fatalf("exit code %d:\n%s", code, p.stderr.String())
			}
			if !strings.Contains(p.stderr.String(), "stopping") {
				t.Errorf("it does not say that it stops:\n%s", p.stderr.String())
			}
			got := rowsBelow(t, folder)[""]
			if !slices.Equal(got[:2], []string{"1", "2"}) {
				t.Errorf("got %q", got)
			}
			captureOnce(t, srv, folder, "--record", "payload")
			if got := rowsBelow(t, folder)[""]; !slices.Equal(got, []string{"1", "2", "0"}) {
				t.Errorf("after the next run there is %q", got)
			}
		})
	}
}

// TestSecondSignalGivesUp: with a server that answers nothing any more, the last cut would take as long as
// --drain-timeout allows.
func TestSecondSignalGivesUp(t *testing.T) {
	srv, _ := orders(t, "1", "")
	proxy := natstest.NewProxy(t, srv.Addr())
	p := start(t, "run", "-s", "ORDERS", "-o", t.TempDir(), "--record", "payload", "--nats-server", proxy.URL(),
		"--drain-timeout", "1h")
	p.await(t, "poison message") // the empty one: now there is something to cut
	proxy.Stall()
	p.signal(t, syscall.SIGTERM)
	p.await(t, "stopping")
	p.signal(t, os.Interrupt) // another one than the first: no echo of it
	if code := p.wait(t); code != exitKilled || !strings.Contains(p.stderr.String(),
		"jetcapture: second signal, giving up") {
		t.Errorf("exit code %d, want %d:\n%s", code, exitKilled, p.stderr.String())
	}
}

// TestEchoOfASignal: the same signal twice at once, as timeout sends it, is one stop.
func TestEchoOfASignal(t *testing.T) {
	srv, _ := orders(t, "1", "2")
	folder := t.TempDir()
	p := start(t, "run", "-s", "ORDERS", "-o", folder, "--record", "payload", "--nats-server", srv.URL())
	p.await(t, "capturing")
	p.signal(t, os.Interrupt)
	p.signal(t, os.Interrupt)
	if code := p.wait(t); code != exitDone {
		t.Errorf("exit code %d:\n%s", code, p.stderr.String())
	}
}

// TestSecondSignalOfAKind gives up, too, when it is no echo.
func TestSecondSignalOfAKind(t *testing.T) {
	srv, _ := orders(t, "1", "")
	proxy := natstest.NewProxy(t, srv.Addr())
	p := start(t, "run", "-s", "ORDERS", "-o", t.TempDir(), "--record", "payload", "--nats-server", proxy.URL(),
		"--drain-timeout", "1h")
	p.await(t, "poison message")
	proxy.Stall()
	p.signal(t, os.Interrupt)
	p.await(t, "stopping")
	natstest.Eventually(t, patience, "end", func() bool {
		_ = p.cmd.Process.Signal(os.Interrupt) // it may have ended
		return strings.Contains(p.stderr.String(), "jetcapture: second signal, giving up")
	})
	if code := p.wait(t); code != exitKilled {
		t.Errorf("exit code %d, want %d:\n%s", code, exitKilled, p.stderr.String())
	}
}
