package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// event is one line of "go test -json", see "go doc test2json". Lines about building have ImportPath instead of
// Package.
type event struct {
	Action     string
	Package    string
	ImportPath string
	Test       string
	Elapsed    float64 // seconds
	Output     string
}

// name identifies a test, or a package if test is empty.
type name struct{ pkg, test string }

func (n name) String() string { return strings.TrimSpace(n.pkg + " " + n.test) }

// timing is how long a test took.
type timing struct {
	name
	seconds float64
}

// report gathers the events of one or several runs of go test.
type report struct {
	out     io.Writer
	output  map[name][]string // of tests and packages that have not ended yet
	tests   []timing          // top-level tests
	skipped []name
	failed  []name
	passed  int
	broken  bool // a package failed without a failed test of its own
}

func newReport(out io.Writer) *report { return &report{out: out, output: map[name][]string{}} }

// read takes events until the end of in. It passes on lines that are not events, such as those of make.
func (r *report) read(in io.Reader) error {
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			r.line(line)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read test events: %w", err)
		}
	}
}

func (r *report) line(line []byte) {
	var e event
	if line[0] != '{' || json.Unmarshal(line, &e) != nil || e.Action == "" {
		fmt.Fprintf(r.out, "%s", line)
		return
	}
	r.event(e)
}

func (r *report) event(e event) {
	n := name{e.Package, e.Test}
	switch e.Action {
	case "output":
		r.output[n] = append(r.output[n], e.Output)
	case "build-output":
		fmt.Fprint(r.out, e.Output)
	case "build-fail":
		r.broken = true
	case "pass", "fail", "skip":
		if e.Test == "" {
			r.endPackage(n, e.Action)
		} else {
			r.endTest(n, e)
		}
		delete(r.output, n)
	}
}

// endTest counts a test and shows the output of one that failed.
func (r *report) endTest(n name, e event) {
	if !strings.Contains(n.test, "/") {
		r.tests = append(r.tests, timing{n, e.Elapsed})
	}
	switch e.Action {
	case "pass":
		r.passed++
		return
	case "skip":
		r.skipped = append(r.skipped, n)
	case "fail":
		r.failed = append(r.failed, n)
	}
	r.print(n)
}

// endPackage shows the last line of a package. If the package failed, it shows all of its output, which may be that of
// a test that never ended.
func (r *report) endPackage(n name, action string) {
	lines := r.output[n]
	if action != "fail" {
		if len(lines) > 0 {
			fmt.Fprint(r.out, lines[len(lines)-1])
		}
		return
	}
	if !slices.ContainsFunc(r.failed, func(f name) bool { return f.pkg == n.pkg }) {
		r.broken = true
	}
	for open := range r.output {
		if open.pkg == n.pkg && open.test != "" {
			r.print(open)
			delete(r.output, open)
		}
	}
	r.print(n)
}

func (r *report) print(n name) {
	for _, l := range r.output[n] {
		fmt.Fprint(r.out, l)
	}
}

// finish prints the summary, with a note unless that is empty, and reports whether everything passed.
func (r *report) finish(slowest int, note string) bool {
	slices.SortStableFunc(r.tests, func(a, b timing) int { return cmp.Compare(b.seconds, a.seconds) })
	fmt.Fprintln(r.out, "\nslowest tests:")
	for _, t := range r.tests[:min(slowest, len(r.tests))] {
		fmt.Fprintf(r.out, "%8.2fs  %s\n", t.seconds, t.name)
	}
	r.list("skipped, which is not allowed:", r.skipped)
	r.list("failed:", r.failed)
	if r.broken {
		fmt.Fprintln(r.out, "\na package failed outside of its tests, see above")
	}
	if note != "" {
		fmt.Fprintf(r.out, "\n%s\n", note)
	}
	fmt.Fprintf(r.out, "\n%d passed, %d failed\n", r.passed, len(r.failed))
	return !r.broken && len(r.failed) == 0 && len(r.skipped) == 0 && r.passed > 0
}

func (r *report) list(title string, names []name) {
	if len(names) == 0 {
		return
	}
	fmt.Fprintf(r.out, "\n%s\n", title)
	for _, n := range names {
		fmt.Fprintf(r.out, "  %s\n", n)
	}
}
