package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// runCat is the part "cat": jetcapture cat of the payloads of an archive, against zstdcat of its files, which unpacks
// them and nothing else. Both write to the null device, in turn.
func runCat(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	var s settings
	flags := flag.NewFlagSet("bench cat", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&s.messages, "messages", 1_000_000, "messages of the archive")
	flags.IntVar(&s.rounds, "rounds", 7, "rounds; in each, both run once")
	flags.StringVar(&s.dir, "dir", "", "directory for the archive (default the system's temporary directory)")
	flags.StringVar(&s.jetcapture, "jetcapture", "", "jetcapture command to measure (default: built from this module)")
	if err := flags.Parse(args); err != nil {
		return usage(err)
	}
	if s.messages < 1 || s.rounds < 1 {
		return complain(stderr, "-messages and -rounds are at least 1")
	}
	h := &harness{settings: s, stderr: stderr}
	if h.self, err = os.Executable(); err != nil {
		return fmt.Errorf("find my own executable: %w", err)
	}
	if h.dir, err = os.MkdirTemp(s.dir, "jetcapture-bench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(h.dir)) }()
	files, err := h.archive(ctx, ndjson("message", "zstd"))
	if err != nil {
		return err
	}
	return h.compareCat(ctx, files, stdout)
}

// archive captures a stream of orders into h.dir/archive, and returns the data files.
func (h *harness) archive(ctx context.Context, command func(target) []string) (files []string, err error) {
	h.jobs = []job{{command: command}}
	if err := h.build(ctx); err != nil {
		return nil, err
	}
	srv, err := startServer(ctx, h.self, filepath.Join(h.dir, "server"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, srv.stop()) }()
	t := target{
		self: h.self, jetcapture: h.jetcapture, url: srv.url, stream: "orders", output: filepath.Join(h.dir, "archive"),
	}
	fmt.Fprintf(h.stderr, "capturing %d messages\n", h.messages)
	publish := []string{
		h.self, "publish", "-url", t.url, "-stream", t.stream, "-messages", strconv.Itoa(h.messages),
	}
	for _, c := range [][]string{publish, command(t)} {
		if _, err := h.run(ctx, c); err != nil {
			return nil, err
		}
	}
	return dataFiles(t.output)
}

// dataFiles returns the files of an archive that are no records.
func dataFiles(folder string) (files []string, err error) {
	err = filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && strings.HasPrefix(d.Name(), "_"):
			return fs.SkipDir
		case !d.IsDir():
			files = append(files, path)
		}
		return nil
	})
	return files, err
}

// compareCat runs zstdcat and cat in turn, and prints their processor time.
func (h *harness) compareCat(ctx context.Context, files []string, stdout io.Writer) error {
	both := []result{{job: job{name: "zstdcat"}, messages: h.messages}, {job: job{name: "cat"}, messages: h.messages}}
	commands := [][]string{
		append([]string{"zstdcat"}, files...),
		{h.jetcapture, "cat", filepath.Join(h.dir, "archive"), "--format", "payload"},
	}
	for round := range h.rounds + 1 {
		for i := range both {
			s, err := silent(ctx, commands[i])
			if err != nil {
				return err
			}
			if round > 0 { // the first one warms up
				both[i].samples = append(both[i].samples, s)
			}
		}
	}
	fmt.Fprintf(stdout, "%s; %d messages in %d files; %d rounds, median (min-max)\n", machine(), h.messages, len(files),
		h.rounds)
	for i := range both {
		cpu := both[i].spread(func(_ int, s sample) float64 { return s.CPU.Seconds() })
		fmt.Fprintf(stdout, "%-8s CPU s %.3f (%.3f-%.3f)\n", both[i].job.name, cpu.Median, cpu.Min, cpu.Max)
	}
	ratio := both[0].spread(func(i int, s sample) float64 { return s.CPU.Seconds() / both[1].samples[i].CPU.Seconds() })
	_, err := fmt.Fprintf(stdout, "CPU of zstdcat / CPU of cat: %.2f (%.2f-%.2f)\n", ratio.Median, ratio.Min, ratio.Max)
	return err
}

// silent runs a command whose output goes to the null device.
func silent(ctx context.Context, command []string) (sample, error) {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	var printed strings.Builder
	cmd.Stderr = &printed
	start := time.Now()
	if err := cmd.Run(); err != nil {
		return sample{}, fmt.Errorf("%s: %w\n%s", command[0], err, printed.String())
	}
	cpu, peak := used(cmd.ProcessState)
	return sample{Wall: time.Since(start), CPU: cpu, Peak: peak}, nil
}
