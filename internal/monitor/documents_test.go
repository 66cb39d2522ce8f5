package monitor

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/internal/status"
	dto "github.com/prometheus/client_model/go"
)

var update = flag.Bool("update", false, "write the table of metrics into the documents")

const operations = "../../docs/OPERATIONS.md"

// families returns all metrics that jetcapture has, those of verify included, by name.
func families(t *testing.T) map[string]*dto.MetricFamily {
	t.Helper()
	var b Board
	b.Add(status.Running{Capture: "ORDERS", Stream: "ORDERS"})
	all, err := Registry(Program{Version: "1"}, &b).Gather()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "verify.prom")
	if err := WriteVerified(file, "/archive", time.Now(), 0, true); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]*dto.MetricFamily{}
	for _, f := range all {
		if strings.HasPrefix(f.GetName(), "jetcapture_") {
			byName[f.GetName()] = f
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^# HELP (\S+) (.*)$`).FindAllStringSubmatch(string(text), -1) {
		kind, label := dto.MetricType_GAUGE, "archive"
		byName[m[1]] = &dto.MetricFamily{
			Name: &m[1], Help: &m[2], Type: &kind, Metric: []*dto.Metric{{Label: []*dto.LabelPair{{Name: &label}}}},
		}
	}
	return byName
}

// table is the table of all metrics.
func table(byName map[string]*dto.MetricFamily) string {
	var b strings.Builder
	b.WriteString("| Metric | Kind, labels | Means |\n|---|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		f := byName[name]
		kind := strings.ToLower(f.GetType().String())
		for _, l := range f.GetMetric()[0].GetLabel() {
			if l.GetName() != "capture" && l.GetName() != "stream_name" {
				kind += ", `" + l.GetName() + "`"
			}
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", strings.TrimPrefix(name, "jetcapture_"), kind, f.GetHelp())
	}
	return b.String()
}

// TestDocumentsHaveTheMetrics: the table of the document is made of the metrics themselves.
func TestDocumentsHaveTheMetrics(t *testing.T) {
	const begin, end = "<!-- metrics: go test ./internal/monitor -run Documents -update -->\n", "<!-- end of metrics -->\n"
	b, err := os.ReadFile(operations)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(b), begin)
	old, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("%s has no place for the table of metrics", operations)
	}
	want := "\n" + table(families(t)) + "\n"
	if *update {
		if err := os.WriteFile(operations, []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if old != want {
		t.Errorf("the table in %s is not that of the metrics: go test ./internal/monitor -run Documents -update", operations)
	}
}

// TestDeployedMetricsExist: each metric that a rule or the dashboard names is one that is exported.
func TestDeployedMetricsExist(t *testing.T) {
	byName := families(t)
	fleet, err := os.ReadFile("../../docs/FLEET.md") // has those of a worker, which a test of the command compares
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile("(?m)^\\| `(jetcapture_fleet_[a-z_]+)`")
	for _, m := range row.FindAllStringSubmatch(string(fleet), -1) {
		byName[m[1]] = &dto.MetricFamily{}
	}
	name := regexp.MustCompile(`\bjetcapture_[a-z_]+`)
	files, err := filepath.Glob("../../deploy/*/jetcapture.*")
	if err != nil || len(files) < 3 {
		t.Fatalf("found %v, %v", files, err)
	}
	for _, file := range append(files, operations) {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, metric := range name.FindAllString(string(b), -1) {
			family := byName[metric]
			if family == nil {
				short := regexp.MustCompile("_(bucket|sum|count)$").ReplaceAllString(metric, "")
				if h := byName[short]; h == nil || h.GetType() != dto.MetricType_HISTOGRAM {
					t.Errorf("%s names %s, which does not exist", file, metric)
				}
			}
		}
	}
}

// TestAlertsAreExplained: the document says of each alert what it means and what to do, and of no other.
func TestAlertsAreExplained(t *testing.T) {
	rules, err := os.ReadFile("../../deploy/prometheus/jetcapture.rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := os.ReadFile(operations)
	if err != nil {
		t.Fatal(err)
	}
	tests, err := os.ReadFile("../../deploy/prometheus/jetcapture.test.yml")
	if err != nil {
		t.Fatal(err)
	}
	alerts := regexp.MustCompile(`- alert: (\w+)`).FindAllStringSubmatch(string(rules), -1)
	if len(alerts) < 10 {
		t.Fatalf("found only %v", alerts)
	}
	for _, a := range alerts {
		if !strings.Contains(string(doc), "| `"+a[1]+"` |") {
			t.Errorf("%s does not explain %s", operations, a[1])
		}
		if n := strings.Count(string(tests), a[1]); n < 2 {
			t.Errorf("the tests of the rules name %s %d times, want that it is silent and that it fires", a[1], n)
		}
	}
	if n := strings.Count(string(doc), "| `Jetcapture"); n != len(alerts) {
		t.Errorf("%s explains %d alerts, and there are %d", operations, n, len(alerts))
	}
}
