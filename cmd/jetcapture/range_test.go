package main

import (
	"strings"
	"testing"

	"github.com/jetcapture/jetcapture/internal/natstest"
)

func TestRangesOfAStreamFitTogether(t *testing.T) {
	srv, nc := orders(t)
	natstest.PublishN(t, nc, "orders.x", 100)
	folder := t.TempDir()
	e := environment{"NATS_URL": srv.URL()}
	slice := func(span string) {
		r := e.run(t, "run", "-s", "ORDERS", "-o", folder, "--range", span)
		if r.code != exitDone {
			t.Fatalf("range %s: exit code %d, %s", span, r.code, r.stderr)
		}
		if strings.Contains(r.stderr, "still in the stream") { // what was read ahead is not counted there
			t.Errorf("range %s: %s", span, r.stderr)
		}
	}
	slice("1..40")
	slice("61..100")
	r := e.run(t, "verify", folder, "--union")
	if r.code != exitFailed || !strings.Contains(r.stdout, "no capture has the sequences 41 to 60") {
		t.Errorf("with a gap: exit code %d, %s", r.code, r.stdout)
	}
	slice("41..60")
	r = e.run(t, "verify", folder, "--union")
	if r.code != exitDone || !strings.Contains(r.stdout, "stream ORDERS: sequences 1 to 100 in 3 captures\n") {
		t.Errorf("exit code %d, %s%s", r.code, r.stdout, r.stderr)
	}
	slice("100..100")
	r = e.run(t, "verify", folder, "--union", "--json")
	if r.code != exitFailed || !strings.Contains(r.stdout, `"overlaps":[[100,100]]`) {
		t.Errorf("with an overlap: exit code %d, %s", r.code, r.stdout)
	}
	for args, want := range map[string]string{
		"--range 5..":              "--range: give both ends",
		"--range 5..9 --start new": "--range: says where the capture begins",
		"--range 5..9 -c archive":  "--range: a range is captured into an archive, without a durable consumer",
		"--range 5..9 -s ORD*":     "--range: is a range of one stream",
	} {
		r := e.run(t, append([]string{"validate", "-s", "ORDERS", "-o", folder}, strings.Fields(args)...)...)
		if r.code != exitUsage || !strings.Contains(r.stderr, want) {
			t.Errorf("%s: exit code %d, %s", args, r.code, r.stderr)
		}
	}
}

// TestVerifyUnionComparesLanes: what two lanes have is a problem, and with --against-stream also what none has.
func TestVerifyUnionComparesLanes(t *testing.T) {
	t.Parallel() // it waits for heartbeats behind the last message of a filter
	srv, nc := orders(t)
	folder := t.TempDir()
	for range 3 {
		natstest.PublishN(t, nc, "orders.eu", 2)
		natstest.PublishN(t, nc, "orders.us", 1)
	}
	e := environment{"NATS_URL": srv.URL()}
	lane := func(name, filter string) {
		t.Helper()
		r := e.run(t, "run", "-s", "ORDERS", "-o", folder, "--once", "--capture", name, "--filter-subject", filter)
		if r.code != exitDone {
			t.Fatal(r.stderr)
		}
	}
	verify := func(code int, want string, args ...string) {
		t.Helper()
		r := e.run(t, append([]string{"verify", folder, "--union"}, args...)...)
		if r.code != code || !strings.Contains(r.stdout, want) {
			t.Errorf("%v: exit code %d, want %d and %q\n%s%s", args, r.code, code, want, r.stdout, r.stderr)
		}
	}
	lane("eu", "orders.eu")
	lane("fr", "orders.fr")
	verify(exitDone, "note: stream ORDERS: no capture has 3 sequences, the first are 3 to 3: no filter takes them")
	verify(exitDone, "no problem, 1 note\n")
	verify(exitFailed, "problem: stream ORDERS: no capture has the sequence 3, which the stream holds", "--against-stream")
	verify(exitFailed, `"missing":[3,6,9]`, "--against-stream", "--json")
	lane("us", "orders.us")
	verify(exitDone, "stream ORDERS by subject: sequences 1 to 9 in eu (orders.eu), fr (orders.fr), us (orders.us)\n",
		"--against-stream")
	for _, subject := range []string{"orders.us", "orders.de", "orders.eu"} {
		natstest.PublishN(t, nc, subject, 1)
	}
	lane("eu", "orders.eu")
	verify(exitDone, "stream ORDERS by subject: sequences 1 to 9 in")
	verify(exitFailed, `"missing":[11],"asked":12`, "--against-stream", "--json") // 10 is to come yet
	lane("all", "orders.>")
	verify(exitFailed, "problem: stream ORDERS: two captures have the sequences 1 to 9")
}
