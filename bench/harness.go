package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

// sample is one run of a job.
type sample struct {
	Wall  time.Duration `json:"wall_ns"`
	CPU   time.Duration `json:"cpu_ns"`
	Peak  int64         `json:"peak_resident_bytes"`
	Files int           `json:"files"`            // data files that the job wrote
	Pairs int           `json:"keys_and_windows"` // that have messages; 0: not known
}

// result is a job with its samples, one for each round, in order.
type result struct {
	job      job
	messages int
	bytes    int64 // of payloads
	samples  []sample
}

// harness runs jobs on one server.
type harness struct {
	settings
	self   string // the executable with the parts
	url    string
	stderr io.Writer
}

// runHarness is bench itself: it runs the jobs and prints the report.
func runHarness(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	s, err := parseSettings(args, stdout, stderr)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find my own executable: %w", err)
	}
	if s.dir, err = os.MkdirTemp(s.dir, "jetcapture-bench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(s.dir)) }()
	h := &harness{settings: s, self: self, stderr: stderr}
	results, err := h.measure(ctx)
	if err != nil {
		return err
	}
	rep := newReport(results)
	if s.json {
		return rep.writeJSON(stdout)
	}
	return rep.writeTable(stdout)
}

// measure starts the server, publishes the streams and runs the rounds.
func (h *harness) measure(ctx context.Context) (_ []result, err error) {
	if err := h.build(ctx); err != nil {
		return nil, err
	}
	srv, err := startServer(ctx, h.self, filepath.Join(h.dir, "server"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, srv.stop()) }()
	h.url = srv.url
	results, err := h.prepare(ctx)
	if err != nil {
		return nil, err
	}
	for round := range h.rounds {
		// Each round begins with another job, so that no job always follows the same one.
		for i := range results {
			if err := h.sample(ctx, &results[(i+round)%len(results)], round+1); err != nil {
				return nil, err
			}
		}
	}
	return results, nil
}

// build builds the jetcapture command if a job needs it and no other was given.
func (h *harness) build(ctx context.Context) error {
	needed := false
	for _, j := range h.jobs {
		needed = needed || !j.bare
	}
	if h.jetcapture != "" || !needed {
		return nil
	}
	h.jetcapture = filepath.Join(h.dir, "jetcapture")
	_, err := h.run(ctx, []string{
		"go", "build", "-tags", "disable_grpc_modules,grpcnotrace", "-o", h.jetcapture,
		"github.com/jetcapture/jetcapture/cmd/jetcapture",
	})
	return err
}

// prepare publishes each stream that a job reads, and reads it once, so that the server is as warm in the first round
// as in the others.
func (h *harness) prepare(ctx context.Context) ([]result, error) {
	results := make([]result, len(h.jobs))
	for _, s := range allStreams() {
		used := false
		for i, j := range h.jobs {
			if j.stream == s.name {
				results[i] = result{job: j, messages: s.messages(h.messages), bytes: s.bytes(h.messages)}
				used = true
			}
		}
		if !used {
			continue
		}
		fmt.Fprintf(h.stderr, "publishing %d messages of %d bytes to %s\n", s.messages(h.messages), s.size, s.name)
		_, err := h.run(ctx, []string{
			h.self, "publish", "-url", h.url, "-stream", s.name, "-keys", strconv.Itoa(s.keys),
			"-size", strconv.Itoa(s.size), "-messages", strconv.Itoa(s.messages(h.messages)),
		})
		if err != nil {
			return nil, err
		}
		if _, err := h.run(ctx,
			bare("-pull-max-bytes", mib(16))(target{self: h.self, url: h.url, stream: s.name})); err != nil {
			return nil, err
		}
	}
	return results, nil
}

// sample runs the job of r once, checks what it wrote and removes it.
func (h *harness) sample(ctx context.Context, r *result, round int) (err error) {
	t := target{
		self: h.self, jetcapture: h.jetcapture, url: h.url, stream: r.job.stream, output: filepath.Join(h.dir, "archive"),
	}
	t.consumer = fmt.Sprintf("%s-%d", r.job.name, round)
	if t.metrics, err = freeAddress(ctx); err != nil {
		return err
	}
	got, err := h.runScraped(ctx, r.job.command(t), t.metrics)
	if err != nil {
		return fmt.Errorf("job %s: %w", r.job.name, err)
	}
	fmt.Fprintf(h.stderr, "round %d of %d: %-20s %8.0f messages/s\n", round, h.rounds, r.job.name, r.rate(got))
	if r.job.count != nil {
		defer func() { err = errors.Join(err, os.RemoveAll(t.output)) }()
		wrote, err := r.job.count(t.output)
		if err != nil {
			return fmt.Errorf("job %s: %w", r.job.name, err)
		}
		if wrote.rows != r.messages {
			return fmt.Errorf("job %s: wrote %d rows of %d messages", r.job.name, wrote.rows, r.messages)
		}
		got.Files = wrote.files
		if got.Pairs, err = keysAndWindows(ctx, t.output); err != nil {
			return fmt.Errorf("job %s: %w", r.job.name, err)
		}
	}
	r.samples = append(r.samples, got)
	return nil
}

// runScraped runs a command to its end. If it serves its metrics at an address, they are scraped meanwhile.
func (h *harness) runScraped(ctx context.Context, command []string, metrics string) (sample, error) {
	if !slices.Contains(command, metrics) {
		return h.run(ctx, command)
	}
	s, err := startScraper(ctx, h.self, metrics)
	if err != nil {
		return sample{}, err
	}
	got, err := h.run(ctx, command)
	times, stopErr := s.stop()
	if err == nil && stopErr == nil && times == 0 {
		stopErr = errors.New("nobody could scrape the metrics")
	}
	return got, errors.Join(err, stopErr)
}

// run runs a command to its end. The end of ctx kills it. The error has what the command printed.
func (h *harness) run(ctx context.Context, command []string) (sample, error) {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	start := time.Now()
	err := cmd.Run()
	wall := time.Since(start)
	if err != nil {
		return sample{}, fmt.Errorf("%s: %w\n%s", cmd, err, output.Bytes())
	}
	cpu, peak := used(cmd.ProcessState)
	return sample{Wall: wall, CPU: cpu, Peak: peak}, nil
}
