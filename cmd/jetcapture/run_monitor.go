package main

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jetcapture/jetcapture/internal/monitor"
	"github.com/jetcapture/jetcapture/internal/status"
	"github.com/jetcapture/jetcapture/internal/urls"
	"github.com/prometheus/client_golang/prometheus"
)

// metricsEvery is how often the file of metrics is written.
const metricsEvery = time.Minute

// monitoring is how operators see the captures of a run while it lasts.
type monitoring struct {
	set      monitorSettings
	log      *slog.Logger
	board    monitor.Board
	registry *prometheus.Registry
	once     bool // the run ends by itself
	entries  []*monitor.Entry
}

// newMonitoring puts the captures on a board. Nothing is served yet.
func newMonitoring(all []*settings, log *slog.Logger) *monitoring {
	m := &monitoring{set: all[0].monitor, log: log, once: true}
	for _, s := range all {
		what := &s.capture
		m.once = m.once && what.library.Once
		m.entries = append(m.entries, m.board.Add(status.Running{
			Capture: what.name(), Stream: what.library.NATSStreamName, Output: urls.Show(what.output),
			Consumer: what.library.NATSConsumerName,
		}))
	}
	return m
}

// start begins to serve. stop ends that: with what the run has come to, it writes the last metrics and the heartbeat of
// a run that has done its work.
func (m *monitoring) start(ctx context.Context) (stop func(err error), err error) {
	program := monitor.Program{Version: version, Revision: revision(), Started: time.Now()}
	m.registry = monitor.Registry(program, &m.board)
	closeServer := func() {}
	if m.set.http != "" {
		l, err := monitor.Listen(ctx, m.set.http)
		if err != nil {
			return nil, fmt.Errorf("--http: %w", err)
		}
		m.log.Info("serving metrics, probes and status", "url", "http://"+l.Addr().String()+"/")
		closeServer = monitor.Serve(l, monitor.Handler(program, &m.board, m.registry, m.set.pprof), m.log)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // also while the last cut is being stored
	var joined sync.WaitGroup
	heartbeat := monitor.Heartbeat{URL: m.set.heartbeat, Board: &m.board, Log: m.log}
	if m.set.heartbeat != "" && !m.once {
		joined.Go(func() { heartbeat.Beat(ctx) })
	}
	if m.set.metrics != "" {
		joined.Go(func() { m.writeFiles(ctx) })
	}
	return func(err error) {
		if m.set.heartbeat != "" && m.once && err == nil {
			heartbeat.Once(ctx)
		}
		cancel()
		joined.Wait()
		if m.set.metrics != "" {
			m.writeFile()
		}
		closeServer()
	}, nil
}

// writeFiles writes the file of metrics until ctx ends.
func (m *monitoring) writeFiles(ctx context.Context) {
	tick := time.NewTicker(metricsEvery)
	defer tick.Stop()
	for {
		m.writeFile()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// writeFile writes the file of metrics. The capture goes on without it.
func (m *monitoring) writeFile() {
	if err := monitor.WriteFile(m.set.metrics, m.registry); err != nil {
		m.log.Warn("the file of metrics is not written", "error", err)
	}
}
