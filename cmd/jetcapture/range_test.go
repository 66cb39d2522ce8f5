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
