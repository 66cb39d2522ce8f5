package main

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/natstest"
)

// TestAPatternForOnceNamesWhatItLeavesOut: it fails, unless what it leaves out is captured all the same.
func TestAPatternForOnceNamesWhatItLeavesOut(t *testing.T) {
	srv := natstest.Start(t)
	someStreams(t, srv.Connect(), "A", "A-1", "B")
	const another = "streams of all: stream A: there is a capture of that name already"
	for _, c := range []struct {
		beside string
		code   int
		says   string
		want   []string
	}{
		{"A: {stream_name: B}", exitFailed, another, []string{"A", "A-1"}},
		{"A: {stream_name: A, output: $$}", exitFailed, another, []string{"A-1"}},
		{"A: {stream_name: A}", exitDone, "a stream is left out", []string{"A", "A-1"}},
		{"A: {stream_name: A}\n  A-1: {stream_name: A-1}", exitDone, "a stream is left out", []string{"A", "A-1"}},
	} {
		folder := t.TempDir()
		beside := strings.ReplaceAll(c.beside, "$$", t.TempDir())
		file := writeFile(t, "c.yaml", "output: "+folder+"\ncaptures:\n  all: {stream_name: 'A*'}\n  "+beside+"\n")
		r := environment{}.run(t, "run", "--config", file, "--once", "--nats-server", srv.URL())
		if r.code != c.code || !strings.Contains(r.stderr, c.says) || strings.Contains(r.stderr, "no stream of the server") {
			t.Errorf("%s: exit code %d, want %d and %q in\n%s", c.beside, r.code, c.code, c.says, r.stderr)
		}
		if got := capturesIn(t, folder); !slices.Equal(got, c.want) {
			t.Errorf("%s: captured is %q, want %q", c.beside, got, c.want)
		}
	}
}

// TestAPartWithoutStreamsOfAPattern is done if another part has the streams, and waits for one otherwise.
func TestAPartWithoutStreamsOfAPattern(t *testing.T) {
	srv := natstest.Start(t)
	someStreams(t, srv.Connect(), "A")
	part := "0/2"
	if (shard{0, 2}).has("A") {
		part = "1/2"
	}
	args := []string{"run", "-s", "A*", "--shard", part, "-o", t.TempDir(), "--nats-server", srv.URL()}
	r := environment{}.run(t, append(args, "--once")...)
	if r.code != exitDone || !strings.Contains(r.stderr, "no stream that matches is in this part, nothing is to be done") {
		t.Errorf("with --once: exit code %d\n%s", r.code, r.stderr)
	}
	log, stop := environment{}.startLogged(t, args...)
	natstest.Eventually(t, patience, "a part that waits", func() bool {
		return strings.Contains(log.String(), "no stream that matches is in this part: waiting for one")
	})
	stop()
	r = environment{}.run(t, append(slices.Replace(args, 2, 3, "NOPE*"), "--once")...)
	if r.code != exitFailed || !strings.Contains(r.stderr, "no stream of the server matches") {
		t.Errorf("without any: exit code %d\n%s", r.code, r.stderr)
	}
}

// TestTheFirstOfTwoPatternsHasAStream, by their names, also one that the other pattern had before. That one says which
// stream both match, and goes on with it when the first one ends.
func TestTheFirstOfTwoPatternsHasAStream(t *testing.T) {
	srv := natstest.Start(t)
	someStreams(t, srv.Connect(), "A-1", "A-2", "B-1")
	g, log := testGroup(t)
	g.r.streamsEvery = 20 * time.Millisecond
	u := newRunUnits(g)
	file, problems := loadConfig(writeFile(t, "capture.yaml", `
nats_server: `+srv.URL()+`
output: `+t.TempDir()+`
captures:
  late: {stream_name: "*-1"}
  early: {stream_name: "A-*"}
`), true, environment{}.get, os.ReadFile)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	all, _ := file.settings()
	isOf := func(pattern string) {
		t.Helper()
		natstest.Eventually(t, patience, "A-1 is one of "+pattern, func() bool {
			g.mu.Lock()
			defer g.mu.Unlock()
			m := g.member("A-1")
			return m != nil && m.settings.pattern == "streams of "+pattern && len(g.members) >= 2
		})
	}
	must(t, u.start(all[0]))
	isOf("late")
	must(t, u.start(all[1]))
	isOf("early")
	const says = `a stream is left out" pattern="streams of late" stream=A-1 error="streams of early matches it, too`
	natstest.Eventually(t, patience, says, func() bool { return strings.Contains(log.String(), says) })
	u.end([]string{"streams of early"})
	isOf("late")
	u.end([]string{"streams of late"})
	must(t, u.start(all...))
	isOf("early")
	u.stop()
	g.cancel()
	if err := g.wait(); err != nil {
		t.Errorf("%v\n%s", err, log)
	}
}

// TestStreamsOfLongNames are captured under names that an archive takes, which no other stream can have.
func TestStreamsOfLongNames(t *testing.T) {
	srv := natstest.Start(t)
	long := strings.Repeat("ORDERS-", 14)
	someStreams(t, srv.Connect(), long+"EU", long+"US")
	folder := t.TempDir()
	r := environment{}.run(t, "run", "--once", "--nats-server", srv.URL(), "-o", folder, "-s", "ORDERS-*")
	if r.code != exitDone {
		t.Errorf("exit code %d\n%s", r.code, r.stderr)
	}
	begin := long[:50] + "."
	want := []string{begin + "c47dee62myag3", begin + "k2oxv4swumttk"}
	if got := capturesIn(t, folder); !slices.Equal(got, want) {
		t.Errorf("captured is %q, want %q", got, want)
	}
	wantSound(t, folder)
}

// TestEachStreamHasANameForItsCapture that an archive takes. A capture goes on by it, so no version may change it.
func TestEachStreamHasANameForItsCapture(t *testing.T) {
	long := strings.Repeat("0123456789", 25)
	seen := map[string]string{}
	for stream, want := range map[string]string{
		"ORDERS": "ORDERS", "orders-€": "orders-€", long[:64]: long[:64], "_none": "_none.u3x7w6nvqugwx",
		long[:65]: long[:50] + ".kj3uwv6bbzcqi", long: long[:50] + ".5vogga3j4aivn",
		strings.Repeat("€", 7): strings.Repeat("€", 7), strings.Repeat("€", 8): "€€€€€.nnyik2js6prae",
	} {
		got := captureName(stream)
		if err := cutlog.CheckCapture(cutlog.EscapeSegment(got)); err != nil || got != want {
			t.Errorf("%s is captured as %q, %v; want %q", stream, got, err, want)
		}
		if other, found := seen[got]; found {
			t.Errorf("%s and %s are both captured as %s", stream, other, got)
		}
		seen[got] = stream
	}
}
