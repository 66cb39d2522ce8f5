package main

import (
	"fmt"
	"strings"
	"testing"
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
