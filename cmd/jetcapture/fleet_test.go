package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/internal/fleet"
	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/jetcapture/jetcapture/internal/status"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
)

// startWorker starts "jetcapture worker".
func (e environment) startWorker(t *testing.T, args ...string) (stop func() result) {
	t.Helper()
	return e.start(t, append([]string{"worker"}, args...)...)
}

// start starts the command in this process. stop ends it as a signal does, and returns what came of it.
func (e environment) start(t *testing.T, args ...string) (stop func() result) {
	t.Helper()
	_, stop = e.startLogged(t, args...)
	return stop
}

// startLogged also returns what the command writes to stderr while it runs.
func (e environment) startLogged(t *testing.T, args ...string) (log fmt.Stringer, stop func() result) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var stdout, stderr lockedBuffer
	code := make(chan int, 1)
	go func() {
		code <- execute(ctx, append([]string{"jetcapture"}, args...),
			console{&stdout, &stderr, func(name string) string { return e[name] }, new(atomic.Bool), nil})
	}()
	var r *result
	stop = func() result {
		if cancel(); r == nil {
			r = &result{code: <-code}
			r.stdout, r.stderr = stdout.String(), stderr.String()
		}
		return *r
	}
	t.Cleanup(func() { stop() })
	return &stderr, stop
}

// fleetLs is what "jetcapture fleet ls --json" prints.
func (e environment) fleetLs(t *testing.T) (l fleetList) {
	t.Helper()
	r := e.run(t, "fleet", "ls", "--json")
	if r.code != exitDone {
		t.Fatalf("fleet ls: exit code %d: %s", r.code, r.stderr)
	}
	must(t, json.Unmarshal([]byte(r.stdout), &l))
	return l
}

// awaitFleet waits until each capture reads, at a worker of this name, and nothing is left to read.
func (e environment) awaitFleet(t *testing.T, worker string, captures ...string) {
	t.Helper()
	natstest.Eventually(t, patience, strings.Join(captures, ", ")+" at "+worker, func() bool {
		n := 0
		for _, task := range e.fleetLs(t).Tasks {
			is := task.Status
			if is == nil {
				continue
			}
			if task.Worker == worker && task.Ending == "" && is.State == "reading" && is.Lag == 0 {
				n++
			}
		}
		return n == len(captures)
	})
}

func TestFleet(t *testing.T) {
	srv, nc := orders(t, `{"id":1}`, `{"id":2}`)
	natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "JOBS", Retention: jetstream.WorkQueuePolicy})
	natstest.PublishN(t, nc, "jobs.x", 3)
	folder := t.TempDir()
	e := environment{"NATS_URL": srv.URL(), "ARCHIVE": folder}
	path := writeFile(t, "captures.yaml", `
output: ${ARCHIVE}
log_level: warn
on_failure: leave
captures:
  orders: {stream_name: ORDERS, max_age: 1h, log_level: info}
  jobs: {stream_name: JOBS, consumer_name: archive}
`)
	logA, stopA := e.startLogged(t, "worker", "--worker", "a")
	const waits = "make it with jetcapture fleet init"
	natstest.Eventually(t, patience, "a worker that waits for a fleet", func() bool {
		return strings.Contains(logA.String(), waits)
	})
	r := e.run(t, "fleet", "init", "--lease", "2s")
	if r.code != exitDone || r.stdout != "stream JETCAPTURE_FLEET is made: 1 replica, a lease of 2s\n" {
		t.Fatalf("init: exit code %d, %s%s", r.code, r.stdout, r.stderr)
	}
	r = e.run(t, "fleet", "apply", "-f", path)
	if r.code != exitDone || r.stdout != "orders: added\njobs: added\n" ||
		!strings.HasPrefix(r.stderr, "jetcapture: log_level: left out, the workers have that as options\njetcapture: "+
			"on_failure: left out, for a single process alone; ") {
		t.Fatalf("apply: exit code %d, %s%s", r.code, r.stdout, r.stderr)
	}
	if r = e.run(t, "fleet", "apply", "-f", path); r.stdout != "orders: unchanged\njobs: unchanged\n" {
		t.Errorf("applied again: %s%s", r.stdout, r.stderr)
	}
	e.awaitFleet(t, "a", "orders", "jobs")
	natstest.PublishN(t, nc, "jobs.x", 2)
	e.startWorker(t, "--worker", "b")
	if r := stopA(); r.code != exitDone || strings.Count(r.stderr, waits) != 1 {
		t.Errorf("worker a: exit code %d\n%s", r.code, r.stderr)
	}
	e.awaitFleet(t, "b", "orders", "jobs")
	if r = e.run(t, "fleet", "drain", "b"); r.code != exitDone ||
		r.stdout != "b: has handed over what it had, and takes nothing\n" {
		t.Errorf("drain: exit code %d, %s%s", r.code, r.stdout, r.stderr)
	}
	if r = e.run(t, "fleet", "ls"); !strings.Contains(r.stdout, "waits for a worker") ||
		!strings.Contains(r.stdout, "drained") {
		t.Errorf("after a drain: %s", r.stdout)
	}
	if r = e.run(t, "fleet", "rm", "orders", "jbs"); r.code != exitFailed || r.stdout != "orders: removed\n" ||
		!strings.Contains(r.stderr, "there is no task jbs: did you mean jobs?") {
		t.Errorf("rm: exit code %d, %s%s", r.code, r.stdout, r.stderr)
	}
	if l := e.fleetLs(t); len(l.Tasks) != 1 || l.Tasks[0].Name != "jobs" {
		t.Errorf("after rm there are %v", l.Tasks)
	}
	if r = e.run(t, "verify", folder, "--json"); r.code != exitDone {
		t.Errorf("verify: exit code %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	rows := 0
	for _, lines := range rowsBelow(t, folder) {
		rows += len(lines)
	}
	if rows != 7 {
		t.Errorf("%d lines in the files, want the 2 orders and the 5 jobs", rows)
	}
}

// againFails matches a capture that has failed more than once.
var againFails = regexp.MustCompile(`fails, \d+ times`)

// TestFleetLsShowsWhatFails: how often, why and when it is tried again, which its worker logs once each time.
func TestFleetLsShowsWhatFails(t *testing.T) {
	srv := natstest.Start(t)
	e := environment{"NATS_URL": srv.URL()}
	path := writeFile(t, "c.yaml", "output: "+t.TempDir()+"\ncaptures:\n  bad: {stream_name: NONE}\n")
	for _, args := range [][]string{{"fleet", "init", "--lease", "2s"}, {"fleet", "apply", "-f", path}} {
		if r := e.run(t, args...); r.code != exitDone {
			t.Fatal(r.stderr)
		}
	}
	stop := e.startWorker(t, "--worker", "a")
	var shown string
	natstest.Eventually(t, patience, "a capture that fails", func() bool {
		shown = e.run(t, "fleet", "ls").stdout
		return againFails.MatchString(shown)
	})
	if !regexp.MustCompile(`(?m)^bad: tried again .*: look up stream "NONE": stream not found`).MatchString(shown) {
		t.Errorf("fleet ls prints\n%s", shown)
	}
	if log := stop().stderr; strings.Contains(log, "a capture has failed") || !strings.Contains(log, "a task has failed") {
		t.Errorf("the worker logs\n%s", log)
	}
}

func TestWhatIsWrongWithTasksIsSaidBeforeAnythingIsApplied(t *testing.T) {
	srv := natstest.Start(t)
	e := environment{"NATS_URL": srv.URL()}
	if r := e.run(t, "fleet", "init", "--replicas", "3"); !strings.Contains(r.stderr, "give --replicas 1") {
		t.Errorf("replicas of a single server: %s", r.stderr)
	}
	if r := e.run(t, "fleet", "init"); r.code != exitDone {
		t.Fatal(r.stderr)
	}
	for _, tt := range []struct{ text, want string }{
		{"stream_name: S\noutput: a\n", "captures: is missing"},
		{"captures:\n  a: {stream_name: S}\n", "capture a: --output: a place for the archive is required"},
		{"output: x\ncaptures:\n  a: {stream_nam: S}\n", "unknown key stream_nam"},
		{"output: x\nnats_password: hunter2\ncaptures:\n  a: {stream_name: S}\n", "a secret would lie in the stream"},
		{"output: x\nnats_server: nats://u:hunter2@h\ncaptures:\n  a: {stream_name: S}\n", "a secret in its URL"},
		{"output: x\ncaptures:\n  a: {stream_name: S, capture: b}\n", "the capture has its name already"},
		{
			"output: x\ncaptures:\n  o: {stream_name: 'O*'}\n  streams of o: {stream_name: S}\n",
			"captures.yaml:4: streams of o: a name that begins with",
		},
		{"output: x\ncaptures:\n  a: {stream_name: S}\n  a: {stream_name: T}\n", "a: is in line 3 already"},
	} {
		path := writeFile(t, "captures.yaml", tt.text)
		r := e.run(t, "fleet", "apply", "-f", path)
		if r.code != exitUsage || !strings.Contains(r.stderr, tt.want) || strings.Contains(r.stderr, "hunter2") {
			t.Errorf("%q: exit code %d, %s, want %s", tt.text, r.code, r.stderr, tt.want)
		}
	}
	path := writeFile(t, "captures.yaml", "output: ${ELSEWHERE}\ncaptures:\n  a: {stream_name: S}\n")
	r := e.run(t, "fleet", "apply", "-f", path)
	if r.code != exitDone || !strings.Contains(r.stderr, "a: not checked, the environment here has no ELSEWHERE") {
		t.Errorf("a variable of the workers: exit code %d, %s", r.code, r.stderr)
	}
	path = writeFile(t, "pattern.yaml", "output: x\ncaptures:\n  a: {stream_name: '${STREAM}'}\n")
	e["STREAM"] = "S-*"
	if r := e.run(t, "fleet", "apply", "-f", path); !strings.Contains(r.stderr, "write the pattern into the file itself") {
		t.Errorf("a variable that is a pattern: exit code %d, %s", r.code, r.stderr)
	}
	if l := e.fleetLs(t); len(l.Tasks) != 1 {
		t.Errorf("the fleet has %v, want one task", l.Tasks)
	}
}

// TestAWorkerCannotWriteToATerminal: what it answers is printed as text.
func TestAWorkerCannotWriteToATerminal(t *testing.T) {
	now := time.Now()
	for _, task := range []status.FleetTask{
		{Name: "a", Worker: "w", Since: &now, Ending: "\x1b]0;x\a"},
		{Name: "a", Worker: "w", Since: &now, Status: &status.TaskStatus{State: "\x1b[2J"}},
	} {
		if row := taskRow("", &task); strings.ContainsAny(row, "\x1b\a") {
			t.Errorf("the row is %q", row)
		}
	}
}

func TestSecretsInURLsOfTasks(t *testing.T) {
	for _, c := range []struct {
		option string
		secret bool
	}{
		{"nats_server: nats://h1,nats://h2", false},
		{"nats_server: 'nats://bob:${PW}@h1,nats://${TOKEN}@h2'", false},
		{"nats_server: 'nats://h1,nats://bob:hunter2@h2'", true},
		{"nats_server: 'nats://${USER}:hunter2@h'", true},
		{"nats_server: nats://hunter2@h", true},
		{"nats_server: bob:hunter2@h", true},
		{"nats_server: 'nats://bob:hunter,2@h'", true},
		{"events_webhook: 'https://u:hunter2@h/x'", true},
		{"events_webhook: 'https://u:%zz@h/x'", true},
		{"events_webhook: 'https://h/x?stream=S&token=hunter2'", true},
		{"events_webhook: 'https://h/x@y?stream=S&token=${TOKEN}'", false},
		{"events_webhook: '${WEBHOOK}'", false},
		{"output: 's3://b/x@y?endpoint=https://h&kms_key_name=k'", false},
		{"output: 's3://b?endpoint=https://u:hunter2@h'", true},
		{"output: /home/me@work", false},
	} {
		for _, text := range []string{
			c.option + "\ncaptures:\n  a: {stream_name: S}\n", "captures:\n  a:\n    stream_name: S\n    " + c.option + "\n",
		} {
			_, _, problems := splitTasks("c.yaml", []byte(text))
			if refused := len(problems) > 0; refused != c.secret {
				t.Errorf("%s: %v, refused %v", text, problems, refused)
			}
			if strings.Contains(fmt.Sprint(problems), "hunter") {
				t.Errorf("%s: the secret is shown: %v", text, problems)
			}
		}
	}
}

// TestAMessageThatIsNoTask: anybody with the right to publish to the subjects of tasks can write one.
func TestAMessageThatIsNoTask(t *testing.T) {
	srv, nc := orders(t)
	e := environment{"NATS_URL": srv.URL()}
	if r := e.run(t, "fleet", "init"); r.code != exitDone {
		t.Fatal(r.stderr)
	}
	must(t, nc.Publish("jetcapture.task.X", []byte("hello")))
	must(t, nc.Flush())
	path := writeFile(t, "c.yaml", "output: a\ncaptures:\n  a: {stream_name: A}\n")
	r := e.run(t, "fleet", "apply", "-f", path)
	if want := "a: added\nX: a message that is no capture; jetcapture fleet rm X removes it\n"; r.stdout != want {
		t.Errorf("apply: exit code %d, %s%s", r.code, r.stdout, r.stderr)
	}
	if r = e.run(t, "fleet", "ls"); r.code != exitDone || !strings.Contains(r.stdout, "is no capture") {
		t.Errorf("ls: exit code %d, %s%s", r.code, r.stdout, r.stderr)
	}
	if r = e.run(t, "fleet", "rm", "X"); r.code != exitDone || r.stdout != "X: removed\n" {
		t.Errorf("rm: exit code %d, %s%s", r.code, r.stdout, r.stderr)
	}
	if l := e.fleetLs(t); len(l.Tasks) != 1 || l.Tasks[0].Name != "a" {
		t.Errorf("the fleet has %v, want one task", l.Tasks)
	}
}

func TestApplyWithPruneAndWithoutDoingIt(t *testing.T) {
	srv := natstest.Start(t)
	e := environment{"NATS_URL": srv.URL()}
	if r := e.run(t, "fleet", "init"); r.code != exitDone {
		t.Fatal(r.stderr)
	}
	output := "output: " + filepath.ToSlash(t.TempDir()) + "\ncaptures:\n"
	apply := func(captures string, args ...string) string {
		r := e.run(t, append([]string{"fleet", "apply", "-f", writeFile(t, "c.yaml", output+captures)}, args...)...)
		if r.code != exitDone {
			t.Fatal(r.stderr)
		}
		return r.stdout
	}
	apply("  a: {stream_name: A}\n  b: {stream_name: B}\n")
	captures := "  b: {stream_name: B, format: csv, column: [x=payload]}\n  c: {stream_name: C}\n"
	want := "a: removed\nb: changed\nc: added\n"
	if got := apply(captures, "--prune", "--dry-run"); got != want+"nothing was done (--dry-run)\n" {
		t.Errorf("a dry run prints %s", got)
	}
	if got := apply(captures); got != "b: changed\nc: added\na: not in the file, left\n" {
		t.Errorf("without --prune: %s", got)
	}
	if got := apply(captures, "--prune"); got != "a: removed\nb: unchanged\nc: unchanged\n" {
		t.Errorf("with --prune: %s", got)
	}
}

// TestATaskIsTheFileOfOneCapture: jetcapture run --config takes it, and a comment or an alias makes no other task.
func TestATaskIsTheFileOfOneCapture(t *testing.T) {
	text := "output: a\nkey: &k [json:a]\ncaptures:\n" +
		"  one: {stream_name: S, key: [json:b]} # first\n  two: {stream_name: T}\n"
	tasks, _, problems := splitTasks("c.yaml", []byte(text))
	if len(problems) > 0 || len(tasks) != 2 {
		t.Fatal(tasks, problems)
	}
	plain, _, _ := splitTasks("c.yaml", []byte(strings.NewReplacer(" # first", "", "&k ", "").Replace(text)))
	for i, task := range tasks {
		if !bytes.Equal(task.Body, plain[i].Body) {
			t.Errorf("the task\n%sis another one without the comment:\n%s", task.Body, plain[i].Body)
		}
		r := environment{}.run(t, "validate", "--config", writeFile(t, "task.yaml", string(task.Body)))
		if r.code != exitDone {
			t.Errorf("%s\n%s", task.Body, r.stderr)
		}
	}
	one, err := taskSettings(tasks[0], &connection{}, func(string) string { return "" })
	must(t, err)
	if len(one.capture.form.Keys) != 1 || one.capture.form.Keys[0].String() != "json:b" {
		t.Errorf("its own option gives way to the shared one: %v", one.capture.form.Keys)
	}
}

func TestATaskHasItsOwnConnectionOrThatOfItsWorker(t *testing.T) {
	getenv := func(name string) string { return map[string]string{"NATS_URL": "nats://environment"}[name] }
	worker := &connection{}
	worker.Server.Text, worker.Creds.Text = "nats://worker", ""
	tasks, _, problems := splitTasks("c.yaml",
		[]byte("output: a\ncaptures:\n  a: {stream_name: S}\n  b: {stream_name: S, nats_server: nats://own}\n"))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	for i, want := range []string{"nats://worker", "nats://own"} {
		s, err := taskSettings(tasks[i], worker, getenv)
		must(t, err)
		if s.nats.Server.Text != want {
			t.Errorf("capture %s connects to %s, want %s", s.name, s.nats.Server.Text, want)
		}
	}
}

func TestApplyWarnsOfLanesThatOverlapOrLeaveOut(t *testing.T) {
	srv, nc := orders(t)
	natstest.PublishN(t, nc, "orders.eu", 2)
	natstest.PublishN(t, nc, "orders.us", 3)
	natstest.PublishN(t, nc, "orders.fr", 4)
	e := environment{"NATS_URL": srv.URL()}
	if r := e.run(t, "fleet", "init"); r.code != exitDone {
		t.Fatal(r.stderr)
	}
	apply := func(lanes ...string) string {
		text := "output: a\nstream_name: ORDERS\ncaptures:\n"
		for i, filter := range lanes {
			text += fmt.Sprintf("  lane-%d: {filter_subject: [%q]}\n", i, filter)
		}
		r := e.run(t, "fleet", "apply", "--dry-run", "-f", writeFile(t, "c.yaml", text))
		if r.code != exitDone {
			t.Fatal(r.stderr)
		}
		return r.stderr
	}
	want := "jetcapture: warning: stream ORDERS: no capture takes 4 messages of 1 subject, such as orders.fr\n"
	if got := apply("orders.eu", "orders.us"); got != want {
		t.Errorf("it warns %q, want %q", got, want)
	}
	if got := apply("orders.*", "orders.us"); !strings.Contains(got, "each is stored twice") {
		t.Errorf("of lanes that overlap it says %q", got)
	}
	whole := writeFile(t, "c.yaml", "output: a\nstream_name: ORDERS\ncaptures:\n  all: {}\n"+
		"  eu: {filter_subject: [orders.eu]}\n")
	want = "jetcapture: warning: stream ORDERS: captures all (>) and eu (orders.eu) take the same messages: " +
		"each is stored twice\n"
	if r := e.run(t, "fleet", "apply", "--dry-run", "-f", whole); r.stderr != want {
		t.Errorf("of a whole stream beside a filter it says %q, want %q", r.stderr, want)
	}
	for captures, want := range map[string]string{
		"  a: {range: 1..5}\n  b: {range: 4..7}\n  c: {start: 8}\n": "captures a and b take the same " +
			"messages, of the sequences 4 to 5: each is stored twice\n",
		"  a: {range: 1..5}\n  c: {start: 8}\n": "no capture takes the sequences 6 to 7\n",
		"  a: {range: 1..5}\n  c: {start: 6}\n": "",
		"  a: {range: 1..5, filter_subject: [orders.eu]}\n  c: {filter_subject: [orders.us, orders.fr]}\n": "",
	} {
		text := "output: a\nstream_name: ORDERS\ncaptures:\n" + captures
		r := e.run(t, "fleet", "apply", "--dry-run", "-f", writeFile(t, "c.yaml", text))
		if want != "" {
			want = "jetcapture: warning: stream ORDERS: " + want
		}
		if r.stderr != want {
			t.Errorf("%s: it warns %q, want %q", captures, r.stderr, want)
		}
	}
	if got := apply("orders.eu", "orders.us", "orders.fr"); got != "" {
		t.Errorf("of lanes that fit it says %q", got)
	}
}

// TestFleetMetricsAreDocumented: what a worker serves of the fleet is what the document names.
func TestFleetMetricsAreDocumented(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(fleetMetrics(new(fleet.Worker))...)
	all, err := registry.Gather()
	must(t, err)
	var names []string
	for _, f := range all {
		names = append(names, f.GetName())
	}
	document, err := os.ReadFile("../../docs/FLEET.md")
	must(t, err)
	var documented []string
	row := regexp.MustCompile("(?m)^\\| `(jetcapture_fleet_[a-z_]+)`")
	for _, m := range row.FindAllStringSubmatch(string(document), -1) {
		documented = append(documented, m[1])
	}
	slices.Sort(documented)
	if !slices.Equal(names, documented) {
		t.Errorf("a worker serves %v, docs/FLEET.md has %v", names, documented)
	}
}
