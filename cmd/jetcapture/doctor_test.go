package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jetcapture/jetcapture/internal/doctor"
	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// TestPermissionsSuffice: a capture runs with what --print-permissions prints and nothing else. Without any one of them
// doctor names that one.
func TestPermissionsSuffice(t *testing.T) {
	for _, tt := range []struct {
		name string
		args []string
		cfg  jetstream.StreamConfig
	}{
		{name: "ephemeral", cfg: jetstream.StreamConfig{Name: "ORDERS"}},
		{
			name: "instance", args: []string{"--instance", "here", "--start", "2020-01-01T00:00:00Z"},
			cfg: jetstream.StreamConfig{Name: "ORDERS"},
		},
		{name: "events", args: []string{"--events-stream", "EVENTS"}, cfg: jetstream.StreamConfig{Name: "ORDERS"}},
		{name: "micro", args: []string{"--micro"}, cfg: jetstream.StreamConfig{Name: "ORDERS"}},
		{
			name: "durable", args: []string{"--consumer-name", "archive"},
			cfg: jetstream.StreamConfig{Name: "ORDERS", Retention: jetstream.WorkQueuePolicy},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			command := func(name string, more ...string) []string {
				return append(append([]string{name, "-s", "ORDERS"}, tt.args...), more...)
			}
			printed := environment{"NATS_URL": "nats://127.0.0.1:1"}.run(t,
				command("doctor", "-o", t.TempDir(), "--print-permissions")...)
			if printed.code != exitDone {
				t.Fatalf("exit code %d: %s", printed.code, printed.stderr)
			}
			block, _, _ := strings.Cut(printed.stdout, "# With nsc")
			subjects := permitted(block)
			url := startWithUsers(t, block, subjects, tt.cfg)

			folder := t.TempDir()
			env := environment{"NATS_URL": url, "NATS_USER": "all", "NATS_PASSWORD": "all"}
			for range 2 { // the second one has a log and a consumer
				if r := env.run(t, command("run", "-o", folder, "--once")...); r.code != exitDone {
					t.Fatalf("run has exit code %d: %s", r.code, r.stderr)
				}
			}
			if n := len(rowsBelow(t, folder)[""]); n != 3 {
				t.Errorf("%d rows are stored, want 3", n)
			}
			wantEvents(t, url, slices.Contains(tt.args, "--events-stream"))
			if bad := notWell(t, env, command("doctor", "-o", folder, "--json")...); len(bad) > 0 {
				t.Errorf("doctor finds with all permissions: %+v", bad)
			}
			for i, subject := range subjects {
				name := fmt.Sprintf("without%d", i)
				env := environment{"NATS_URL": url, "NATS_USER": name, "NATS_PASSWORD": name}
				ofService := !strings.HasPrefix(subject, "$JS.") && !strings.HasPrefix(subject, "_INBOX")
				if slices.Contains(tt.args, "--micro") && ofService {
					wantOneWarning(t, env.run(t, command("run", "-o", folder, "--once")...), subject)
				}
				checkDenied(t, notWell(t, env, command("doctor", "-o", folder, "--json")...), subject)
			}
		})
	}
}

// wantEvents wants events of the runs, or none.
func wantEvents(t *testing.T, url string, some bool) {
	t.Helper()
	if ids := published(t, natstest.Connect(t, url, nats.UserInfo("admin", "admin"))); (len(ids) > 0) != some {
		t.Errorf("the events %q were told", ids)
	}
}

// wantOneWarning wants a run without a permission of its service to succeed, and to warn of that once at most: a short
// run may end before the server's refusal arrives.
func wantOneWarning(t *testing.T, r result, subject string) {
	t.Helper()
	if n := strings.Count(r.stderr, "level=WARN"); r.code != exitDone || n > 1 {
		t.Errorf("without %s, run has exit code %d and %d warnings, want 0 and at most 1:\n%s", subject, r.code, n, r.stderr)
	}
}

// permitted are the subjects in a block of permissions.
func permitted(block string) (subjects []string) {
	for _, m := range regexp.MustCompile(`(?m)^    "(.+)"  #`).FindAllStringSubmatch(block, -1) {
		subjects = append(subjects, m[1])
	}
	slices.Sort(subjects)
	return slices.Compact(subjects)
}

// startWithUsers starts a server with three messages in a stream. User all has the block of permissions, and without0,
// without1 and so on lack one of its subjects.
func startWithUsers(t *testing.T, block string, subjects []string, cfg jetstream.StreamConfig) (url string) {
	t.Helper()
	var b strings.Builder
	user := func(name, permissions string) {
		fmt.Fprintf(&b, "{user: %s, password: %[1]s\n%s}\n", name, permissions)
	}
	b.WriteString("authorization: { users: [\n")
	user("admin", "")
	user("all", block)
	for i, subject := range subjects {
		line := regexp.MustCompile(`(?m)^    ` + regexp.QuoteMeta(`"`+subject+`"`) + `.*$`)
		// The rule is replaced, not removed: an empty list would allow everything.
		user(fmt.Sprintf("without%d", i), line.ReplaceAllString(block, `    "nothing.at.all"`))
	}
	b.WriteString("] }\n")
	file := filepath.Join(t.TempDir(), "server.conf")
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	opts, err := server.ProcessConfigFile(file)
	if err != nil {
		t.Fatalf("%v:\n%s", err, b.String())
	}
	srv := natstest.Start(t, func(o *server.Options) { o.Users = opts.Users })
	nc := srv.Connect(nats.UserInfo("admin", "admin"))
	natstest.CreateStream(t, nc, cfg)
	natstest.PublishN(t, nc, "orders.eu", 3)
	createEvents(t, nc)
	return srv.URL()
}

// notWell runs doctor and returns the problems, and the warnings about permissions.
func notWell(t *testing.T, env environment, args ...string) (bad []doctor.Check) {
	t.Helper()
	r := env.run(t, args...)
	problems := false
	for line := range strings.Lines(r.stdout) {
		var c doctor.Check
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		problems = problems || c.State == doctor.Problem
		if c.State == doctor.Problem || c.Number == "N2" && c.State == doctor.Warning {
			bad = append(bad, c)
		}
	}
	want := exitDone
	if problems {
		want = exitFailed
	}
	if r.code != want || r.stdout == "" {
		t.Errorf("doctor has exit code %d, want %d: %s%s", r.code, want, r.stdout, r.stderr)
	}
	return bad
}

// checkDenied wants one check that names the denied subject, and says how to allow it.
func checkDenied(t *testing.T, bad []doctor.Check, subject string) {
	t.Helper()
	if !slices.ContainsFunc(bad, func(c doctor.Check) bool {
		return (c.Number == "N2" || c.Number == "N3") && strings.Contains(c.Seen, "denies") &&
			strings.Contains(c.Mend, subject)
	}) {
		t.Errorf("without %s, doctor finds %+v", subject, bad)
	}
	for _, c := range bad {
		if strings.Contains(c.Seen, "denies") && !strings.Contains(c.Mend, subject) {
			t.Errorf("without %s, doctor says that another subject is denied: %+v", subject, c)
		}
	}
}
