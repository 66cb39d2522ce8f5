package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// someStreams makes streams with a message each. Those named OPT- have opted in.
func someStreams(t *testing.T, nc *nats.Conn, names ...string) {
	t.Helper()
	for _, name := range names {
		c := jetstream.StreamConfig{Name: name}
		if strings.HasPrefix(name, "OPT-") {
			c.Metadata = map[string]string{optInKey: "true"}
		}
		natstest.CreateStream(t, nc, c)
		natstest.PublishN(t, nc, strings.ToLower(name)+".x", 1)
	}
}

// TestAPatternWithoutStreamsStopsNoOther: with --once, what is beside it in the file is captured all the same.
func TestAPatternWithoutStreamsStopsNoOther(t *testing.T) {
	srv := natstest.Start(t)
	someStreams(t, srv.Connect(), "A")
	folder := t.TempDir()
	file := writeFile(t, "c.yaml", "captures:\n  a: {stream_name: A}\n  none: {stream_name: 'NOPE-*'}\n")
	r := environment{}.run(t, "run", "--config", file, "--once", "--nats-server", srv.URL(), "-o", folder)
	if r.code != exitFailed || !strings.Contains(r.stderr, "no stream of the server matches") {
		t.Errorf("exit code %d\n%s", r.code, r.stderr)
	}
	if got := capturesIn(t, folder); !slices.Equal(got, []string{"a"}) {
		t.Errorf("captured is %q", got)
	}
}

// TestStreamsByPattern: with --once, the streams that are there now are captured, those that are chosen.
func TestStreamsByPattern(t *testing.T) {
	srv := natstest.Start(t)
	someStreams(t, srv.Connect(), "ORDERS-EU", "ORDERS-US", "ORDERS-TEST", "OPT-A", "JOBS", "JETCAPTURE_FLEET_X")
	for args, want := range map[string]string{
		"-s ORDERS-*":                                   "ORDERS-EU ORDERS-TEST ORDERS-US",
		"-s *S-[EU]? --exclude-stream *T":               "ORDERS-EU ORDERS-US",
		"--stream-subject orders-eu.>":                  "ORDERS-EU",
		"--stream-opt-in":                               "OPT-A",
		"--stream-opt-in --stream-subject jobs.x":       "",
		"-s * --exclude-stream O*":                      "JOBS",
		"-s JETCAPTURE_FLEET_X --stream-subject >":      "JETCAPTURE_FLEET_X",
		"-s JOB* --stream-subject jobs.x --json":        "JOBS",
		"-s ORDERS-* --shard 0/2":                       "ORDERS-EU ORDERS-US",
		"-s ORDERS-* --shard 1/2":                       "ORDERS-TEST",
		"-s * --events-stream JOBS --exclude-stream O*": "",
	} {
		folder := t.TempDir()
		common := []string{"run", "--once", "--nats-server", srv.URL(), "-o", folder}
		r := environment{}.run(t, append(common, strings.Fields(args)...)...)
		if code := exitDone; want == "" {
			if r.code != exitFailed || !strings.Contains(r.stderr, "no stream of the server matches") {
				t.Errorf("%s: exit code %d\n%s", args, r.code, r.stderr)
			}
			continue
		} else if r.code != code {
			t.Errorf("%s: exit code %d\n%s", args, r.code, r.stderr)
		}
		if got := strings.Join(capturesIn(t, folder), " "); got != want {
			t.Errorf("%s captures %q, want %q", args, got, want)
		}
	}
}

// TestStreamsBeyondTheLimit: with --once, the first ones are captured to their end, and the process fails.
func TestStreamsBeyondTheLimit(t *testing.T) {
	srv := natstest.Start(t)
	someStreams(t, srv.Connect(), "A", "B", "C", "D")
	folder := t.TempDir()
	r := environment{}.run(t, "run", "--once", "--nats-server", srv.URL(), "-o", folder, "-s", "*", "--max-streams", "2")
	if r.code != exitFailed || !strings.Contains(r.stderr, "streams of *: --max-streams left out 2 streams") {
		t.Errorf("exit code %d\n%s", r.code, r.stderr)
	}
	if got := strings.Join(capturesIn(t, folder), " "); got != "A B" {
		t.Errorf("it captures %q", got)
	}
}

// capturesIn are the captures of an archive that have stored something.
func capturesIn(t *testing.T, folder string) (names []string) {
	t.Helper()
	done, err := filepath.Glob(filepath.Join(folder, logFolder, "*", "log", "*2.done.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range done {
		names = append(names, filepath.Base(filepath.Dir(filepath.Dir(path))))
	}
	return names
}

// TestStreamsComeAndGo: a stream that appears is captured from its first message, one that is deleted ends its capture,
// and the process says both. A stream of the name of another capture is left out.
func TestStreamsComeAndGo(t *testing.T) {
	srv := natstest.Start(t)
	nc := srv.Connect()
	someStreams(t, nc, "A-1", "OPT-A", "JOBS")
	folder := t.TempDir()
	g, log := testGroup(t)
	g.r.streamsEvery = 20 * time.Millisecond
	u := newRunUnits(g)
	file, problems := loadConfig(writeFile(t, "capture.yaml", `
nats_server: `+srv.URL()+`
output: `+folder+`
max_idle: 20ms
captures:
  JOBS: {stream_name: A-1}
  some: {stream_name: "*-*", start: new, max_streams: 3}
  chosen: {stream_opt_in: true, exclude_stream: ["OPT-*"]}
`), true, environment{}.get, os.ReadFile)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	all, _ := file.settings()
	if err := u.start(all...); err != nil {
		t.Fatal(err)
	}
	has := func(names ...string) {
		t.Helper()
		natstest.Eventually(t, patience, strings.Join(names, " "), func() bool {
			return slices.Equal(slices.Sorted(slices.Values(g.names())), names)
		})
	}
	has("A-1", "JOBS", "OPT-A")
	awaitReady(t, g)
	someStreams(t, nc, "B-1", "C-1")
	has("A-1", "B-1", "JOBS", "OPT-A")
	natstest.Eventually(t, patience, "the first message of B-1", func() bool { return storedTo(g, "B-1") == 1 })
	const limit = "more streams match than --max-streams"
	natstest.Eventually(t, patience, limit, func() bool { return strings.Contains(log.String(), limit) })
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := js.DeleteStream(ctx, "B-1"); err != nil {
		t.Fatal(err)
	}
	has("A-1", "C-1", "JOBS", "OPT-A")
	if !strings.Contains(log.String(), "it is gone, or not chosen\" pattern=\"streams of some\" stream=B-1") {
		t.Errorf("the end of a stream is not told:\n%s", log)
	}
	jobs, err := js.Stream(ctx, "JOBS")
	if err != nil {
		t.Fatal(err)
	}
	config := jobs.CachedInfo().Config
	config.Metadata = map[string]string{optInKey: "chosen"} // of the file; a capture has its name already
	if _, err := js.UpdateStream(ctx, config); err != nil {
		t.Fatal(err)
	}
	natstest.Eventually(t, patience, "JOBS is left out", func() bool {
		return strings.Contains(log.String(), "a stream is left out\" pattern=\"streams of chosen\" stream=JOBS")
	})
	u.end([]string{"streams of some"})
	has("JOBS")
	g.cancel()
	if err := g.wait(); err != nil {
		t.Errorf("%v\n%s", err, log)
	}
	u.stop()
	wantSound(t, folder)
}

// TestPatternsAreChecked: with what a pattern cannot have.
func TestPatternsAreChecked(t *testing.T) {
	for args, want := range map[string]string{
		"run -s A-* --capture x":               "--capture: each stream that matches",
		"run -s A-[* --max-streams 0":          `"A-[*" is not a pattern`,
		"run -s A-* --max-streams 0":           "--max-streams: must be 1 or more",
		"run -s A --exclude-stream x":          "--exclude-stream: is for streams by pattern",
		"run --stream-subject a.> --shard 3/3": "--shard",
	} {
		r := environment{}.run(t, append(strings.Fields(args), "-o", t.TempDir())...)
		if r.code != exitUsage || !strings.Contains(r.stderr, want) {
			t.Errorf("%s: exit code %d, no %q in\n%s", args, r.code, want, r.stderr)
		}
	}
	r := environment{}.run(t, "doctor", "--stream-opt-in", "-o", t.TempDir(), "--print-permissions",
		"--nats-server", "nats://127.0.0.1:1")
	for _, want := range []string{`"$JS.API.STREAM.NAMES"`, `"$JS.API.STREAM.LIST"`, `"$JS.API.STREAM.INFO.*"`} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("no %s in\n%s", want, r.stdout)
		}
	}
}
