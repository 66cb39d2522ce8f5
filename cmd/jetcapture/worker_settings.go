package main

import (
	"fmt"
	"slices"

	"github.com/jetcapture/jetcapture"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v4"
)

// workerSettings are what the options of the command worker say. They are read by one goroutine, and do not change once
// they were checked.
type workerSettings struct {
	file    fileSettings
	fleet   string
	id      string
	room    int
	memory  int64 // that its captures share
	disk    int64
	report  reportSettings
	monitor monitorSettings
	nats    connection
	choices
}

// newWorkerSettings returns the defaults.
func newWorkerSettings() *workerSettings {
	s := &workerSettings{file: newFileSettings(), memory: mostMemory, disk: jetcapture.DefaultSpoolLimit}
	s.report.onFailure = failureLeave // the fleet tries it again, here or elsewhere
	s.choices = newChoices(optionSet{
		{"The fleet", []option{
			fleetOption(&s.fleet),
			{
				name: "room", process: true, arg: "N", value: count(&s.room),
				help: "run so many captures at most; 0 is no limit",
			},
			{
				name: "worker", process: true, arg: "NAME", value: text(&s.id),
				help: "name of this worker in the fleet, different from the others (default: the host's name and a random part)",
			},
		}},
		{"Configuration file", s.fileOptions()},
		{"Resources", []option{
			{
				name: "memory-limit", process: true, arg: "SIZE", value: positiveSize(&s.memory),
				help: "memory for open files and messages in flight, of all captures together",
			},
			{
				name: "spool-limit", process: true, arg: "SIZE", value: positiveSize(&s.disk),
				help: "disk space for open files, of all captures together; over it, files are stored early and reading waits",
			},
		}},
		{"Messages", slices.DeleteFunc(s.report.options(), func(o option) bool {
			return o.name != "log-level" && o.name != "log-json"
		})},
		{"Monitoring", s.monitor.options()},
		{"Connection", s.nats.options()},
	})
	return s
}

// fileOptions say which configuration file the worker has. Captures are not in it.
func (s *workerSettings) fileOptions() []option {
	options := slices.DeleteFunc(s.file.options(), func(o option) bool { return o.name == "shard" })
	for i := range options {
		if options[i].name == "config" {
			options[i].help = "take options of this worker from this YAML file; flags and environment override it"
		}
	}
	return options
}

// readWorker lays file, environment and flags over the defaults. Its error is a *usageError with every problem.
func readWorker(
	flags *pflag.FlagSet, getenv func(string) string, read fileReader,
) (*workerSettings, error) {
	s := newWorkerSettings()
	problems := s.take(s.fileOptions(), flags, getenv)
	if s.file.path != "" && len(problems) == 0 {
		problems = s.takeFile(getenv, read)
	}
	problems = append(problems, s.take(s.options.all(), flags, getenv)...)
	problems = append(problems, s.nats.check(&s.choices)...)
	if problems = append(problems, s.monitor.check()...); len(problems) > 0 {
		return nil, &usageError{dedupe(hide(s.variables, problems...))}
	}
	return s, nil
}

// takeFile takes the options that are in the configuration file.
func (s *workerSettings) takeFile(getenv func(string) string, read fileReader) []error {
	b, err := read(s.file.path)
	if err != nil {
		return []error{fmt.Errorf("--config: %w", err)}
	}
	document, err := oneDocument(b)
	if err != nil {
		return []error{fmt.Errorf("%s: %w", s.file.path, err)}
	}
	l := &configLoader{path: s.file.path, expand: s.file.expand, options: s.options, getenv: getenv, read: read}
	l.members(document.Content[0], func(key, v *yaml.Node) {
		if key.Value == capturesKey {
			l.problem(key.Line, "%s: are those of the fleet, jetcapture fleet apply makes them of a file", capturesKey)
			return
		}
		if a, ok := l.assignment(key, v, false); ok {
			o, _ := s.options.find(a.name)
			l.problems = append(l.problems, s.assign(o, a, l.path)...)
		}
	})
	return l.problems
}
