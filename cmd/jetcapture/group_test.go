package main

import (
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/jetcapture/jetcapture/internal/status"
	"github.com/nats-io/nats.go/jetstream"
)

// captureOf are the settings of a capture of a stream into a folder.
func captureOf(t *testing.T, srv *natstest.Server, stream, folder string) *settings {
	t.Helper()
	s := newSettings()
	var problems []error
	for name, text := range map[string]string{"stream-name": stream, "output": folder, "nats-server": srv.URL()} {
		o, _ := s.options.find(name)
		problems = append(problems, s.set(o, byFlag, []string{text}, name)...)
	}
	if problems = append(problems, s.check()...); len(problems) > 0 {
		t.Fatal(problems)
	}
	return s
}

// testGroup returns a group without captures, and its log.
func testGroup(t *testing.T) (*captureGroup, *lockedBuffer) {
	t.Helper()
	log := new(lockedBuffer)
	r := newRunner(console{stdout: log, stderr: log, getenv: environment{}.get, logJSON: new(atomic.Bool)},
		&newSettings().report)
	g := r.newGroup(t.Context())
	t.Cleanup(g.cancel)
	return g, log
}

// awaitReady waits until all captures of a group read.
func awaitReady(t *testing.T, g *captureGroup) {
	t.Helper()
	waits := func(r status.Running) bool { return r.Ended || r.Stats.ReadSince.IsZero() }
	natstest.Eventually(t, patience, "all captures read", func() bool {
		return g.ready() && !slices.ContainsFunc(g.board.Running(), waits)
	})
}

// storedTo is the last sequence that a capture has stored, as the board of a group shows it.
func storedTo(g *captureGroup, name string) (seq uint64) {
	for _, r := range g.board.Running() {
		if r.Capture == name {
			seq = r.Stats.StoredSeq
		}
	}
	return seq
}

// TestCapturesComeAndGo: one that is ended makes a last cut, and nothing shows it any more; the other does not notice.
// One that comes back goes on where it was.
func TestCapturesComeAndGo(t *testing.T) {
	srv, nc := orders(t, "1", "2")
	natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "JOBS"})
	natstest.PublishN(t, nc, "jobs.x", 3)
	folder := t.TempDir()
	g, log := testGroup(t)
	started, err := g.start(captureOf(t, srv, "ORDERS", folder), captureOf(t, srv, "JOBS", folder))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.start(captureOf(t, srv, "JOBS", folder)); err == nil || !strings.Contains(err.Error(), "capture JOBS") {
		t.Errorf("a second capture of one name: %v", err)
	}
	awaitReady(t, g)
	natstest.Eventually(t, patience, "all messages of JOBS are read", func() bool {
		return g.r.overview.running()["JOBS"].Messages == 3
	})
	if err := g.end(started[1]); err != nil {
		t.Error(err)
	}
	if got := g.names(); !slices.Equal(got, []string{"ORDERS"}) {
		t.Errorf("captures %q", got)
	}
	if got := g.board.Running(); len(got) != 1 || got[0].Ended || len(status.Started(got)) != 1 {
		t.Errorf("the board shows %v", got)
	}
	if state, _ := g.r.overview.stats(); state != "reading" {
		t.Errorf("the state of what is left is %s", state)
	}
	if done, err := filepath.Glob(filepath.Join(folder, logFolder, "JOBS", "log", "*1.done.json")); len(done) != 1 {
		t.Errorf("the last cut: %q, %v", done, err)
	}
	if _, err := g.start(captureOf(t, srv, "JOBS", folder)); err != nil {
		t.Fatal(err)
	}
	if err := g.end(started[1]); err != nil || !slices.Contains(g.names(), "JOBS") {
		t.Errorf("it was ended before, and ends its successor: %v, %q", err, g.names())
	}
	awaitReady(t, g)
	if got := storedTo(g, "JOBS"); got != 3 {
		t.Errorf("it goes on behind sequence %d", got)
	}
	g.cancel()
	if err := g.wait(); err != nil {
		t.Errorf("%v\n%s", err, log)
	}
	if _, err := g.start(captureOf(t, srv, "JOBS", folder)); err == nil {
		t.Error("a capture has started in a group that has ended")
	}
	wantSound(t, folder)
}

// TestAGroupThatIsHeld does not end with its last capture.
func TestAGroupThatIsHeld(t *testing.T) {
	srv, _ := orders(t, "1")
	g, _ := testGroup(t)
	if !g.hold() {
		t.Fatal("it has ended already")
	}
	started, err := g.start(captureOf(t, srv, "ORDERS", t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- g.wait() }()
	if err := g.end(started[0]); err != nil {
		t.Error(err)
	}
	select {
	case err := <-ended:
		t.Errorf("it has ended, with %v", err)
	case <-time.After(10 * time.Millisecond):
	}
	if _, err := g.start(captureOf(t, srv, "ORDERS", t.TempDir())); err != nil {
		t.Error(err)
	}
	g.cancel()
	g.release()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if g.hold() {
		t.Error("a group that has ended is held")
	}
}

// TestAResidentGroup tries again what is alone and fails; another group ends with it.
func TestAResidentGroup(t *testing.T) {
	srv, nc := orders(t)
	alone, _ := testGroup(t)
	if _, err := alone.start(captureOf(t, srv, "LATE", t.TempDir())); err != nil {
		t.Fatal(err)
	}
	if err := alone.wait(); err == nil || strings.Contains(err.Error(), "capture LATE") {
		t.Errorf("the failure of the only capture: %v", err)
	}
	g, log := testGroup(t)
	g.resident = true
	if _, err := g.start(captureOf(t, srv, "LATE", t.TempDir())); err != nil {
		t.Fatal(err)
	}
	natstest.Eventually(t, patience, "it is tried again", func() bool {
		return strings.Contains(log.String(), "it is tried again")
	})
	natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "LATE"})
	awaitReady(t, g)
	g.cancel()
	if err := g.wait(); err != nil {
		t.Error(err)
	}
}
