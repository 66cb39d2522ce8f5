package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jetcapture/jetcapture/internal/fleet"
	"github.com/jetcapture/jetcapture/internal/natsconn"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// standBy runs captures in one of several processes that are started alike. They are a fleet of their own, whose name
// follows from the captures; each process puts their tasks into it, unless they are there.
func (r *runner) standBy(ctx context.Context, process *settings, all []*settings) error {
	first := all[0]
	nc, prefix, err := natsconn.ConnectWithin(ctx, first.capture.library.Wait,
		first.nats.named("jetcapture standby"), r.log)
	if err != nil {
		return err
	}
	defer nc.Close()
	f, err := fleet.New(nc, prefix, standbyName(all))
	if err != nil {
		return err
	}
	if err := prepareStandby(ctx, f, nc, prefix, all); err != nil {
		return fmt.Errorf("--standby: %w", adviseDenied(nc, err))
	}
	var reload func() // without a file, SIGHUP ends the process
	if r.reread != nil {
		started := process.state(true)
		reload = func() { r.reloadStandby(started, all) }
	}
	r.settings.onFailure = failureLeave // another process tries it
	return r.workFor(ctx, f, first.monitor, fleet.WorkerConfig{}, reload, func(g *captureGroup) fleet.Runner {
		return &standbyRunner{taskRunner{group: g}, all}
	})
}

// reloadStandby takes the level of the log from the settings, which are read again, and says what else a reload does
// not change: processes that stand by for each other must have the same captures.
func (r *runner) reloadStandby(started statement, all []*settings) {
	now, captures, err := runs(r.reread())
	if err != nil {
		r.refused(err)
		return
	}
	r.adopt(now.report.level, started, now.state(true))
	if !maps.EqualFunc(statements(all), statements(captures), maps.Equal[statement]) {
		r.log.Warn("the captures of the file have changed: start this process and those that stand by for it again")
	}
	r.log.Info("the configuration file was read again", "log_level", r.level.Level().String())
}

// standbyName is the name of the fleet of processes that run the same captures into the same places.
func standbyName(all []*settings) string {
	var names []string
	for _, s := range all {
		names = append(names, s.capture.name()+"\x00"+s.capture.output)
	}
	slices.Sort(names)
	sum := sha256.New()
	for _, name := range names {
		fmt.Fprintf(sum, "%s\x00", name)
	}
	return "STANDBY_" + hex.EncodeToString(sum.Sum(nil)[:8])
}

// prepareStandby makes the fleet and its tasks, as replicated as the stream of the first capture.
func prepareStandby(ctx context.Context, f *fleet.Fleet, nc *nats.Conn, prefix string, all []*settings) error {
	js, err := jetstream.New(nc)
	if prefix != "" {
		js, err = jetstream.NewWithAPIPrefix(nc, prefix)
	}
	if err != nil {
		return err
	}
	first := all[0]
	stream, err := js.Stream(ctx, first.capture.library.NATSStreamName)
	if err != nil {
		return fmt.Errorf("look up stream %s: %w", first.capture.library.NATSStreamName, err)
	}
	cfg := fleet.Config{Lease: first.report.standby, Replicas: stream.CachedInfo().Config.Replicas}
	if _, err := f.Init(ctx, cfg); err != nil {
		return err
	}
	for _, s := range all {
		_, err := f.Apply(ctx, fleet.Task{Name: s.capture.name()})
		if err != nil && !errors.Is(err, fleet.ErrConflict) { // then another process was first
			return err
		}
	}
	return nil
}

// standbyRunner runs the captures of this process. What they are is not in their tasks.
type standbyRunner struct {
	taskRunner
	all []*settings
}

// Run implements fleet.Runner.
func (t *standbyRunner) Run(ctx context.Context, task fleet.Task) error {
	i := slices.IndexFunc(t.all, func(s *settings) bool { return s.capture.name() == task.Name })
	if i < 0 {
		return fmt.Errorf("this process has no capture %s", task.Name)
	}
	err := t.group.run(ctx, t.all[i])
	if ctx.Err() == nil && err == nil {
		return fmt.Errorf("capture %s has ended by itself", task.Name)
	}
	return err
}

// checkStandby returns what is wrong with a standby.
func (s *settings) checkStandby() (problems []error) {
	lib := &s.capture.library
	switch {
	case s.report.standby == 0:
	case s.report.standby < fleet.MinLease:
		problems = append(problems, fmt.Errorf("--standby: %v is too short, give %v at least", s.report.standby,
			3*time.Second))
	case lib.Once || lib.Until > 0:
		problems = append(problems, errors.New("--standby: is for captures that go on, not for --once and --range"))
	case s.isPattern():
		problems = append(problems, errors.New("--standby: takes single streams; a fleet takes patterns, see docs/FLEET.md"))
	}
	return problems
}
