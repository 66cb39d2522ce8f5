package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"go.uber.org/goleak"
)

// TestMain makes the test binary act as the parts for which the harness starts its own executable.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && parts()[os.Args[1]] != nil {
		if err := run(context.Background(), os.Args[1:], os.Stdout, os.Stderr); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

func TestHarnessOnASmallStream(t *testing.T) {
	dir := t.TempDir()
	var stdout, stderr bytes.Buffer
	args := []string{
		"-messages", "1000", "-rounds", "1", "-jobs", "bare,bare-default,csv-gzip", "-jetcapture", "unused", "-json", "-dir",
		dir,
	}
	if err := run(t.Context(), args, &stdout, &stderr); err != nil {
		t.Fatalf("bench: %v\n%s", err, &stderr)
	}
	var rep report
	if err := json.Unmarshal(stdout.Bytes(), &rep); err != nil {
		t.Fatalf("read the report: %v\n%s", err, &stdout)
	}
	references := 0
	for _, j := range rep.Jobs {
		if j.Messages != 1000 || j.Bytes != 190_000 || len(j.Samples) != 1 || j.Rate.Median <= 0 || j.CPU.Median <= 0 ||
			j.Peak < 1<<20 {
			t.Errorf("implausible report: %+v", j)
		}
		if j.Reference {
			references++
		}
		if j.Name == "csv-gzip" && j.Files.Median != 1 {
			t.Errorf("%v files for each key and window: %+v", j.Files, j.Samples)
		}
	}
	if len(rep.Jobs) != 3 || references != 1 {
		t.Errorf("%d jobs, %d references; want three and one", len(rep.Jobs), references)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestCatOfASmallArchive(t *testing.T) {
	dir := t.TempDir()
	const script = `while [ $# -gt 0 ]; do [ "$1" = --output ] && mkdir "$2" && echo >"$2/a.ndjson.zst"; shift; done`
	for _, name := range []string{"jetcapture", "zstdcat"} { // the real ones are not everywhere
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	var stdout, stderr bytes.Buffer
	args := []string{
		"cat", "-messages", "10", "-rounds", "1", "-jetcapture", filepath.Join(dir, "jetcapture"), "-dir", dir,
	}
	if err := run(t.Context(), args, &stdout, &stderr); err != nil {
		t.Fatalf("bench cat: %v\n%s", err, &stderr)
	}
	if !strings.Contains(stdout.String(), "CPU of zstdcat / CPU of cat") {
		t.Errorf("printed %s", &stdout)
	}
}

func TestFailedJobTellsWhatItPrinted(t *testing.T) {
	h := &harness{self: os.Args[0], stderr: io.Discard}
	_, err := h.run(t.Context(), []string{h.self, "bare", "-url", "nats://127.0.0.1:1"})
	if err == nil || !strings.Contains(err.Error(), "connect to nats://127.0.0.1:1") {
		t.Errorf("got %v, want what the job printed", err)
	}
}

// TestScraper: a scraper asks for the metrics until it is stopped, and says how often it got them.
func TestScraper(t *testing.T) {
	asked := make(chan string, 100)
	capture := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked <- r.URL.Path }))
	defer capture.Close()
	s, err := startScraper(t.Context(), os.Args[0], capture.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if path := <-asked; path != "/metrics" {
		t.Errorf("asked for %s", path)
	}
	<-asked
	if times, err := s.stop(); err != nil || times < 1 {
		t.Errorf("scraped %d times: %v, want at least once", times, err)
	}
}

func TestSettingsAreChecked(t *testing.T) {
	for _, args := range []string{"-messages 0", "-rounds 0", "-jobs nobody", "-what", "more"} {
		var stderr bytes.Buffer
		if _, err := parseSettings(strings.Fields(args), io.Discard, &stderr); !errors.Is(err, errUsage) ||
			stderr.Len() == 0 {
			t.Errorf("%s: got %v, %q; want a complaint", args, err, &stderr)
		}
	}
	var stdout bytes.Buffer
	if _, err := parseSettings([]string{"-list"}, &stdout, io.Discard); !errors.Is(err, flag.ErrHelp) ||
		!strings.Contains(stdout.String(), "payload-zstd") {
		t.Errorf("-list: got %v, %q", err, &stdout)
	}
}

// TestJobs checks that each line of the table works.
func TestJobs(t *testing.T) {
	streams := map[string]bool{}
	for _, s := range allStreams() {
		streams[s.name] = true
	}
	names, bare := map[string]bool{}, map[string]bool{}
	for _, j := range allJobs() {
		if names[j.name] || !streams[j.stream] || j.bare != (j.count == nil) {
			t.Errorf("job %s: a name twice, an unknown stream, or rows without a counter", j.name)
		}
		names[j.name] = true
		bare[j.stream] = bare[j.stream] || j.bare
	}
	for _, j := range allJobs() {
		if !bare[j.stream] {
			t.Errorf("job %s: no bare consumer reads stream %s", j.name, j.stream)
		}
	}
}

func TestSelectedJobsBringTheirReference(t *testing.T) {
	all := []job{
		{name: "b", stream: "x", bare: true},
		{name: "b2", stream: "x", bare: true},
		{name: "j", stream: "x"},
		{name: "other", stream: "y", bare: true},
		{name: "k", stream: "x"},
	}
	for names, want := range map[string]string{
		"k": "b b2 k", "k,b2": "b2 k", "": "b b2 j other k", "other,j": "b b2 j other",
	} {
		got, err := selectJobs(all, names)
		if err != nil {
			t.Errorf("%q: %v", names, err)
		}
		var list []string
		for _, j := range got {
			list = append(list, j.name)
		}
		if strings.Join(list, " ") != want {
			t.Errorf("%q selects %v, want %s", names, list, want)
		}
	}
}

func TestGenerator(t *testing.T) {
	s := stream{name: "orders", keys: 4, size: 190}
	g, again := newGenerator(s), newGenerator(s)
	subjects := map[string]bool{}
	for range 1000 {
		subject, payload := g.next()
		if _, same := again.next(); !bytes.Equal(payload, same) {
			t.Fatal("two generators differ")
		}
		var fields struct{ Region string }
		if err := json.Unmarshal(payload, &fields); err != nil || len(payload) != s.size ||
			subject != "orders."+fields.Region {
			t.Fatalf("%s: %v, %d bytes: %s", subject, err, len(payload), payload)
		}
		subjects[subject] = true
	}
	if len(subjects) != s.keys {
		t.Errorf("%d subjects, want %d", len(subjects), s.keys)
	}
}

func TestLines(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, wrap func(io.Writer) io.WriteCloser, text string) {
		var b bytes.Buffer
		for _, part := range []string{text[:3], text[3:]} { // archives hold concatenated frames
			w := wrap(&b)
			_, err := io.WriteString(w, part)
			if err = errors.Join(err, w.Close()); err != nil {
				t.Fatal(err)
			}
		}
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o750), os.WriteFile(path, b.Bytes(), 0o640)); err != nil {
			t.Fatal(err)
		}
	}
	zip := func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }
	zst := func(w io.Writer) io.WriteCloser {
		e, err := zstd.NewWriter(w)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	write("a/1.csv.gz", zip, "head\n1\n2\n")
	write("a/b/2.csv.zst", zst, "head\n3\n")
	write("_jetcapture/log.gz", zip, "no\nrow\n")
	if got, err := lines(1)(dir); err != nil || got != (content{rows: 3, files: 2}) {
		t.Errorf("got %+v, %v; want 3 rows in 2 files", got, err)
	}
}

func TestReport(t *testing.T) {
	at := func(seconds ...float64) (samples []sample) {
		for _, s := range seconds {
			d := time.Duration(s * float64(time.Second))
			samples = append(samples, sample{Wall: d, CPU: 2 * d, Peak: int64(d)})
		}
		return samples
	}
	written := at(2, 5, 4)
	for i := range written {
		written[i].Files, written[i].Pairs = 30, 20
	}
	rep := newReport([]result{
		{job: job{name: "slow", stream: "x", bare: true}, messages: 1000, bytes: 2e6, samples: at(2, 2, 2)},
		{job: job{name: "fast", stream: "x", bare: true}, messages: 1000, bytes: 2e6, samples: at(1, 4, 1)},
		{job: job{name: "job", stream: "x"}, messages: 1000, bytes: 2e6, samples: written},
	})
	if rep.Jobs[0].Reference || !rep.Jobs[1].Reference {
		t.Error("the fastest bare consumer is not the reference")
	}
	got := rep.Jobs[2]
	if got.Rate != (spread{250, 200, 500}) || got.Ratio != (spread{0.5, 0.25, 0.8}) || got.MBps != 0.5 ||
		got.CPU.Median != 8000 || got.Peak != 5e9 || got.Files != (spread{1.5, 1.5, 1.5}) {
		t.Errorf("got %+v", got)
	}
	var table bytes.Buffer
	if err := rep.writeTable(&table); err != nil || !strings.Contains(table.String(), "fast*") ||
		!strings.Contains(table.String(), "(0.25-0.80)") {
		t.Errorf("%v\n%s", err, &table)
	}
}

// TestCapturesInOneProcessAndApart: a script stands for jetcapture. It says of each capture in its file that it begins.
func TestCapturesInOneProcessAndApart(t *testing.T) {
	dir := t.TempDir()
	command := filepath.Join(dir, "jetcapture")
	const script = `#!/bin/sh
trap 'exit 0' TERM
n=$(grep -c stream_name: "$3")
echo "$n" >>"$0.log"
while [ "$n" -gt 0 ]; do echo ' msg=begins ' >&2; n=$((n - 1)); done
while :; do sleep 0.1; done
`
	if err := os.WriteFile(command, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	args := []string{
		"captures", "-captures", "2", "-messages", "1", "-rounds", "1", "-over", "200ms", "-rate", "40",
		"-jetcapture", command, "-dir", dir,
	}
	if err := run(t.Context(), args, &stdout, &stderr); err != nil {
		t.Fatalf("captures: %v\n%s", err, &stderr)
	}
	said, err := os.ReadFile(command + ".log")
	if err != nil || string(said) != "2\n1\n1\n" || strings.Count(stdout.String(), "processes: started in") != 2 {
		t.Errorf("the processes had captures %q, %v\n%s", said, err, &stdout)
	}
}
