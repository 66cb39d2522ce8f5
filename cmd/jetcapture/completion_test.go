package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/natscontext"
)

// complete returns what a shell is offered behind a command line, without the directive of the last line.
func (e environment) complete(t *testing.T, args ...string) []string {
	t.Helper()
	r := e.run(t, append([]string{"__complete"}, args...)...)
	lines := strings.Split(strings.TrimSpace(r.stdout), "\n")
	if r.code != exitDone || !strings.HasPrefix(lines[len(lines)-1], ":") {
		t.Fatalf("%q: exit code %d: %s%s", args, r.code, r.stdout, r.stderr)
	}
	return lines[:len(lines)-1]
}

func TestCompletion(t *testing.T) {
	srv := natstest.Start(t)
	nc := srv.Connect()
	natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "PAYMENTS"})
	stream := natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "ORDERS"})
	for _, name := range []string{"slow", "archive"} {
		_, err := stream.CreateConsumer(t.Context(), jetstream.ConsumerConfig{
			Durable:   name,
			AckPolicy: jetstream.AckExplicitPolicy,
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	e := environment{"NATS_URL": srv.URL()}
	writeContext(t, natscontext.Settings{URL: srv.URL()})
	for _, tt := range []struct {
		args []string
		want string // separated by blanks
	}{
		{[]string{"run", "--stream-name", ""}, "ORDERS PAYMENTS"},
		{[]string{"run", "-s", "OR"}, "ORDERS PAYMENTS"}, // the shell chooses
		{[]string{"validate", "--once", "--stream-name", ""}, "ORDERS PAYMENTS"},
		{[]string{"run", "-s", "ORDERS", "--consumer-name", ""}, "archive slow"},
		{[]string{"run", "-s", "NONE", "--consumer-name", ""}, ""},
		{[]string{"run", "--nats-context", ""}, "test"},
		{[]string{"verify", "--nats-context", ""}, "test"},
		{[]string{"run", "--format", ""}, "ndjson csv parquet avro raw"},
		{[]string{"run", "--log-level", ""}, "debug info warn error"},
		{[]string{"run", "--start", ""}, "all new"},
		{[]string{"run", "--max-age", ""}, ""},
		{[]string{"run", ""}, ""},
		{[]string{"completion", ""}, "bash zsh fish powershell"},
	} {
		if got := strings.Join(e.complete(t, tt.args...), " "); got != tt.want {
			t.Errorf("%q: %q, want %q", tt.args, got, tt.want)
		}
	}
	got := strings.Join(environment{}.complete(t, "run", "--nats-context", "test", "-s", ""), " ")
	if want := "ORDERS PAYMENTS"; got != want {
		t.Errorf("with a context: %q, want %q", got, want)
	}
}

func TestCompletionOfNames(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want string // a line begins so
	}{
		{[]string{""}, "verify\tcheck that an archive is whole"},
		{[]string{"run", "--max-m"}, "--max-messages\t"},
		{[]string{"ls", "--s"}, "--seq\t"},
		{[]string{"help", ""}, "verify\tcheck that an archive is whole"},
	} {
		found := false
		for _, line := range (environment{}).complete(t, tt.args...) {
			found = found || strings.HasPrefix(line, tt.want)
		}
		if !found {
			t.Errorf("%q: no line begins with %q", tt.args, tt.want)
		}
	}
}

// TestCompletionWithoutAServer: nobody who types wants to read an error, or to wait.
func TestCompletionWithoutAServer(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // it takes connections and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for name, e := range map[string]environment{
		"nobody listens": {"NATS_URL": "nats://127.0.0.1:1"},
		"no answer":      {"NATS_URL": "nats://" + silent.Addr().String()},
		"no context":     {"NATS_CONTEXT": "none"},
		"no file":        {"NATS_CREDS": "none"},
	} {
		began := time.Now()
		if got := e.complete(t, "run", "-s", ""); len(got) > 0 {
			t.Errorf("%s: %q is offered", name, got)
		}
		if took := time.Since(began); took > 3*completionTimeout {
			t.Errorf("%s: it takes %v", name, took)
		}
	}
}

func TestCompletionScripts(t *testing.T) {
	for shell, want := range map[string]string{
		"bash": "complete -o default", "zsh": "#compdef jetcapture", "fish": "complete -c jetcapture",
		"powershell": "Register-ArgumentCompleter",
	} {
		r := environment{}.run(t, "completion", shell)
		if r.code != exitDone || r.stderr != "" || !strings.Contains(r.stdout, want) {
			t.Errorf("%s: exit code %d: %s, no %q in it", shell, r.code, r.stderr, want)
		}
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if r := (environment{}).run(t, "man", file); r.code != exitFailed {
		t.Errorf("man pages in a file: exit code %d: %s", r.code, r.stderr)
	}
}
