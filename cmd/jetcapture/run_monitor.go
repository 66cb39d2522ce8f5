package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/jetcapture/jetcapture/internal/monitor"
	"github.com/prometheus/client_golang/prometheus"
)

// metricsEvery is how often the file of metrics is written.
const metricsEvery = time.Minute

// monitoring is how operators see the captures of a run while it lasts.
type monitoring struct {
	set      monitorSettings
	log      *slog.Logger
	board    *monitor.Board
	listener net.Listener // nil: nothing is served
	registry *prometheus.Registry
	once     bool                   // the run ends by itself
	more     []prometheus.Collector // metrics beside those of the captures
}

// newMonitoring returns the monitoring of the captures on a board, in a process with these options. Nothing is served
// yet.
func newMonitoring(process *settings, all []*settings, board *monitor.Board, log *slog.Logger) *monitoring {
	continuous := func(s *settings) bool { return !s.capture.library.Once }
	once := len(all) > 0 && !slices.ContainsFunc(all, continuous)
	return &monitoring{set: process.monitor, log: log, board: board, once: once}
}

// listen opens the port, if there is to be one.
func (m *monitoring) listen(ctx context.Context) (err error) {
	if m.set.http == "" {
		return nil
	}
	if m.listener, err = monitor.Listen(ctx, m.set.http); err != nil {
		return fmt.Errorf("--http: %w", err)
	}
	return nil
}

// start begins to serve. stop ends that: with what the run has come to, it writes the last metrics and the heartbeat of
// a run that has done its work.
func (m *monitoring) start(ctx context.Context) (stop func(err error)) {
	program := monitor.Program{Version: version, Revision: thisProgram.Revision(), Started: time.Now()}
	m.registry = monitor.Registry(program, m.board)
	m.registry.MustRegister(m.more...)
	closeServer := func() {}
	if m.listener != nil {
		m.log.Info("serving metrics, probes and status", "url", "http://"+m.listener.Addr().String()+"/")
		closeServer = monitor.Serve(m.listener, monitor.Handler(program, m.board, m.registry, m.set.pprof), m.log)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // also while the last cut is being stored
	var joined sync.WaitGroup
	heartbeat := monitor.Heartbeat{URL: m.set.heartbeat, Board: m.board, Log: m.log}
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
	}
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
