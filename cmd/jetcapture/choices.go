package main

import (
	"fmt"
	"slices"

	"github.com/jetcapture/jetcapture/internal/urls"
	"github.com/spf13/pflag"
)

// origin says how an option came to its value. A greater one overrides.
type origin int

const (
	byDefault origin = iota
	byFile
	byEnvironment
	byFlag
)

// choices are the options of a command, and how they came to their values. All maps are by option name.
type choices struct {
	options  optionSet
	defaults map[string]string // as text
	origins  map[string]origin
	refused  map[string]bool // a value of it was wrong

	variables []expanded // that the configuration file has named
}

// newChoices returns the choices of somebody who has given no option yet.
func newChoices(options optionSet) choices {
	c := choices{options: options, defaults: map[string]string{}, origins: map[string]origin{}, refused: map[string]bool{}}
	for _, o := range options.all() {
		c.defaults[o.name] = o.value.String()
	}
	return c
}

// chosen reports whether the user gave an option another value than its default.
func (c *choices) chosen(name string) bool {
	o, found := c.options.find(name)
	return found && c.origins[name] != byDefault && o.value.String() != c.defaults[name]
}

// accepted reports whether no value of the options was refused. If one was, what follows from its absence is not worth
// an error of its own.
func (c *choices) accepted(options ...string) bool {
	return !slices.ContainsFunc(options, func(name string) bool { return c.refused[name] })
}

// take takes options from the command line or the environment.
func (c *choices) take(options []option, flags *pflag.FlagSet, getenv func(string) string) (problems []error) {
	for _, o := range options {
		problems = append(problems, c.takeOne(o, flags, getenv)...)
	}
	return problems
}

// takeOne takes a flag, or else the environment: a value that both give is taken from the flag.
func (c *choices) takeOne(o option, flags *pflag.FlagSet, getenv func(string) string) []error {
	if flag := flags.Lookup(o.name); flag != nil && flag.Changed && !o.envOnly {
		return c.set(o, byFlag, flag.Value.(*flagTexts).of(o.value), "--"+o.name)
	}
	if o.env == "" || getenv(o.env) == "" {
		return nil
	}
	return c.set(o, byEnvironment, []string{getenv(o.env)}, o.env+" in the environment")
}

// assign sets an option to what a configuration file says. A variable may hold a secret that is meant for another
// option, so no problem shows its value.
func (c *choices) assign(o option, a assignment, path string) []error {
	c.variables = append(c.variables, a.variables...)
	where := fmt.Sprintf("%s:%d: %s", path, a.line, a.key)
	problems := c.set(o, byFile, a.texts, where)
	if len(problems) > 0 && a.written != "" {
		return []error{fmt.Errorf("%s: the value that %s stands for is not one of this option; it may be a secret, and is "+
			"not shown", where, printable(urls.Show(a.written)))}
	}
	return problems
}

// set sets an option to texts: all of them if it is repeatable, in place of those of a weaker origin. where is what its
// errors begin with.
func (c *choices) set(o option, by origin, texts []string, where string) (problems []error) {
	if list, ok := o.value.(repeatable); ok {
		list.reset()
	}
	c.origins[o.name] = by
	for _, text := range texts {
		if err := o.value.Set(text); err != nil {
			c.refused[o.name] = true
			problems = append(problems, fmt.Errorf("%s: %w", where, err))
		}
	}
	if v, ok := o.value.(ranked); ok {
		v.to.Rank = int(by)
	}
	return problems
}
