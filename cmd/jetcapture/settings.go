package main

import (
	"errors"
	"fmt"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/internal/form"
	"github.com/jetcapture/jetcapture/internal/urls"
	"github.com/spf13/cobra"
)

// settings are what the options of the command run say about one capture. Defaults come first; a configuration file
// overrides them, the environment overrides the file, and flags override the environment. They are read by one
// goroutine, and do not change once they were checked.
type settings struct {
	name    string // of one of several captures in a file
	pattern string // the unit that this is one stream of; empty: it is not by pattern
	file    fileSettings
	capture captureSettings
	streams streamSettings
	nats    connection
	report  reportSettings
	monitor monitorSettings
	service serviceSettings
	choices // of all the options
}

// newSettings returns the defaults.
func newSettings() *settings {
	s := &settings{file: newFileSettings(), capture: newCaptureSettings()}
	s.streams.most = defaultMostStreams
	s.report.onFailure = failureRetry
	s.choices = newChoices(optionSet{
		{"What to capture", s.capture.sourceOptions()},
		{"Streams by pattern", s.streams.options()},
		{"Configuration file", s.file.options()},
		{"Where to", s.capture.placeOptions()},
		{"In which form", s.capture.formOptions()},
		{"When a file is complete", s.capture.cutOptions()},
		{"Resources", s.capture.resourceOptions()},
		{"Messages", s.report.options()},
		{"Monitoring", s.monitor.options()},
		{"Service and events", s.service.options()},
		{"Connection", s.nats.options()},
	})
	return s
}

// runOptions are all options of the command run, with their defaults.
func runOptions() optionSet { return newSettings().options }

// readSettings lays file, environment and flags over the defaults, for each capture. Its error is a *usageError with
// every problem.
func readSettings(
	cmd *cobra.Command, args []string, getenv func(string) string, read fileReader,
) ([]*settings, error) {
	var problems []error
	if len(args) > 0 {
		problems = append(problems, fmt.Errorf("%q: no argument is expected there, only options; "+
			"quote a value that has blanks, and write that of a switch as in --buffer-to-disk=false", urls.Show(args[0])))
	}
	all, more := readFile(cmd, getenv, read)
	problems = append(problems, more...)
	for _, s := range all {
		problems = append(problems, s.take(s.options.all(), cmd.Flags(), getenv)...)
		if len(all) > 1 && s.origins["capture"] == byFlag {
			problems = append(problems, errors.New("--capture: the captures of a file have their names"))
		}
		problems = append(problems, s.named(s.check())...)
	}
	if problems = append(problems, checkPositions(all)...); len(problems) > 0 {
		return nil, &usageError{dedupe(problems)}
	}
	all, err := all[0].file.shard.of(all)
	if err != nil {
		return nil, &usageError{[]error{err}}
	}
	return all, nil
}

// readFile returns the settings of the configuration file, or the defaults if there is none.
func readFile(cmd *cobra.Command, getenv func(string) string, read fileReader) ([]*settings, []error) {
	s := newSettings()
	problems := s.take(s.file.options(), cmd.Flags(), getenv)
	switch {
	case s.file.path == "":
		return []*settings{s}, problems
	case len(problems) > 0: // what the options lack may be in the file
		return nil, problems
	}
	file, problems := loadConfig(s.file.path, s.file.expand, getenv, read)
	if file == nil {
		return nil, problems
	}
	all, more := file.settings()
	if len(problems) > 0 { // a key is wrong, so what the options lack together may be a consequence
		return nil, append(problems, more...)
	}
	return all, more
}

// named says in which capture the problems are, if there are several captures.
func (s *settings) named(problems []error) []error {
	if s.name == "" {
		return problems
	}
	for i, p := range problems {
		problems[i] = fmt.Errorf("capture %s: %w", s.name, p)
	}
	return problems
}

// check returns everything that is wrong with the settings, one line each, without values of variables. Only the store
// is still missing in the library's options then: it is opened when nothing else is wrong.
func (s *settings) check() []error {
	problems := append(s.checkStreams(), s.capture.check(&s.choices)...)
	problems = append(problems, s.nats.check(&s.choices)...)
	problems = append(problems, s.monitor.check()...)
	problems = append(problems, s.checkStandby()...)
	problems = append(problems, s.service.check(s.capture.library.NATSStreamName)...)
	o := s.capture.captureOptions(bucket.NewMem(), nil, form.Hooks{})
	if s.isPattern() {
		o.NATSStreamName = "S" // one of those that match
	}
	return hide(s.variables, append(problems, s.ofFlags(o.Validate())...)...)
}

// ofFlags turns the library's problems with its fields into problems with flags.
func (s *settings) ofFlags(err error) (problems []error) {
	if err == nil {
		return nil
	}
	flags := map[string]string{}
	for _, o := range s.options.all() {
		if o.field != "" {
			flags[o.field] = "--" + o.name
		}
	}
	for _, one := range joined(err) {
		var problem *jetcapture.OptionError
		if errors.As(one, &problem) && flags[problem.Field] != "" {
			one = fmt.Errorf("%s: %s", flags[problem.Field], problem.Reason)
		}
		problems = append(problems, one)
	}
	return problems
}

// joined are the errors that errors.Join has joined.
func joined(err error) []error {
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		return several.Unwrap()
	}
	return []error{err}
}

// dedupe leaves out what was said before: what all captures share is wrong for each of them.
func dedupe(problems []error) (kept []error) {
	seen := map[string]bool{}
	for _, p := range problems {
		if !seen[p.Error()] {
			kept = append(kept, p)
		}
		seen[p.Error()] = true
	}
	return kept
}
