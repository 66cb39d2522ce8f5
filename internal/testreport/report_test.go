package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestReport(t *testing.T) {
	const passes = `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"quiet\n"}
{"Action":"pass","Package":"p","Test":"TestA/sub","Elapsed":0.25}
{"Action":"pass","Package":"p","Test":"TestA","Elapsed":0.5}
{"Action":"output","Package":"p","Output":"PASS\n"}
{"Action":"output","Package":"p","Output":"ok  \tp\t0.6s\n"}
{"Action":"pass","Package":"p","Elapsed":0.6}
`
	cases := []struct {
		name, in string
		ok       bool
		want     []string
		not      []string
	}{
		{
			name: "all pass", in: passes, ok: true,
			want: []string{"ok  \tp\t0.6s\n", "0.50s  p TestA\n", "2 passed, 0 failed\n"}, not: []string{"quiet", "PASS"},
		},
		{name: "nothing ran", in: "", want: []string{"0 passed, 0 failed\n"}},
		{
			name: "a test fails", want: []string{"why\n", "FAIL\tq\t1s\n", "  q TestB\n", "2 passed, 1 failed\n"},
			in: passes + `{"Action":"output","Package":"q","Test":"TestB","Output":"why\n"}
{"Action":"fail","Package":"q","Test":"TestB","Elapsed":1}
{"Action":"output","Package":"q","Output":"FAIL\tq\t1s\n"}
{"Action":"fail","Package":"q","Elapsed":1}
`,
		},
		{
			name: "a test is skipped",
			want: []string{"no server\n", "skipped, which is not allowed:\n  p TestC\n", "2 passed, 0 failed\n"},
			in: `{"Action":"output","Package":"p","Test":"TestC","Output":"no server\n"}
{"Action":"skip","Package":"p","Test":"TestC","Elapsed":0}
` + passes,
		},
		{
			name: "a package does not build",
			want: []string{"x.go:1: no\n", "FAIL\tq [build failed]\n", "outside of its tests", "2 passed, 0 failed\n"},
			in: passes + `{"Action":"build-output","ImportPath":"q","Output":"x.go:1: no\n"}
{"Action":"build-fail","ImportPath":"q"}
{"Action":"output","Package":"q","Output":"FAIL\tq [build failed]\n"}
{"Action":"fail","Package":"q","Elapsed":0,"FailedBuild":"q"}
`,
		},
		{
			name: "a test never ends", want: []string{"panic: test timed out\n", "outside of its tests"},
			in: passes + `{"Action":"output","Package":"q","Test":"TestD","Output":"panic: test timed out\n"}
{"Action":"fail","Package":"q","Elapsed":600}
`,
		},
		{name: "lines of other programs", in: "make: hello\n" + passes, ok: true, want: []string{"make: hello\n"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			r := newReport(&out)
			if err := r.read(strings.NewReader(c.in)); err != nil {
				t.Fatal(err)
			}
			if ok := r.finish(10, "a note"); ok != c.ok {
				t.Errorf("finish says %v, want %v", ok, c.ok)
			}
			for _, want := range append(c.want, "\na note\n\n") {
				if !strings.Contains(out.String(), want) {
					t.Errorf("no %q in the report:\n%s", want, &out)
				}
			}
			for _, not := range c.not {
				if strings.Contains(out.String(), not) {
					t.Errorf("%q in the report:\n%s", not, &out)
				}
			}
		})
	}
}
