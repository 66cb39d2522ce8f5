package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// manySettings are the flags of "captures".
type manySettings struct {
	captures   int
	messages   int // that each stream has
	rounds     int
	rate       int // messages a second that come while it is measured, of all streams together
	over       time.Duration
	apart      bool
	dir        string
	jetcapture string
}

// parse reads the flags.
func (s *manySettings) parse(args []string, stderr io.Writer) error {
	flags := flag.NewFlagSet("bench captures", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&s.captures, "captures", 200, "captures, each of a stream of its own")
	flags.IntVar(&s.messages, "messages", 10, "messages that each stream has at the start")
	flags.IntVar(&s.rounds, "rounds", 2, "rounds; in each, both ways run once")
	flags.IntVar(&s.rate, "rate", 500, "messages a second that come in the second half, of all streams together")
	flags.DurationVar(&s.over, "over", 20*time.Second, "length of each half: one without messages, one with them")
	flags.BoolVar(&s.apart, "apart", true, "also a process for each capture")
	flags.StringVar(&s.dir, "dir", "", "directory for server and archives (default the system's temporary directory)")
	flags.StringVar(&s.jetcapture, "jetcapture", "", "jetcapture command to measure (default: built from this module)")
	if err := flags.Parse(args); err != nil {
		return usage(err)
	}
	if s.captures < 1 || s.messages < 1 || s.rounds < 1 || s.over <= 0 {
		return complain(stderr, "-captures, -messages and -rounds are at least 1, and -over is more than 0")
	}
	return nil
}

// runCaptures is the part "captures": many captures in one process, against a process for each, in turn. It reads
// /proc, so it needs Linux.
func runCaptures(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	var s manySettings
	if err := s.parse(args, stderr); err != nil {
		return err
	}
	h := &harness{settings: settings{jobs: []job{{}}, jetcapture: s.jetcapture}, stderr: stderr}
	if h.self, err = os.Executable(); err != nil {
		return fmt.Errorf("find my own executable: %w", err)
	}
	if h.dir, err = os.MkdirTemp(s.dir, "jetcapture-bench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(h.dir)) }()
	if err := h.build(ctx); err != nil {
		return err
	}
	srv, err := startServer(ctx, h.self, filepath.Join(h.dir, "server"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, srv.stop()) }()
	h.url = srv.url
	fmt.Fprintf(stderr, "making %d streams\n", s.captures)
	if _, err := h.run(ctx, h.load(s, 0)); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%s; %d captures; %v without messages, then %v with %d messages a second\n", machine(), s.captures,
		s.over, s.over, s.rate)
	for round := range s.rounds {
		ways := []int{s.captures} // how many captures a process has
		if s.apart {
			ways = append(ways, 1)
		}
		if round%2 == 1 {
			slices.Reverse(ways)
		}
		for _, each := range ways {
			if err := h.measureMany(ctx, s, each, stdout); err != nil {
				return err
			}
		}
	}
	return nil
}

// load is the command that makes the streams, or publishes to them for a time.
func (h *harness) load(s manySettings, over time.Duration) []string {
	return []string{
		h.self, "load", "-url", h.url, "-streams", strconv.Itoa(s.captures), "-messages", strconv.Itoa(s.messages),
		"-rate", strconv.Itoa(s.rate), "-over", over.String(),
	}
}

// measureMany runs all captures, so many in each process, and prints what they need.
func (h *harness) measureMany(ctx context.Context, s manySettings, each int, stdout io.Writer) (err error) {
	archive := filepath.Join(h.dir, "archive")
	defer func() { err = errors.Join(err, os.RemoveAll(archive)) }()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // kills what is left after an error
	began := time.Now()
	p := &processes{}
	for first := 0; first < s.captures; first += each {
		config, err := h.captureConfig(archive, first, min(each, s.captures-first))
		if err == nil {
			err = p.start(ctx, h.jetcapture, "run", "--config", config)
		}
		if err != nil {
			return errors.Join(err, p.stop())
		}
	}
	if err := p.await(ctx, s.captures); err != nil {
		return errors.Join(err, p.stop())
	}
	started := time.Since(began)
	startCPU := p.cpu()
	pass(ctx, s.over)
	idle := p.cpu() - startCPU
	_, err = h.run(ctx, h.load(s, s.over))
	loaded, resident := p.cpu()-startCPU-idle, p.resident()
	fmt.Fprintf(stdout, "%4d processes: started in %5.1f s with %6.2f CPU s; idle %5.2f %% of a core; "+
		"with messages %5.2f %%; resident %.0f MB\n", len(p.all), started.Seconds(), startCPU.Seconds(),
		percent(idle, s.over), percent(loaded, s.over), float64(resident)/1e6)
	return errors.Join(err, p.stop())
}

// pass lets time pass in which processes are measured.
func pass(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

func percent(cpu, over time.Duration) float64 { return 100 * cpu.Seconds() / over.Seconds() }

// captureConfig writes the configuration of captures, the first of which has a number.
func (h *harness) captureConfig(archive string, first, n int) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "output: %s\nnats_server: %s\nmax_age: 1h\ncaptures:\n", archive, h.url)
	for i := first; i < first+n; i++ {
		fmt.Fprintf(&b, "  %s: {stream_name: %[1]s}\n", loadStream(i))
	}
	path := filepath.Join(h.dir, fmt.Sprintf("captures-%d.yaml", first))
	return path, os.WriteFile(path, []byte(b.String()), 0o600)
}

// processes are those of one way. One goroutine uses it.
type processes struct {
	all   []*exec.Cmd
	reads sync.WaitGroup // of what they log
	begun chan struct{}  // one for each capture that has begun
}

// start starts a process.
func (p *processes) start(ctx context.Context, command ...string) error {
	if p.begun == nil {
		p.begun = make(chan struct{}, 1<<16)
	}
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	log, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return fmt.Errorf("start %s: %w", command[0], err)
	}
	p.all = append(p.all, cmd)
	p.reads.Go(func() {
		for lines := bufio.NewScanner(log); lines.Scan(); {
			if strings.Contains(lines.Text(), " msg=begins ") {
				p.begun <- struct{}{}
			}
		}
	})
	return nil
}

// await waits until all captures have begun.
func (p *processes) await(ctx context.Context, captures int) error {
	const patience = 5 * time.Minute
	late := time.After(patience)
	for n := range captures {
		select {
		case <-p.begun:
		case <-ctx.Done():
			return ctx.Err()
		case <-late:
			return fmt.Errorf("%d of %d captures have begun after %v", n, captures, patience)
		}
	}
	return nil
}

// cpu is the processor time that all have taken so far.
func (p *processes) cpu() (sum time.Duration) {
	const tick = 10 * time.Millisecond // of Linux, for user space
	for _, cmd := range p.all {
		b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", cmd.Process.Pid)) // one that has ended counts nothing
		_, behind, _ := strings.Cut(string(b), ") ")
		const user, system = 11, 12 // behind the name
		if fields := strings.Fields(behind); len(fields) > system {
			for _, i := range []int{user, system} {
				n, _ := strconv.ParseInt(fields[i], 10, 64)
				sum += time.Duration(n) * tick
			}
		}
	}
	return sum
}

// resident is the memory of all in bytes. What they share, such as the program, counts once.
func (p *processes) resident() (sum int64) {
	for _, cmd := range p.all {
		b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", cmd.Process.Pid))
		_, behind, _ := strings.Cut(string(b), "\nPss:")
		if fields := strings.Fields(behind); len(fields) > 0 {
			kib, _ := strconv.ParseInt(fields[0], 10, 64)
			sum += kib << 10
		}
	}
	return sum
}

// stop ends all processes as a supervisor does, and returns what went wrong.
func (p *processes) stop() (failed error) {
	for _, cmd := range p.all {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	}
	p.reads.Wait()
	for _, cmd := range p.all {
		failed = errors.Join(failed, cmd.Wait())
	}
	return failed
}
