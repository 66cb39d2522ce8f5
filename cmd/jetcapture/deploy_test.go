package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// stopMargin is what a supervisor gives the command beyond its drain timeout, to write the end of its log and summary.
const stopMargin = 10 * time.Second

// defaultOf is the default of a duration among the options of run.
func defaultOf(t *testing.T, name string) time.Duration {
	t.Helper()
	o, found := runOptions().find(name)
	if !found {
		t.Fatalf("there is no --%s", name)
	}
	d, err := time.ParseDuration(o.value.String())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// deployed reads a file of the folder deploy.
func deployed(t *testing.T, name string) string {
	t.Helper()
	body, err := os.ReadFile(filepath.Join("..", "..", "deploy", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// TestUnitFitsTheCommand: systemd waits for longer than the last cut may take, and for what the command tells it.
func TestUnitFitsTheCommand(t *testing.T) {
	unit := map[string]string{}
	for line := range strings.Lines(deployed(t, "systemd/jetcapture@.service")) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(name, "#") {
			unit[name] = value
		}
	}
	stop, err := time.ParseDuration(unit["TimeoutStopSec"])
	if err != nil || stop < defaultOf(t, "drain-timeout")+stopMargin {
		t.Errorf("TimeoutStopSec=%s: %v", unit["TimeoutStopSec"], err)
	}
	watchdog, err := time.ParseDuration(unit["WatchdogSec"])
	if err != nil || watchdog < 2*supervisorEvery || unit["Type"] != "notify" {
		t.Errorf("Type=%s, WatchdogSec=%s: %v", unit["Type"], unit["WatchdogSec"], err)
	}
	if got := unit["RestartPreventExitStatus"]; got != fmt.Sprint(exitUsage) {
		t.Errorf("RestartPreventExitStatus=%s, wrong usage ends with %d", got, exitUsage)
	}
	if got := unit["ExecStart"]; got != "/usr/bin/jetcapture run --config /etc/jetcapture/%i.yaml" {
		t.Errorf("ExecStart=%s", got)
	}
}
