package main

import (
	"errors"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/jetcapture/jetcapture/internal/fleet"
	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/jetcapture/jetcapture/internal/retry"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// TestAPatternForOnceInAFleetNamesWhatItLeavesOut: its task fails, unless what it leaves out is captured all the same.
func TestAPatternForOnceInAFleetNamesWhatItLeavesOut(t *testing.T) {
	e, f, runner, task := onceFleet(t, "once: true")
	s, err := taskSettings(task, runner.nats, runner.getenv)
	must(t, err)
	apply := func(options string) {
		t.Helper()
		file := writeFile(t, "own.yaml", "captures:\n  A: {stream_name: A, "+options+"}\n")
		if r := e.run(t, "fleet", "apply", "-f", file); r.code != exitDone {
			t.Fatal(r.stderr)
		}
	}
	apply("output: " + t.TempDir())
	err = runner.Run(t.Context(), task)
	if err == nil || !strings.Contains(err.Error(), "stream A: there is a capture of that name already, A, of another") {
		t.Errorf("beside one with another place: %v", err)
	}
	apply("output: " + s.capture.output)
	if err := runner.Run(t.Context(), task); err != nil {
		t.Errorf("beside one that does the same: %v", err)
	}
	if own, err := f.Task(t.Context(), "A"); err != nil || own.Parent != "" {
		t.Errorf("the capture of the file is %+v, %v", own, err)
	}
}

// TestTheFirstOfTwoPatternsOfAFleetHasAStream, by their names, whichever was there first. The other one says so.
func TestTheFirstOfTwoPatternsOfAFleetHasAStream(t *testing.T) {
	_, e, f, _ := patternFleet(t)
	log, stop := e.startLooking(t, "a")
	e.awaitTasks(t, "ORDERS-EU", "orders", "streams of orders")
	file := writeFile(t, "early.yaml", "output: ${ARCHIVE}\ncaptures:\n  early: {stream_name: 'ORDERS-E*'}\n")
	if r := e.run(t, "fleet", "apply", "-f", file); r.code != exitDone {
		t.Fatal(r.stderr)
	}
	isOf := func(pattern string) {
		t.Helper()
		natstest.Eventually(t, patience, "ORDERS-EU is one of "+pattern, func() bool {
			task, err := f.Task(t.Context(), "ORDERS-EU")
			return err == nil && task.Parent == "streams of "+pattern
		})
	}
	isOf("early")
	const says = `pattern="streams of orders" stream=ORDERS-EU error="streams of early matches it, too`
	natstest.Eventually(t, patience, says, func() bool { return strings.Contains(log.String(), says) })
	if r := e.run(t, "fleet", "rm", "early"); r.code != exitDone {
		t.Fatal(r.stderr)
	}
	isOf("orders")
	if stop(); strings.Contains(log.String(), fleet.ErrConflict.Error()) {
		t.Errorf("it says what is to do by hand:\n%s", log)
	}
}

// TestAHolderThatMayNotRemoveTasksAddsThem, and says which permission is missing.
func TestAHolderThatMayNotRemoveTasksAddsThem(t *testing.T) {
	t.Parallel() // it waits for answers that do not come
	srv := natstest.Start(t, natstest.Configured(t, `authorization { users: [
		{ user: admin, password: p }
		{ user: worker, password: p, permissions: { publish: { deny: "$JS.API.STREAM.MSG.DELETE.JETCAPTURE_FLEET" } } }
	] }`))
	nc := srv.Connect(nats.UserInfo("admin", "p"))
	someStreams(t, nc, "A")
	admin := environment{"NATS_URL": srv.URL(), "NATS_USER": "admin", "NATS_PASSWORD": "p"}
	file := writeFile(t, "c.yaml", "output: "+t.TempDir()+"\ncaptures:\n  all: {stream_name: '*'}\n")
	for _, args := range [][]string{{"fleet", "init"}, {"fleet", "apply", "-f", file}} {
		if r := admin.run(t, args...); r.code != exitDone {
			t.Fatal(r.stderr)
		}
	}
	worker := environment{"NATS_URL": srv.URL(), "NATS_USER": "worker", "NATS_PASSWORD": "p"}
	log, _ := worker.startLooking(t, "a")
	admin.awaitTasks(t, "A", "streams of all")
	js, err := jetstream.New(nc)
	must(t, err)
	must(t, js.DeleteStream(t.Context(), "A"))
	someStreams(t, nc, "B")
	admin.awaitTasks(t, "A", "B", "streams of all")
	natstest.Eventually(t, patience, "a warning", func() bool {
		return strings.Contains(log.String(), "permission to publish $JS.API.STREAM.MSG.DELETE.JETCAPTURE_FLEET")
	})
	someStreams(t, nc, "C")
	admin.awaitTasks(t, "A", "B", "C", "streams of all")
	if n := strings.Count(log.String(), "it is gone, or not chosen"); n != 1 {
		t.Errorf("that A is gone is said %d times, want once", n)
	}
}

// TestALookThatFailsIsToldEachMinute for as long as that lasts.
func TestALookThatFailsIsToldEachMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := new(lockedBuffer)
		f := newFollower(newSettings(), nil, slog.New(slog.NewTextHandler(log, nil)))
		for _, err := range []error{
			errors.New("one"), errors.New("not yet"), errors.New("two"), nil, errors.New("three"), fleet.ErrReplaced,
		} {
			f.complain(t.Context(), err)
			must(t, retry.Pause(t.Context(), streamsEvery))
		}
		for what, want := range map[string]int{"level=WARN": 3, "error=one": 1, "error=two": 1, "error=three": 1} {
			if n := strings.Count(log.String(), what); n != want {
				t.Errorf("%s is there %d times, want %d, in\n%s", what, n, want, log)
			}
		}
	})
}

// TestAPatternTakesNoRoom: a worker with room for one capture has a pattern beside it.
func TestAPatternTakesNoRoom(t *testing.T) {
	srv := natstest.Start(t)
	someStreams(t, srv.Connect(), "A")
	e := environment{"NATS_URL": srv.URL()}
	file := writeFile(t, "c.yaml", "output: "+t.TempDir()+"\ncaptures:\n  all: {stream_name: '*'}\n")
	for _, args := range [][]string{{"fleet", "init", "--lease", "1s"}, {"fleet", "apply", "-f", file}} {
		if r := e.run(t, args...); r.code != exitDone {
			t.Fatal(r.stderr)
		}
	}
	stop := e.startWorker(t, "--worker", "a", "--room", "1")
	e.awaitFleet(t, "a", "A")
	if r := e.run(t, "fleet", "ls"); !regexp.MustCompile(`(?m)^a +\S+ +1 +1 *$`).MatchString(r.stdout) {
		t.Errorf("ls counts the pattern as a capture:\n%s", r.stdout)
	}
	stop()
}
