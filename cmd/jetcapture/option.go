package main

import "strings"

// option is one option of a command, bound to the settings that it sets. Its flag, its key in a configuration file, its
// line in the help and what a shell completes are all made from this one description.
type option struct {
	name  string
	alias string // one letter
	env   string // environment variable that is used when the flag is not given
	// process: one value for the process, not one for each of its captures.
	process bool
	// flagOnly: not in a configuration file.
	flagOnly bool
	// envOnly: no flag. It is a secret, which a command line would show to every user of the machine.
	envOnly bool
	field   string // the field of jetcapture.Options that it sets, if it sets one
	arg     string // stands for the value in the help; a switch needs none
	help    string // one sentence, no full stop; the default is added
	value   value
	// complete returns what a shell offers for the value. Nil: the words of the value, or else what arg says.
	complete completer
}

// key is the name of an option in a configuration file; empty if it has none there.
func (o option) key() string {
	if o.flagOnly {
		return ""
	}
	return strings.ReplaceAll(o.name, "-", "_")
}

// isSwitch reports whether the flag needs no text.
func (o option) isSwitch() bool {
	_, is := o.value.(switched)
	return is
}

// group is options that belong together.
type group struct {
	title   string
	options []option
}

// optionSet is the options of a command, in the order of its help.
type optionSet []group

// all are the options of all groups.
func (s optionSet) all() (all []option) {
	for _, one := range s {
		all = append(all, one.options...)
	}
	return all
}

// find returns the option with a name.
func (s optionSet) find(name string) (o option, found bool) {
	for _, o := range s.all() {
		if o.name == name {
			return o, true
		}
	}
	return o, false
}
