package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"
)

// usageError is wrong usage, one line for each problem. main maps it to its exit code.
type usageError struct{ problems []error }

func (e *usageError) Error() string { return errors.Join(e.problems...).Error() }

// texts of a flag as they were given. It accepts everything: values are judged all together, when all flags are read.
type flagTexts struct {
	given   []string
	noValue bool
}

func (t *flagTexts) Set(text string) error {
	t.given = append(t.given, text)
	return nil
}

func (t *flagTexts) String() string {
	if t == nil || len(t.given) == 0 {
		return ""
	}
	return t.given[len(t.given)-1]
}

// of returns the texts that a value is to be set to: all for one that is repeatable, else the last one.
func (t *flagTexts) of(v value) []string {
	if _, ok := v.(repeatable); ok {
		return t.given
	}
	return t.given[len(t.given)-1:]
}

// IsBoolFlag tells package flag that --once needs no value.
func (t *flagTexts) IsBoolFlag() bool { return t.noValue }

// flagsOf makes the flags of options.
func flagsOf(options []option) (flags []cli.Flag) {
	for _, o := range options {
		if o.only {
			continue
		}
		_, isSwitch := o.of(defaults()).(switched)
		f := &cli.GenericFlag{Name: o.name, Usage: o.help, Value: &flagTexts{noValue: isSwitch}}
		if o.alias != "" {
			f.Aliases = []string{o.alias}
		}
		flags = append(flags, f)
	}
	return flags
}

// readSettings lays file, environment and flags over the defaults, for each capture. Its error is a *usageError with every problem.
func readSettings(c *cli.Context, getenv func(string) string) ([]*settings, error) {
	var problems []error
	if c.NArg() > 0 {
		problems = append(problems, fmt.Errorf("%q: no argument is expected there, only options; quote a value that has blanks, "+
			"and write that of a switch as in --buffer-to-disk=false", c.Args().First()))
	}
	all, more := readFile(c, getenv)
	problems = append(problems, more...)
	for _, s := range all {
		for _, o := range allOptions() {
			problems = append(problems, s.take(o, c, getenv)...)
		}
		if len(all) > 1 && s.given["capture"] == byFlag {
			problems = append(problems, errors.New("--capture: the captures of a file have their names"))
		}
		problems = append(problems, s.named(s.check())...)
	}
	if len(problems) > 0 {
		return nil, &usageError{dedupe(problems)}
	}
	return all, nil
}

// readFile returns the settings of the configuration file, or the defaults if there is none.
func readFile(c *cli.Context, getenv func(string) string) ([]*settings, []error) {
	s := defaults()
	var problems []error
	for _, o := range configOptions() {
		problems = append(problems, s.take(o, c, getenv)...)
	}
	if s.config == "" || len(problems) > 0 {
		return []*settings{s}, problems
	}
	file, problems := loadConfig(s.config, s.expandEnv, getenv)
	if len(problems) > 0 {
		return nil, problems
	}
	return file.settings()
}

// named says of which capture problems are, if there are several.
func (s *settings) named(problems []error) []error {
	if s.name == "" {
		return problems
	}
	for i, p := range problems {
		problems[i] = fmt.Errorf("capture %s: %w", s.name, p)
	}
	return problems
}

// take takes one option from the command line or the environment.
func (s *settings) take(o option, c *cli.Context, getenv func(string) string) (problems []error) {
	v := o.of(s)
	if !o.only && c.IsSet(o.name) {
		s.given[o.name] = byFlag
		if list, ok := v.(repeatable); ok {
			list.reset()
		}
		for _, text := range c.Generic(o.name).(*flagTexts).of(v) {
			if err := v.Set(text); err != nil {
				s.unread[o.name] = true
				problems = append(problems, fmt.Errorf("--%s: %w", o.name, err))
			}
		}
		return problems
	}
	if o.env == "" || getenv(o.env) == "" {
		return nil
	}
	s.given[o.name] = byEnvironment
	if err := v.Set(getenv(o.env)); err != nil {
		s.unread[o.name] = true
		return []error{fmt.Errorf("%s in the environment: %w", o.env, err)}
	}
	return nil
}

// badFlag explains what packages flag and cli say, in our form of flags, and what may have been meant.
func badFlag(c *cli.Context, err error) error {
	see := "see " + c.Command.HelpName + " --help"
	explain := func(format string, args ...any) error { return &usageError{[]error{fmt.Errorf(format, args...)}} }
	if name, ok := strings.CutPrefix(err.Error(), "flag provided but not defined: "); ok {
		name = strings.TrimLeft(name, "-")
		return explain("unknown flag %s: %s%s", dashed(name), didYouMean("--", name, flagNames(c.Command.Flags)), see)
	}
	if name, ok := strings.CutPrefix(err.Error(), "flag needs an argument: "); ok {
		return explain("%s: a value must follow; %s", dashed(name), see)
	}
	if names, ok := strings.CutPrefix(err.Error(), "Cannot use two forms of the same flag: "); ok {
		one, other, _ := strings.Cut(names, " ")
		return explain("%s and %s are the same, give only one of them", dashed(one), dashed(other))
	}
	return explain("%w; %s", err, see)
}

func flagNames(flags []cli.Flag) (names []string) {
	for _, f := range flags {
		names = append(names, f.Names()...)
	}
	return names
}

func dashed(name string) string {
	name = strings.TrimLeft(name, "-")
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}
