package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/nats-io/nats.go/jetstream"
)

func TestExitCodes(t *testing.T) {
	failed := errors.New("no")
	stopped := incomplete(jetcapture.Stats{StoredSeq: 5, Target: 9})
	withLost := flawed([]flaw{flawLost}, jetcapture.Stats{Lost: 1})
	for _, tt := range []struct {
		err  error
		want int
	}{
		{nil, exitDone},
		{failed, exitFailed},
		{fmt.Errorf("publish: %w", jetstream.ErrNoStreamResponse), exitFailed}, // it can be unwrapped, to nothing
		{fmt.Errorf("read: %w", usagef("bad")), exitUsage},
		{fmt.Errorf("capture a: %w", stopped), exitIncomplete},
		{errors.Join(withLost, nil), exitFlawed},
		{errors.Join(withLost, fmt.Errorf("capture b: %w", stopped)), exitIncomplete},
		{errors.Join(stopped, failed, withLost), exitFailed},
		{fmt.Errorf("%w and %w", stopped, failed), exitFailed},
	} {
		if got := exitCode(tt.err); got != tt.want {
			t.Errorf("exit code of %v is %d, want %d", tt.err, got, tt.want)
		}
	}
}

// TestExitCodesAreDocumented: the help and docs/COMMAND.md have the same codes.
func TestExitCodesAreDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../docs/COMMAND.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, code := range []int{exitDone, exitFailed, exitUsage, exitIncomplete, exitFlawed, exitKilled} {
		if !strings.Contains(exitTable, fmt.Sprintf("\n  %-4d ", code)) {
			t.Errorf("the help lacks %d", code)
		}
		if !strings.Contains(string(doc), fmt.Sprintf("\n| %d | ", code)) {
			t.Errorf("docs/COMMAND.md lacks %d", code)
		}
	}
}

// TestStoppedOnceIsIncomplete: a run with --once that a signal ends early does not claim to be done.
func TestStoppedOnceIsIncomplete(t *testing.T) {
	srv, nc := orders(t)
	natstest.PublishN(t, nc, "orders.x", 100_000)
	p := start(t, "run", "-s", "ORDERS", "-o", t.TempDir(), "--nats-server", srv.URL(), "--once",
		"--max-messages", "500", "--memory-limit", "1MiB", "--buffer-to-disk=false", "--compression", "zstd",
		"--compression-level", "22")
	p.await(t, "msg=cut")
	p.signal(t, syscall.SIGTERM)
	if code := p.wait(t); code != exitIncomplete || !strings.Contains(p.stderr.String(), "of 100,000: the rest is still") {
		t.Errorf("exit code %d, want %d:\n%s", code, exitIncomplete, p.stderr.String())
	}
}

// TestStoppedBeforeTheFirstMessage: the stream was not even reached.
func TestStoppedBeforeTheFirstMessage(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	settings := reportSettings{}
	err := settings.judge(ctx, true, jetcapture.Stats{State: jetcapture.StateStarting})
	if exitCode(err) != exitIncomplete {
		t.Errorf("got %v", err)
	}
	done := jetcapture.Stats{State: jetcapture.StateLastCut, Target: 7, StoredSeq: 7}
	if err := settings.judge(ctx, true, done); err != nil {
		t.Errorf("done, and stopped at that moment: %v", err)
	}
	if err := settings.judge(ctx, false, jetcapture.Stats{State: jetcapture.StateReading}); err != nil {
		t.Errorf("without --once: %v", err)
	}
}

func TestFailOn(t *testing.T) {
	srv, _ := orders(t, "1", "")
	args := []string{"run", "-s", "ORDERS", "--nats-server", srv.URL(), "--once", "--record", "payload"}
	for flaws, want := range map[string]int{"": exitDone, "lost": exitDone, "dead": exitFlawed, "lost,dead": exitFlawed} {
		more := []string{"-o", t.TempDir()}
		if flaws != "" {
			more = append(more, "--fail-on", flaws)
		}
		r := environment{}.run(t, append(args, more...)...)
		if r.code != want || want == exitFlawed && !strings.Contains(r.stderr, "done, with 1 dead letter (--fail-on)") {
			t.Errorf("--fail-on %q: exit code %d, want %d: %s", flaws, r.code, want, r.stderr)
		}
	}
	if r := (environment{}).run(t, append(args, "-o", t.TempDir(), "--fail-on", "late")...); r.code != exitUsage {
		t.Errorf("exit code %d: %s", r.code, r.stderr)
	}
}
