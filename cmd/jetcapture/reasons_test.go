package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// TestReasonsInWords: two streams lose the same 990 messages. That one of them still holds an older message changes
// nothing in what run, ls and verify say.
func TestReasonsInWords(t *testing.T) {
	srv := natstest.Start(t)
	nc := srv.Connect()
	folder := filepath.Join(t.TempDir(), "archive")
	const lost = "lost: 990 expired"
	for _, name := range []string{"PA", "PB"} {
		natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: name, MaxMsgsPerSubject: 1})
		publish := func(n int, subject string) {
			natstest.Publish(t, nc, n, func(i int) *nats.Msg {
				return &nats.Msg{Subject: fmt.Sprintf("%s.%s%d", strings.ToLower(name), subject, i%10)}
			})
		}
		if name == "PA" {
			publish(1, "config")
		}
		publish(10, "dev")
		runOnce(t, srv, name, folder)
		publish(1000, "dev")
		if r := runOnce(t, srv, name, folder); strings.Contains(r.stderr, "level=WARN") ||
			!strings.Contains(r.stderr, "990 messages lost by the stream before they were captured (990 expired)") {
			t.Errorf("%s: run said\n%s", name, r.stderr)
		}
		for _, args := range [][]string{{"ls"}, {"ls", "--cuts"}, {"verify"}} {
			r := environment{}.run(t, append(args, folder, "--capture", name)...)
			if r.code != exitDone || strings.Count(r.stdout, lost) != 1 || strings.Contains(r.stdout, "absent: ") {
				t.Errorf("%s: %v said, with exit code %d\n%s%s", name, args, r.code, r.stdout, r.stderr)
			}
		}
	}
	for _, args := range [][]string{{"ls"}, {"verify"}} {
		all := objectsOf(t, environment{}.run(t, append(args, folder, "--json")...))
		for _, o := range all {
			if by := fmt.Sprint(o["lost_by"]); by != "map[expired:990]" && by != "map[expired:1980]" || o["absent_by"] != nil {
				t.Errorf("%v: %v", args, o)
			}
		}
	}
	seq := objectsOf(t, environment{}.run(t, "ls", folder, "--capture", "PA", "--seq", "500", "--json"))
	if got := facts(seq, "fate", "reason"); got != "lost expired\n" {
		t.Errorf("ls --seq: %s", got)
	}
}

// runOnce captures a stream.
func runOnce(t *testing.T, srv *natstest.Server, stream, folder string) result {
	t.Helper()
	r := environment{}.run(t, "run", "--nats-server", srv.URL(), "--stream-name", stream, "--output", folder, "--once")
	if r.code != exitDone {
		t.Fatalf("exit code %d: %s", r.code, r.stderr)
	}
	return r
}
