package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"
)

// composeService is what is checked of a service.
type composeService struct {
	Image       string            `yaml:"image"`
	Command     any               `yaml:"command"` // a text or a list
	Environment map[string]string `yaml:"environment"`
	Volumes     []string          `yaml:"volumes"`
	Ports       []string          `yaml:"ports"`
	DependsOn   any               `yaml:"depends_on"` // a list, or a map with conditions
	Grace       string            `yaml:"stop_grace_period"`

	Entrypoint  any      `yaml:"entrypoint"`
	Healthcheck any      `yaml:"healthcheck"`
	Restart     string   `yaml:"restart"`
	ReadOnly    bool     `yaml:"read_only"`
	Tmpfs       []string `yaml:"tmpfs"`
	CapDrop     []string `yaml:"cap_drop"`
	SecurityOpt []string `yaml:"security_opt"`
}

type composeFile struct {
	Name     string                    `yaml:"name"`
	Services map[string]composeService `yaml:"services"`
	Volumes  map[string]any            `yaml:"volumes"`
}

// strictly decodes a file of deploy, of which each member must be known.
func strictly(t *testing.T, name string, into any) {
	t.Helper()
	d := yaml.NewDecoder(bytes.NewReader([]byte(deployed(t, name))))
	d.KnownFields(true)
	if err := d.Decode(into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func compose(t *testing.T) (file composeFile) {
	t.Helper()
	strictly(t, "compose/compose.yaml", &file)
	return file
}

// source is where the file is from that a service has at a path.
func (s composeService) source(path string) string {
	for _, v := range s.Volumes {
		if from, to, _ := strings.Cut(v, ":"); strings.TrimSuffix(to, ":ro") == path {
			return from
		}
	}
	return ""
}

// TestComposeFits: images are pinned, files and volumes are there, and services wait for services that are there.
func TestComposeFits(t *testing.T) {
	file := compose(t)
	for name, s := range file.Services {
		if _, tag, ok := strings.Cut(s.Image, ":"); !ok || tag == "latest" {
			t.Errorf("%s: image %s is not pinned", name, s.Image)
		}
		for _, v := range s.Volumes {
			from, _, _ := strings.Cut(v, ":")
			_, isVolume := file.Volumes[from]
			_, err := os.Stat(filepath.Join("../../deploy/compose", from))
			if strings.HasPrefix(from, ".") && err != nil || !strings.HasPrefix(from, ".") && !isVolume {
				t.Errorf("%s: %s is not there: %v", name, from, err)
			}
		}
		for _, p := range s.Ports {
			if !strings.HasPrefix(p, "127.0.0.1:") {
				t.Errorf("%s: port %s is open to the network", name, p)
			}
		}
		for _, other := range dependencies(s.DependsOn) {
			if _, ok := file.Services[other]; !ok {
				t.Errorf("%s waits for %s, which is not there", name, other)
			}
		}
	}
}

func dependencies(v any) (names []string) {
	switch v := v.(type) {
	case []any:
		for _, name := range v {
			names = append(names, name.(string))
		}
	case map[string]any:
		for name := range v {
			names = append(names, name)
		}
	}
	return names
}

// TestComposeRunsTheCommand: jetcapture takes the options and the file, and may store its last cut.
func TestComposeRunsTheCommand(t *testing.T) {
	file := compose(t)
	s := file.Services["jetcapture"]
	var args []string
	for _, a := range s.Command.([]any) {
		args = append(args, strings.Replace(a.(string), "/etc/jetcapture.yaml", "../../deploy/compose/jetcapture.yaml", 1))
	}
	if args[0] != "run" {
		t.Fatalf("the command is %q", args)
	}
	args[0] = "validate"
	if r := environment(s.Environment).run(t, args...); r.code != exitDone {
		t.Errorf("%q = %d: %s", args, r.code, r.stderr)
	}
	if s.source("/etc/jetcapture.yaml") != "./jetcapture.yaml" {
		t.Errorf("the configuration is not there: %v", s.Volumes)
	}
	i := slices.IndexFunc(args, func(a string) bool { return strings.HasPrefix(a, "--drain-timeout=") })
	drain, err := time.ParseDuration(strings.TrimPrefix(args[i], "--drain-timeout="))
	must(t, err)
	if grace, err := time.ParseDuration(s.Grace); err != nil || grace < drain+stopMargin {
		t.Errorf("stop_grace_period is %s, --drain-timeout %v: %v", s.Grace, drain, err)
	}
	// The hosts in the configuration are services.
	for _, m := range regexp.MustCompile(`[a-z]+://([a-z0-9]+):\d+`).FindAllStringSubmatch(
		deployed(t, "compose/jetcapture.yaml"), -1) {
		if _, ok := file.Services[m[1]]; !ok {
			t.Errorf("there is no service %s, of %s", m[1], m[0])
		}
	}
	s3 := file.Services["s3"].Environment
	if s.Environment["AWS_ACCESS_KEY_ID"] != s3["ROOT_ACCESS_KEY"] ||
		s.Environment["AWS_SECRET_ACCESS_KEY"] != s3["ROOT_SECRET_KEY"] {
		t.Error("the store has other keys than the capture")
	}
}

// TestComposeShowsTheCapture: Prometheus asks the capture and has the alerts, Grafana has the dashboard.
func TestComposeShowsTheCapture(t *testing.T) {
	file := compose(t)
	var prometheus struct {
		Global  map[string]string `yaml:"global"`
		Rules   []string          `yaml:"rule_files"`
		Scrapes []struct {
			Job     string                       `yaml:"job_name"`
			Configs []struct{ Targets []string } `yaml:"static_configs"`
		} `yaml:"scrape_configs"`
	}
	strictly(t, "compose/prometheus.yml", &prometheus)
	scrape := prometheus.Scrapes[0]
	if scrape.Job != "jetcapture" || scrape.Configs[0].Targets[0] != "jetcapture:9464" ||
		!slices.Contains(file.Services["jetcapture"].Command.([]any), any("--http=0.0.0.0:9464")) {
		t.Errorf("Prometheus asks %+v", scrape)
	}
	if from := file.Services["prometheus"].source(prometheus.Rules[0]); from != "../prometheus/jetcapture.rules.yml" {
		t.Errorf("the alerts are %q", from)
	}
	var sources struct {
		Version int                 `yaml:"apiVersion"`
		Sources []map[string]string `yaml:"datasources"`
	}
	strictly(t, "compose/grafana/datasource.yaml", &sources)
	if s := sources.Sources[0]; s["type"] != "prometheus" || s["url"] != "http://prometheus:9090" {
		t.Errorf("Grafana asks %v", s)
	}
	var dashboards struct {
		Version   int `yaml:"apiVersion"`
		Providers []struct {
			Name, Type string
			Options    struct{ Path string }
		} `yaml:"providers"`
	}
	strictly(t, "compose/grafana/dashboards.yaml", &dashboards)
	path := dashboards.Providers[0].Options.Path + "/jetcapture.json"
	if from := file.Services["grafana"].source(path); from != "../grafana/jetcapture.json" {
		t.Errorf("the dashboard at %s is %q", path, from)
	}
}
