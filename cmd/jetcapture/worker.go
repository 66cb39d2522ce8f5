package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/internal/fleet"
	"github.com/jetcapture/jetcapture/internal/natsconn"
	"github.com/jetcapture/jetcapture/internal/status"
	"github.com/jetcapture/jetcapture/internal/stopsignal"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"
)

const workerIntroduction = "" +
	`jetcapture worker runs captures of a fleet: as many as it has room for, until SIGTERM or SIGINT.
Then each makes its last cut, and goes on at another worker.

Usage:
  jetcapture worker [OPTIONS]

Examples:
  A fleet of three captures, and two workers, on any machines:
    jetcapture fleet init
    jetcapture fleet apply -f captures.yaml
    jetcapture worker &
    jetcapture worker &
    jetcapture fleet ls

  With metrics, and for 50 captures at most:
    jetcapture worker --room 50 --http :9464 --nats-context production

If a worker dies, or is cut off, its captures go on elsewhere after the lease of the fleet, 30 s
unless jetcapture fleet init says otherwise. If the fleet does not answer, what runs goes on. No two
workers can store a message twice, whatever happens: docs/FLEET.md says why.

A capture that says nothing about its connection uses that of the worker.

--config names a file with the options of the worker, as keys with _ for -. At SIGHUP, it reads the
level of the log there again. Captures are changed by jetcapture fleet apply.
`

// workerExits are the exit codes of a worker. A capture that fails does not end it.
const workerExits = `
Exit codes:
  0    stopped by a signal: its captures go on at other workers
  1    failed: an error says what to do
  2    wrong usage: an option, the environment or the configuration file; nothing was begun
  130  given up at a second signal
`

// fleetOption chooses a fleet.
func fleetOption(to *string) option {
	return option{
		name: "fleet", env: "JETCAPTURE_FLEET", process: true, arg: "NAME", value: text(to),
		help: "one of several fleets of an account; without a name it is the one of the stream JETCAPTURE_FLEET",
	}
}

func workerCommand(c console) *cobra.Command {
	options := newWorkerSettings().options
	cmd := &cobra.Command{
		Use:               "worker",
		Short:             "run captures of a fleet",
		Long:              helpText(workerIntroduction, options, workerExits),
		Args:              noArguments,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := readWorker(cmd.Flags(), c.getenv, os.ReadFile)
			if err != nil {
				return err
			}
			stopsignal.OutlivePipes() // as long as the process: the end of the log is written when this has returned
			return newRunner(c, &s.report).work(cmd.Context(), s, func() (*workerSettings, error) {
				return readWorker(cmd.Flags(), c.getenv, readAgain)
			})
		},
	}
	addFlags(cmd, options.all(), c)
	return cmd
}

// workerWait is how long a worker waits at its start for a server that cannot be reached.
const workerWait = time.Minute

// work runs captures of a fleet until ctx ends. read reads its settings again, at a SIGHUP.
func (r *runner) work(ctx context.Context, s *workerSettings, read func() (*workerSettings, error)) (err error) {
	nc, prefix, err := natsconn.ConnectWithin(ctx, workerWait, s.nats.named("jetcapture worker"), r.log)
	if err != nil {
		return err
	}
	defer nc.Close()
	f, err := fleet.New(nc, prefix, s.fleet)
	if err != nil {
		return &usageError{[]error{err}}
	}
	r.budget.Store(jetcapture.NewBudget(s.memory, s.disk, 0))
	cfg := fleet.WorkerConfig{ID: s.id, Room: s.room, NoRoom: isPatternUnit}
	return r.workFor(ctx, f, s.monitor, cfg, func() { r.reloadWorker(s, read) }, func(g *captureGroup) fleet.Runner {
		return &taskRunner{group: g, fleet: f, nats: &s.nats, getenv: r.getenv}
	})
}

// workFor runs the tasks of a fleet until ctx ends, by a runner that has a group of captures. Of cfg, ID, Room and
// NoRoom may be set. reload is called at each SIGHUP; if it is nil, that ends the worker.
func (r *runner) workFor(
	ctx context.Context, f *fleet.Fleet, seen monitorSettings, cfg fleet.WorkerConfig, reload func(),
	runner func(*captureGroup) fleet.Runner,
) (err error) {
	g := r.newGroup(context.WithoutCancel(ctx)) // the worker ends captures, one by one
	g.resident = true
	defer g.cancel()
	cfg.Host, _ = os.Hostname() // for people
	if cfg.ID == "" {
		cfg.ID = workerName(cfg.Host)
	}
	cfg.Runner, cfg.Log = runner(g), r.log
	w := fleet.NewWorker(f, cfg)
	g.board.Fleet = func() *status.Fleet { return sightOf(w.Sight()) }
	m := &monitoring{set: seen, log: r.log, board: &g.board, more: fleetMetrics(w)}
	if err := m.listen(ctx); err != nil {
		return err
	}
	systemd, err := newSupervisor(ctx, r.getenv)
	if err != nil {
		return err
	}
	defer systemd.close()
	ctx, hangUp := context.WithCancel(ctx)
	defer hangUp()
	if reload != nil {
		defer r.onHangUp(ctx, hangUp, func() {
			defer systemd.reloading()()
			reload()
		})()
	}
	stop := m.start(ctx)
	defer func() { stop(err) }()
	defer r.supervise(ctx, systemd, func() bool { return true })()
	defer r.report(ctx)()
	defer r.roamers.start()()
	return errors.Join(w.Run(ctx), g.wait())
}

// workerName is a name for a worker on a host.
func workerName(host string) string {
	var random [3]byte
	_, _ = rand.Read(random[:]) // it never fails
	return host + "-" + hex.EncodeToString(random[:])
}

// fleetMetrics are the numbers of the fleet, as a worker sees them.
func fleetMetrics(w *fleet.Worker) (all []prometheus.Collector) {
	for _, one := range []struct {
		name, help string
		value      func(c fleet.Counts) int
	}{
		{"tasks", "Captures of the fleet, and patterns.", func(c fleet.Counts) int { return c.Tasks }},
		{"tasks_held", "Captures of the fleet that a worker holds.", func(c fleet.Counts) int { return c.Held }},
		{
			"standby", "1 while this process has no capture, although the fleet has some: it waits to take over.",
			func(c fleet.Counts) int { return c.Standby },
		},
		{"workers", "Workers of the fleet that answer and are not drained.", func(c fleet.Counts) int { return c.Workers }},
	} {
		all = append(all, prometheus.NewGaugeFunc(
			prometheus.GaugeOpts{Namespace: "jetcapture", Subsystem: "fleet", Name: one.name, Help: one.help},
			func() float64 { return float64(one.value(w.Counts())) },
		))
	}
	return all
}

// taskRunner runs the tasks of a worker as captures of a group.
type taskRunner struct {
	group  *captureGroup
	fleet  *fleet.Fleet
	nats   *connection // of the worker
	getenv func(string) string

	mu       sync.Mutex           // guards what follows
	patterns map[string]*follower // that are followed here, by task
}

// following notes that a pattern is followed here, until end.
func (t *taskRunner) following(task string, f *follower) (end func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.patterns == nil {
		t.patterns = map[string]*follower{}
	}
	t.patterns[task] = f
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.patterns, task)
	}
}

// Run implements fleet.Runner.
func (t *taskRunner) Run(ctx context.Context, task fleet.Task) error {
	s, err := taskSettings(task, t.nats, t.getenv)
	if err != nil {
		return err
	}
	if s.isPattern() {
		return t.discover(ctx, task, s)
	}
	err = t.group.run(ctx, s)
	switch {
	case ctx.Err() != nil && exitCode(err) == exitIncomplete: // it goes on elsewhere
		return nil
	case ctx.Err() == nil && err == nil && !s.capture.library.Once && s.capture.library.Until == 0:
		return fmt.Errorf("capture %s has ended by itself", task.Name)
	}
	return err
}

// follows is the state of a task that is a pattern.
const follows = "follows streams"

// Describe implements fleet.Runner.
func (t *taskRunner) Describe(task string) any {
	t.mu.Lock()
	f := t.patterns[task]
	t.mu.Unlock()
	if f != nil {
		n := f.count.Load()
		return status.TaskStatus{State: follows, Streams: &n}
	}
	s, found := t.group.r.overview.of(task)
	if !found {
		return nil
	}
	return status.TaskStatus{State: string(s.State), Lag: left(s)}
}
