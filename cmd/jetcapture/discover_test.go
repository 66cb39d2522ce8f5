package main

import (
	"context"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/internal/fleet"
	"github.com/jetcapture/jetcapture/internal/natsconn"
	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/pflag"
)

// startLooking starts a worker that looks for streams all the time.
func (e environment) startLooking(t *testing.T, id string) (log *lockedBuffer, stop func()) {
	t.Helper()
	log = new(lockedBuffer)
	r := newRunner(console{stdout: log, stderr: log, getenv: e.get, logJSON: new(atomic.Bool)},
		&reportSettings{onFailure: failureLeave})
	r.streamsEvery = 20 * time.Millisecond
	s, err := readWorker(pflag.NewFlagSet("", pflag.ContinueOnError), e.get, os.ReadFile)
	must(t, err)
	s.id = id
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.work(ctx, s, nil) }()
	stop = func() {
		if cancel(); done != nil {
			if err := <-done; err != nil {
				t.Errorf("worker %s: %v\n%s", id, err, log)
			}
			done = nil
		}
	}
	t.Cleanup(stop)
	return log, stop
}

// awaitTasks waits until the fleet has exactly these tasks.
func (e environment) awaitTasks(t *testing.T, want ...string) {
	t.Helper()
	natstest.Eventually(t, patience, strings.Join(want, ", "), func() bool {
		var got []string
		for _, task := range e.fleetLs(t).Tasks {
			got = append(got, task.Name)
		}
		return slices.Equal(got, want)
	})
}

// patternFleet makes a fleet whose one task is the pattern that has two streams.
func patternFleet(t *testing.T) (srv *natstest.Server, e environment, f *fleet.Fleet, file string) {
	t.Helper()
	srv = natstest.Start(t)
	nc := srv.Connect()
	someStreams(t, nc, "ORDERS-EU", "ORDERS-TEST", "orders")
	e = environment{"NATS_URL": srv.URL(), "ARCHIVE": t.TempDir()}
	file = writeFile(t, "captures.yaml", `
output: ${ARCHIVE}
max_idle: 20ms
captures:
  orders: {stream_name: "[Oo]*", exclude_stream: ["*-TEST"], max_streams: 3, start: new}
`)
	f, err := fleet.New(nc, "", "")
	must(t, err)
	_, err = f.Init(t.Context(), fleet.Config{Lease: fleet.MinLease})
	must(t, err)
	if r := e.run(t, "fleet", "apply", "-f", file); r.code != exitDone || r.stdout != "streams of orders: added\n" {
		t.Fatalf("apply: exit code %d, %s%s", r.code, r.stdout, r.stderr)
	}
	return srv, e, f, file
}

// TestAPatternInAFleet: two workers look at the same time. Streams that come become tasks, those that go end theirs.
func TestAPatternInAFleet(t *testing.T) {
	srv, e, _, file := patternFleet(t)
	nc := srv.Connect()
	logA, stopA := e.startLooking(t, "a")
	e.awaitTasks(t, "ORDERS-EU", "orders", "streams of orders")
	logB, stopB := e.startLooking(t, "b")
	someStreams(t, nc, "ORDERS-US", "ORDERS-Z")
	e.awaitTasks(t, "ORDERS-EU", "ORDERS-US", "orders", "streams of orders")
	stopA() // the other one follows the pattern from now on, unless it has before
	if r := e.run(t, "fleet", "apply", "--prune", "-f", file); r.stdout != "streams of orders: unchanged\n" {
		t.Errorf("applied again: %s%s", r.stdout, r.stderr)
	}
	js, err := jetstream.New(nc)
	must(t, err)
	must(t, js.DeleteStream(t.Context(), "orders"))
	e.awaitTasks(t, "ORDERS-EU", "ORDERS-US", "ORDERS-Z", "streams of orders")
	log := func() string { return logA.String() + logB.String() }
	for _, want := range []string{"more streams match than --max-streams", `not chosen" pattern="streams of orders"`} {
		natstest.Eventually(t, patience, want, func() bool { return strings.Contains(log(), want) })
	}
	e.awaitFleet(t, "b", "ORDERS-EU", "ORDERS-US", "ORDERS-Z")
	r := e.run(t, "fleet", "ls")
	for _, want := range []string{
		"\n  ORDERS-US  ", "streams of orders  b ", "follows 3 streams", "3 captures and 1 pattern, 4 held",
	} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("ls does not say %q:\n%s", want, r.stdout)
		}
	}
	stopB()
	wantSound(t, e["ARCHIVE"])
	// ORDERS-US came later, so it is captured from its first message on; --start new is for the other one.
	if got := capturesIn(t, e["ARCHIVE"]); !slices.Contains(got, "ORDERS-US") || slices.Contains(got, "ORDERS-EU") {
		t.Errorf("something is stored of %v\n%s", got, log())
	}
}

// TestTasksOfAPatternThatAreChangedByHand: the pattern makes them again as it says, unless a file has them.
func TestTasksOfAPatternThatAreChangedByHand(t *testing.T) {
	_, e, f, file := patternFleet(t)
	ctx, pattern := t.Context(), "streams of orders"
	e.startLooking(t, "a")
	e.awaitTasks(t, "ORDERS-EU", "orders", pattern)
	made, err := f.Task(ctx, "ORDERS-EU")
	must(t, err)
	_, err = f.Apply(ctx, fleet.Task{Name: "ORDERS-EU", Parent: pattern, Body: []byte("x")})
	must(t, err)
	natstest.Eventually(t, patience, "the task as it was", func() bool {
		now, err := f.Task(ctx, "ORDERS-EU")
		return err == nil && now.Says(made) && now.Revision != made.Revision
	})
	r := e.run(t, "fleet", "rm", "ORDERS-EU")
	if r.code != exitDone || !strings.Contains(r.stderr, "streams of orders makes ORDERS-EU again") {
		t.Errorf("rm: exit code %d, %s%s", r.code, r.stdout, r.stderr)
	}
	e.awaitTasks(t, "ORDERS-EU", "orders", pattern)

	own := writeFile(t, "own.yaml", "output: ${ARCHIVE}\ncaptures:\n  ORDERS-EU: {stream_name: ORDERS-EU, max_age: 1h}\n")
	if r := e.run(t, "fleet", "apply", "-f", own); r.stdout !=
		"ORDERS-EU: changed\nstreams of orders: not in the file, left\n" {
		t.Errorf("apply: exit code %d, %s%s", r.code, r.stdout, r.stderr)
	}
	if r := e.run(t, "fleet", "apply", "-f", file); r.stdout !=
		"streams of orders: unchanged\nORDERS-EU: not in the file, left\n" {
		t.Errorf("apply: exit code %d, %s%s", r.code, r.stdout, r.stderr)
	}
	if r := e.run(t, "fleet", "rm", "orders", "orders"); r.code != exitDone {
		t.Errorf("rm: exit code %d, %s%s", r.code, r.stdout, r.stderr)
	}
	e.awaitTasks(t, "ORDERS-EU")
	if left, err := f.Task(ctx, "ORDERS-EU"); err != nil || left.Parent != "" {
		t.Errorf("the capture of the file is %+v, %v", left, err)
	}
}

// TestAStreamThatCameBeforeAnybodyLooked is captured from its first message, if the pattern was applied before.
func TestAStreamThatCameBeforeAnybodyLooked(t *testing.T) {
	srv, e, f, _ := patternFleet(t)
	someStreams(t, srv.Connect(), "ORDERS-LATE")
	e.startLooking(t, "a")
	e.awaitTasks(t, "ORDERS-EU", "ORDERS-LATE", "orders", "streams of orders")
	for name, whole := range map[string]bool{"ORDERS-EU": false, "ORDERS-LATE": true} {
		if task, err := f.Task(t.Context(), name); err != nil || isWhole(task.Body) != whole {
			t.Errorf("from its first message, which is to be %v: %v\n%s", whole, err, task.Body)
		}
	}
}

// TestAPatternForOnce leaves the fleet when its captures are in it, and they leave it when they are done.
func TestAPatternForOnce(t *testing.T) {
	srv := natstest.Start(t)
	nc := srv.Connect()
	long := strings.Repeat("L", 70)
	someStreams(t, nc, "A", "B", long)
	e := environment{"NATS_URL": srv.URL()}
	f, err := fleet.New(nc, "", "")
	must(t, err)
	_, err = f.Init(t.Context(), fleet.Config{Lease: fleet.MinLease})
	must(t, err)
	folder := t.TempDir()
	file := writeFile(t, "c.yaml", "output: "+folder+"\ncaptures:\n  all: {stream_name: '*', once: true}\n")
	if r := e.run(t, "fleet", "apply", "-f", file); r.code != exitDone {
		t.Fatal(r.stderr)
	}
	log, stop := e.startLooking(t, "a")
	e.awaitTasks(t)
	stop()
	if got := strings.Join(capturesIn(t, folder), " "); got != "A B "+captureName(long) {
		t.Errorf("it captures %q\n%s", got, log)
	}
}

// onceFleet makes a fleet whose task is a pattern with options, and what runs it.
func onceFleet(t *testing.T, options string) (e environment, f *fleet.Fleet, runner *taskRunner, task fleet.Task) {
	t.Helper()
	srv := natstest.Start(t)
	nc := srv.Connect()
	someStreams(t, nc, "A", "B")
	f, err := fleet.New(nc, "", "")
	must(t, err)
	_, err = f.Init(t.Context(), fleet.Config{})
	must(t, err)
	e = environment{"NATS_URL": srv.URL()}
	e.applyPattern(t, options)
	task, err = f.Task(t.Context(), "streams of all")
	must(t, err)
	g, _ := testGroup(t)
	g.r.streamsEvery = 20 * time.Millisecond
	nats := new(connection)
	nats.Server = natsconn.Setting{Text: srv.URL(), Rank: 1}
	return e, f, &taskRunner{group: g, fleet: f, nats: nats, getenv: e.get}, task
}

// applyPattern applies the pattern of all streams with options.
func (e environment) applyPattern(t *testing.T, options string) {
	t.Helper()
	file := writeFile(t, "c.yaml", "output: "+t.TempDir()+"\ncaptures:\n  all: {stream_name: '*', "+options+"}\n")
	if r := e.run(t, "fleet", "apply", "-f", file); r.code != exitDone {
		t.Fatal(r.stderr)
	}
}

// TestAPatternForOnceThatLeavesStreamsOut is not done: the task fails, and says what is to do.
func TestAPatternForOnceThatLeavesStreamsOut(t *testing.T) {
	_, _, runner, task := onceFleet(t, "once: true, max_streams: 1")
	err := runner.Run(t.Context(), task)
	if err == nil || !strings.Contains(err.Error(), "--max-streams left out 1 stream") {
		t.Errorf("it ends with %v", err)
	}
}

// TestAHolderThatWasReplacedLeavesAPatternThatIsDone: one worker holds the task while another one makes the captures of
// the pattern, or of its new revision, and it leaves the fleet. The first one is stopped then, and leaves them alone.
func TestAHolderThatWasReplacedLeavesAPatternThatIsDone(t *testing.T) {
	for name, first := range map[string]string{
		"frozen":         "once: true",
		"another server": "once: true, nats_server: 'nats://127.0.0.1:1'",
		"not for once":   "start: new",
	} {
		t.Run(name, func(t *testing.T) {
			e, f, runner, old := onceFleet(t, first)
			e.applyPattern(t, "once: true")
			task, err := f.Task(t.Context(), old.Name)
			must(t, err)
			must(t, runner.Run(t.Context(), task))
			must(t, f.Remove(t.Context(), task.Name)) // as the ack of a task that is done

			ctx, stop := context.WithTimeout(t.Context(), 200*time.Millisecond) // the worker sees that it is replaced
			defer stop()
			if err := runner.Run(ctx, old); err != nil {
				t.Errorf("the one that was replaced: %v", err)
			}
			if r := e.run(t, "fleet", "rm", "all"); r.code != exitDone || r.stdout != "A: removed\nB: removed\n" {
				t.Errorf("rm of a pattern that is done: exit code %d, %s%s", r.code, r.stdout, r.stderr)
			}
		})
	}
}

// TestTheStreamOfATask is what the holder of a pattern reads from the tasks that it has made.
func TestTheStreamOfATask(t *testing.T) {
	pattern := []byte("captures: {all: {stream_name: '*', output: x}}")
	for _, stream := range []string{"A", "A$B", "$$", strings.Repeat("L", 70), strings.Repeat("$", 70)} {
		body, err := streamTask(pattern, stream, false)
		must(t, err)
		if got := streamOf(fleet.Task{Name: captureName(stream), Body: body}); got != stream {
			t.Errorf("the stream of\n%s is %s", body, got)
		}
	}
	if got := streamOf(fleet.Task{Name: "A", Body: []byte("x")}); got != "A" {
		t.Errorf("the stream of a task that was changed by hand is %s", got)
	}
}
