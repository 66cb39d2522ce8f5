package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/jetcapture/jetcapture/internal/monitor"
	"github.com/jetcapture/jetcapture/internal/urls"
)

// monitorSettings say how operators see a process.
type monitorSettings struct {
	http      string // address; empty: no server
	pprof     bool
	metrics   string // file; empty: none
	heartbeat string // URL; empty: none
}

func (m *monitorSettings) options() []option {
	return []option{
		{
			name: "http", process: true, arg: "ADDRESS",
			help: "serve /metrics, /livez, /readyz, /startupz, /status, /flush and a page for browsers there; :9464 is " +
				"reached from this machine only, 0.0.0.0:9464 from everywhere",
			value: address(&m.http),
		},
		{
			name: "pprof", process: true, help: "serve profiles of this process, too, below /debug/pprof/ of --http",
			value: boolean(&m.pprof),
		},
		{
			name: "metrics-file", process: true, arg: "FILE",
			help:  "write the metrics into this file once a minute and at the end, for the textfile collector",
			value: text(&m.metrics),
		},
		{
			name: "heartbeat-url", process: true, arg: "URL",
			help:  "ask this URL once a minute while everything is stored in time, and with --once at a good end",
			value: text(&m.heartbeat),
		},
	}
}

// address is where a server listens.
func address(to *string) value {
	return parsed[string]{to, monitor.Address, func(s string) string { return s }}
}

// check returns what is wrong with the options.
func (m *monitorSettings) check() (problems []error) {
	if m.pprof && m.http == "" {
		problems = append(problems, errors.New("--pprof: needs --http"))
	}
	if m.heartbeat != "" {
		if err := monitor.CheckHeartbeat(m.heartbeat); err != nil {
			problems = append(problems, fmt.Errorf("--heartbeat-url: %w", err))
		}
	}
	return append(problems, checkMetricsFile(m.metrics)...)
}

// checkMetricsFile returns what is wrong with the name of a file of metrics. It may be empty.
func checkMetricsFile(name string) (problems []error) {
	if name == "" {
		return nil
	}
	if info, err := os.Stat(filepath.Dir(name)); err != nil || !info.IsDir() {
		problems = append(problems, fmt.Errorf("--metrics-file: there is no folder for %q; make it", urls.Show(name)))
	}
	if filepath.Ext(name) != ".prom" {
		problems = append(problems, fmt.Errorf(
			"--metrics-file: %q does not end in .prom, which the textfile collector asks for", urls.Show(name)))
	}
	return problems
}
