package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/jetcapture/jetcapture/internal/natstest"
)

func TestEachCaptureIsInOneShard(t *testing.T) {
	const captures, count = 1000, 5
	parts := make([]int, count)
	for i := range captures {
		name, in := fmt.Sprintf("orders-%d", i), 0
		for j := range uint64(count) {
			if (shard{j, count}).has(name) {
				parts[j]++
				in++
			}
		}
		if in != 1 {
			t.Errorf("capture %s is in %d shards", name, in)
		}
	}
	for j, n := range parts {
		if n < captures/count*7/10 || n > captures/count*13/10 {
			t.Errorf("shard %d has %d of %d captures", j, n, captures)
		}
	}
	// Versions side by side must agree for ever.
	for name, want := range map[string]uint64{"ORDERS": 0, "orders.eu": 3, "": 0} {
		if !(shard{want, count}).has(name) {
			t.Errorf("capture %q is not in shard %d any more", name, want)
		}
	}
}

// TestAPartWithoutCapturesWaits: a pod that ended would be started again and again.
func TestAPartWithoutCapturesWaits(t *testing.T) {
	path := writeFile(t, "c.yaml", "output: "+t.TempDir()+"\ncaptures:\n  a: {stream_name: A}\n")
	part := "0/2"
	if (shard{0, 2}).has("a") {
		part = "1/2"
	}
	args := []string{"run", "--config", path, "--shard", part, "--http", freePort(t)}
	log, stop := environment{}.startLogged(t, args...)
	natstest.Eventually(t, patience, "a process that waits", func() bool {
		return strings.Contains(log.String(), "no capture of the file is in this part: waiting")
	})
	code := 0
	natstest.Eventually(t, patience, "a process that answers", func() bool {
		code, _ = fetch(t, "http://"+args[len(args)-1]+"/readyz")
		return code != 0
	})
	if r := stop(); r.code != exitDone || code != http.StatusOK {
		t.Errorf("stopped: exit code %d, %s; readyz said %d", r.code, r.stderr, code)
	}
	if r := (environment{}).run(t, append(args, "--once")...); r.code != exitDone {
		t.Errorf("with --once: exit code %d, %s", r.code, r.stderr)
	}
	if r := (environment{}).run(t, append(args, "--dry-run")...); r.code != exitUsage {
		t.Errorf("with --dry-run: exit code %d, %s", r.code, r.stderr)
	}
}

func TestShard(t *testing.T) {
	path := writeFile(t, "c.yaml",
		"output: x\ncaptures:\n  a: {stream_name: A}\n  b: {stream_name: B}\n  c: {stream_name: C}\n")
	var got []string
	for _, part := range []string{"0/2", "1/2"} {
		r := environment{"JETCAPTURE_SHARD": part}.run(t, "config", "--config", path)
		if r.code != exitDone {
			t.Fatal(r.stderr)
		}
		for _, name := range []string{"a", "b", "c"} {
			if strings.Contains(r.stdout, "\n  "+name+":\n") {
				got = append(got, name)
			}
		}
	}
	if len(got) != 3 {
		t.Errorf("the two parts have %v, want each capture once", got)
	}
	for _, tt := range []struct{ args, want string }{
		{"--shard 2/2 --config " + path, `"2/2" is not a part I/N with I below N`},
		{"--shard x --config " + path, `"x" is not a part`},
		{"--shard 0/2 -s A -o x", "give --config"},
	} {
		r := environment{}.run(t, append([]string{"config"}, strings.Fields(tt.args)...)...)
		if r.code != exitUsage || !strings.Contains(r.stderr, tt.want) || strings.Count(r.stderr, "\n") != 1 {
			t.Errorf("%s: exit code %d, %s", tt.args, r.code, r.stderr)
		}
	}
}
