package main

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"
)

// wantOneLine checks that a command has failed with one line, beside the log, that matches.
func wantOneLine(t *testing.T, r result, pattern string) {
	t.Helper()
	t.Log(r.stderr)
	var own []string
	for _, line := range r.lines() {
		if regexp.MustCompile(`^jetcapture: `).MatchString(line) {
			own = append(own, line)
		}
	}
	if r.code != exitFailed || len(own) != 1 || !regexp.MustCompile(pattern).MatchString(own[0]) {
		t.Errorf("exit code %d, want %d and one line that matches %s, got\n%s", r.code, exitFailed, pattern, r.stderr)
	}
}

func TestBadInput(t *testing.T) {
	srv, nc := orders(t, "1", "2")
	natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "JOBS", Retention: jetstream.WorkQueuePolicy})
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	taken := t.TempDir()
	captureOnce(t, srv, taken)
	archive := filepath.Join(t.TempDir(), "archive")
	for _, tt := range []struct {
		name    string
		args    []string
		pattern string
	}{
		{"unknown stream", []string{"-s", "OTHER", "-o", archive}, `stream "?OTHER"?.* not found.*check --stream-name`},
		{
			"unknown consumer",
			[]string{"-s", "ORDERS", "-o", archive, "-c", "none", "--create-consumer=false"},
			`consumer "?none"?.*not found.*--create-consumer`,
		},
		{"work queue without consumer", []string{"-s", "JOBS", "-o", archive}, `durable consumer`},
		{"output is a file", []string{"-s", "ORDERS", "-o", file}, `--output .*file cannot be used: .*give a folder`},
		{
			"output below a file",
			[]string{"-s", "ORDERS", "-o", filepath.Join(file, "x")},
			`--output .*file/x cannot be used: .*give a folder`,
		},
		{"another filter", []string{"-s", "ORDERS", "-o", taken, "--filter-subject", "orders.1"}, `filter.*--capture`},
		{"another stream", []string{"-s", "JOBS", "-c", "c", "-o", taken, "--capture", "ORDERS"}, `stream.*--capture`},
		{"unknown domain", []string{"-s", "ORDERS", "-o", archive, "--js-domain", "hub"}, `\$JS\.hub\.API.*--js-domain`},
		{
			"unknown context",
			[]string{"-s", "ORDERS", "-o", archive, "--nats-context", "none"},
			`NATS context "none".*nats context ls`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := environment{"NATS_URL": srv.URL()}
			wantOneLine(t, e.run(t, append([]string{"run", "--once", "--log-level", "error"}, tt.args...)...), tt.pattern)
		})
	}
}

func TestNoServer(t *testing.T) {
	srv := natstest.Start(t)
	url := srv.URL()
	srv.Stop()
	r := environment{}.run(t, "run", "-s", "ORDERS", "-o", t.TempDir(), "--wait", "1ms",
		"--nats-server", "nats://me:secret@"+url[len("nats://"):])
	wantOneLine(t, r, `connect to nats://127\.0\.0\.1:\d+: nats: no servers available.*--nats-server`)
}

func TestServerWithoutJetStream(t *testing.T) {
	srv := natstest.Start(t, func(o *server.Options) { o.JetStream = false })
	r := environment{"NATS_URL": srv.URL()}.run(t, "run", "-s", "ORDERS", "-o", t.TempDir(), "--log-level", "error")
	wantOneLine(t, r, `no JetStream.*--js-domain`)
}

func TestNoPermission(t *testing.T) {
	t.Parallel() // it waits for an answer that does not come
	srv := natstest.Start(t, func(o *server.Options) {
		o.Users = []*server.User{{Username: "me", Password: "secret", Permissions: &server.Permissions{
			Publish: &server.SubjectPermission{Deny: []string{"$JS.API.>"}},
		}}}
	})
	e := environment{"NATS_URL": srv.URL(), "NATS_USER": "me", "NATS_PASSWORD": "secret"}
	wantOneLine(t, e.run(t, "run", "-s", "ORDERS", "-o", t.TempDir(), "--log-level", "error"), `(?i)permission`)
}

func TestWrongCredentials(t *testing.T) {
	srv := natstest.Start(t, func(o *server.Options) { o.Username, o.Password = "me", "secret" })
	for _, e := range []environment{
		{"NATS_URL": srv.URL()},
		{"NATS_URL": srv.URL(), "NATS_USER": "me", "NATS_PASSWORD": "hunter2"},
		{"NATS_URL": srv.URL(), "NATS_TOKEN": "hunter2"},
		{"NATS_URL": "nats://me:hunter2@" + srv.Addr()},
	} {
		r := e.run(t, "run", "-s", "ORDERS", "-o", t.TempDir())
		wantOneLine(t, r, `does not accept the credentials`)
		if regexp.MustCompile(`hunter2`).MatchString(r.stderr) {
			t.Errorf("the password is printed:\n%s", r.stderr)
		}
	}
}
