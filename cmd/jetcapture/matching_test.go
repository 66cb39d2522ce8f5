package main

import (
	"strings"
	"testing"

	"github.com/jetcapture/jetcapture/internal/natstest"
)

// TestPatternsAreExaminedAndTried: doctor and a dry run take the streams that a pattern matches now, as a run does.
func TestPatternsAreExaminedAndTried(t *testing.T) {
	srv := natstest.Start(t)
	someStreams(t, srv.Connect(), "A-1", "A-2", "A-3", "JOBS")
	file := writeFile(t, "c.yaml", `captures:
  A-3: {stream_name: JOBS}
  a: {stream_name: 'A-*'}
  b: {stream_name: 'B-*'}
`)
	common := []string{"--nats-server", srv.URL(), "-o", t.TempDir()}
	for command, parts := range map[string][]string{
		"doctor":        {"capture A-1\n", "capture A-2\n", "capture A-3\n"},
		"run --dry-run": {"of stream A-1,", "of stream A-2,", "of stream JOBS,"},
	} {
		args := append(strings.Fields(command), common...)
		r := environment{}.run(t, append(args, "--config", file)...)
		for _, part := range parts {
			wantReplay(t, r, exitDone, part)
		}
		wantReplay(t, r, exitDone, "stream=A-3") // it has the name of the other capture
		wantReplay(t, r, exitDone, `msg="no stream matches now, a run waits for one" pattern="streams of b"`)
		if strings.Contains(r.stdout, "of stream A-3,") {
			t.Errorf("%s: a stream is there twice\n%s", command, r.stdout)
		}
		wantReplay(t, environment{}.run(t, append(args, "-s", "B-*")...), exitFailed, "no stream of the server matches")
		args[len(args)-3] = "nats://127.0.0.1:1"
		wantReplay(t, environment{}.run(t, append(args, "-s", "B-*")...), exitFailed, "streams of B-*: ")
	}
}
