package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v4"
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

// TestChartFitsTheCommand: the values of the chart give the last cut its time, and the command knows its flags.
func TestChartFitsTheCommand(t *testing.T) {
	var values struct {
		Drain  int64 `yaml:"drainTimeoutSeconds"`
		Margin int64 `yaml:"gracePeriodMarginSeconds"`
	}
	if err := yaml.Unmarshal([]byte(deployed(t, "helm/jetcapture/values.yaml")), &values); err != nil {
		t.Fatal(err)
	}
	drain, margin := time.Duration(values.Drain)*time.Second, time.Duration(values.Margin)*time.Second
	if drain != defaultOf(t, "drain-timeout") || margin < stopMargin {
		t.Errorf("drainTimeoutSeconds is %v, gracePeriodMarginSeconds %v", drain, margin)
	}
	template := deployed(t, "helm/jetcapture/templates/deployment.yaml")
	for _, want := range []string{
		"terminationGracePeriodSeconds: {{ add .Values.drainTimeoutSeconds .Values.gracePeriodMarginSeconds }}",
		"--drain-timeout={{ .Values.drainTimeoutSeconds }}s",
	} {
		if !strings.Contains(template, want) {
			t.Errorf("the template lacks %s", want)
		}
	}
	checkFlags(t, template)
}

// TestChartOfAFleetFitsTheCommand: the commands of its containers know their flags.
func TestChartOfAFleetFitsTheCommand(t *testing.T) {
	var c console
	commands := []*cobra.Command{workerCommand(c), fleetInitCommand(c), fleetApplyCommand(c)}
	for _, m := range flagsOf.FindAllStringSubmatch(deployed(t, "helm/jetcapture/templates/fleet.yaml"), -1) {
		if !slices.ContainsFunc(commands, func(cmd *cobra.Command) bool { return cmd.Flags().Lookup(m[1]) != nil }) {
			t.Errorf("no command has a flag --%s", m[1])
		}
	}
}

// TestChartHasTheAlerts: a chart cannot read files outside of its folder.
func TestChartHasTheAlerts(t *testing.T) {
	if deployed(t, "helm/jetcapture/files/jetcapture.rules.yml") != deployed(t, "prometheus/jetcapture.rules.yml") {
		t.Error("cp deploy/prometheus/jetcapture.rules.yml deploy/helm/jetcapture/files/")
	}
}

// TestBaseFitsTheCommand: the same of the base for kustomize, whose configuration file is valid.
func TestBaseFitsTheCommand(t *testing.T) {
	text := deployed(t, "kustomize/deployment.yaml")
	var grace int64
	drain := ""
	if m := regexp.MustCompile(`terminationGracePeriodSeconds: (\d+)`).FindStringSubmatch(text); m != nil {
		_, _ = fmt.Sscan(m[1], &grace) // digits
	}
	if m := regexp.MustCompile(`--drain-timeout=(\S+)`).FindStringSubmatch(text); m != nil {
		drain = m[1]
	}
	if d, err := time.ParseDuration(drain); err != nil || time.Duration(grace)*time.Second < d+stopMargin {
		t.Errorf("terminationGracePeriodSeconds is %d, --drain-timeout %s: %v", grace, drain, err)
	}
	checkFlags(t, text)
	r := environment{}.run(t, "validate", "--config", "../../deploy/kustomize/jetcapture.yaml")
	if r.code != exitDone {
		t.Errorf("the configuration file is wrong: %s", r.stderr)
	}
}

// flagsOf finds the flags among the arguments of a container.
var flagsOf = regexp.MustCompile(`- --([a-z-]+)`)

// checkFlags: run has the flags in the arguments of a container.
func checkFlags(t *testing.T, text string) {
	t.Helper()
	for _, m := range flagsOf.FindAllStringSubmatch(text, -1) {
		if _, found := runOptions().find(m[1]); !found {
			t.Errorf("run has no flag --%s", m[1])
		}
	}
}
