// Package crashtest runs captures as processes of their own, kills or pauses them at bad moments while messages are
// published, and judges the archive that they leave. It is for tests. Everything that it starts ends with the test that
// started it.
package crashtest

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/internal/natstest"
)

// Patience is how long the helpers wait for something. It is long because machines that run tests are busy.
const Patience = 2 * time.Minute

// Child is a process.
type Child struct {
	tb     testing.TB
	cmd    *exec.Cmd
	stdout buffer
	stderr buffer
	ended  chan struct{} // closed when it has ended
}

// buffer can be read while it is written.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// Start starts the program at path with env added to the environment. It is killed at the end of the test, if it still
// runs.
func Start(tb testing.TB, path string, env []string, args ...string) *Child {
	tb.Helper()
	c := &Child{tb: tb, cmd: exec.CommandContext(tb.Context(), path, args...), ended: make(chan struct{})}
	c.cmd.Env = append(os.Environ(), env...)
	c.cmd.Stdout, c.cmd.Stderr = &c.stdout, &c.stderr
	if err := c.cmd.Start(); err != nil {
		tb.Fatalf("start %s: %v", path, err)
	}
	go func() {
		_ = c.cmd.Wait() // how it ended is in ProcessState
		close(c.ended)
	}()
	tb.Cleanup(func() {
		_ = c.cmd.Process.Kill() // it may have ended
		<-c.ended
		if (tb.Failed() || os.Getenv("CRASHLOG") != "") && c.Log() != "" {
			tb.Logf("%s %s:\n%s", path, strings.Join(args, " "), tail(c.Log()))
		}
	})
	return c
}

// tail returns the end of a long log.
func tail(log string) string {
	const most = 8 << 10
	if len(log) > most {
		return "..." + log[len(log)-most:]
	}
	return log
}

// PID returns the number of the process.
func (c *Child) PID() int { return c.cmd.Process.Pid }

// Log returns what it has written to its standard error so far.
func (c *Child) Log() string { return c.stderr.String() }

// Output returns what it has written to its standard output so far.
func (c *Child) Output() string { return c.stdout.String() }

// Ended reports whether it has ended.
func (c *Child) Ended() bool {
	select {
	case <-c.ended:
		return true
	default:
		return false
	}
}

// Signal sends a signal. It does nothing if the process has ended.
func (c *Child) Signal(s os.Signal) {
	c.tb.Helper()
	if err := c.cmd.Process.Signal(s); err != nil && !c.Ended() && !strings.Contains(err.Error(), "already finished") {
		c.tb.Fatalf("signal %v: %v", s, err)
	}
}

// Kill kills it with SIGKILL and waits for its end. That ends a paused process, too.
func (c *Child) Kill() {
	c.tb.Helper()
	c.Signal(syscall.SIGKILL)
	c.Wait()
}

// Wait waits for its end and returns its exit code, -1 when a signal ended it.
func (c *Child) Wait() int {
	c.tb.Helper()
	select {
	case <-c.ended:
	case <-time.After(Patience):
		c.Signal(syscall.SIGQUIT) // the stacks of its goroutines go to the log
		c.tb.Fatalf("the child did not end within %v", Patience)
	}
	return c.cmd.ProcessState.ExitCode()
}

// Killed reports whether it was ended by SIGKILL. It must have ended.
func (c *Child) Killed() bool {
	status, ok := c.cmd.ProcessState.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

// Await waits until its log contains a text.
func (c *Child) Await(text string) {
	c.tb.Helper()
	natstest.Eventually(c.tb, Patience, "log line with "+text, func() bool {
		if strings.Contains(c.Log(), text) {
			return true
		}
		if c.Ended() {
			c.tb.Fatalf("the child has ended without a log line with %q:\n%s", text, tail(c.Log()))
		}
		return false
	})
}

// Said counts the log lines that contain a text.
func (c *Child) Said(text string) (n int) {
	for line := range strings.Lines(c.Log()) {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}
