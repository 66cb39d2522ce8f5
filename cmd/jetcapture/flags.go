package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jetcapture/jetcapture/internal/suggest"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// usageError is wrong usage, one line for each problem. execute maps it to its exit code.
type usageError struct{ problems []error }

func (e *usageError) Error() string { return errors.Join(e.problems...).Error() }

func (e *usageError) Unwrap() []error { return e.problems }

// usagef returns wrong usage with one problem.
func usagef(format string, args ...any) error {
	return &usageError{[]error{fmt.Errorf(format, args...)}}
}

// flagTexts are the texts of a flag as they were given. It accepts everything: values are judged together, when all
// flags were read.
type flagTexts struct {
	given    []string
	complete cobra.CompletionFunc // nil: there is nothing to complete
}

// Set implements pflag.Value.
func (t *flagTexts) Set(text string) error {
	t.given = append(t.given, text)
	return nil
}

// String implements pflag.Value.
func (t *flagTexts) String() string {
	if t == nil || len(t.given) == 0 {
		return ""
	}
	return t.given[len(t.given)-1]
}

// Type implements pflag.Value.
func (t *flagTexts) Type() string { return "string" }

// of returns the texts that a value is to be set to: all for one that is repeatable, else the last one.
func (t *flagTexts) of(v value) []string {
	if _, ok := v.(repeatable); ok {
		return t.given
	}
	return t.given[len(t.given)-1:]
}

// addFlags gives a command the flags of options, and their completions.
func addFlags(cmd *cobra.Command, options []option, c console) {
	for _, o := range options {
		if o.envOnly {
			continue
		}
		texts := &flagTexts{}
		flag := cmd.Flags().VarPF(texts, o.name, o.alias, o.help)
		if o.isSwitch() {
			flag.NoOptDefVal = "true"
			continue
		}
		texts.complete = completion(o, c)
	}
}

// registerCompletions gives cobra the completions of the flags of a command and those below. It is for a process that
// completes: cobra keeps them for good, and with them the command.
func registerCompletions(cmd *cobra.Command) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if texts, ok := f.Value.(*flagTexts); ok && texts.complete != nil {
			_ = cmd.RegisterFlagCompletionFunc(f.Name, texts.complete) // it fails only for a flag that is unknown or known twice
		}
	})
	for _, below := range cmd.Commands() {
		registerCompletions(below)
	}
}

// badFlag explains an error of package pflag in our words, and what may have been meant.
func badFlag(cmd *cobra.Command, err error) error {
	see := "see " + cmd.CommandPath() + " --help"
	var unknown *pflag.NotExistError
	var noValue *pflag.ValueRequiredError
	switch {
	case errors.As(err, &unknown):
		name := unknown.GetSpecifiedName()
		return usagef("unknown flag %s: %s%s", dashed(name), didYouMean("--", name, flagNames(cmd.Flags())), see)
	case errors.As(err, &noValue):
		return usagef("%s: a value must follow; %s", dashed(noValue.GetSpecifiedName()), see)
	}
	return usagef("%w; %s", err, see)
}

// oneDash refuses a long flag with one dash, or its first word. It would be taken for a group of short ones: -once for
// -o nce, -stream for -s tream.
func oneDash(cmd *cobra.Command, args []string) error {
	for _, arg := range args {
		if arg == "--" {
			return nil
		}
		name, isFlag := strings.CutPrefix(arg, "-")
		name, _, _ = strings.Cut(name, "=")
		if !isFlag || len(name) < 2 {
			continue
		}
		if cmd.Flags().Lookup(name) != nil {
			return usagef("-%s: write --%s; see %s --help", name, name, cmd.CommandPath())
		}
		longer := slices.DeleteFunc(flagNames(cmd.Flags()), func(f string) bool { return !strings.HasPrefix(f, name+"-") })
		if len(longer) > 0 {
			return usagef("-%s: %ssee %s --help", name, didYouMean("--", name, longer), cmd.CommandPath())
		}
	}
	return nil
}

// flagNames are the long names.
func flagNames(flags *pflag.FlagSet) (names []string) {
	flags.VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	return names
}

// dashed is a flag as a user writes it.
func dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}

// didYouMean asks for those of the words that have the word as a part, as --stream-name has stream, or else for the one
// that is near. If there are many, those that begin with it will do. prefix stands in front of them. It is empty if
// there is none, or if there are still many.
func didYouMean(prefix, word string, words []string) string {
	const distance, many = 2, 4
	var meant []string
	for _, w := range words {
		parts := strings.FieldsFunc(w, func(r rune) bool { return r == '-' || r == '_' })
		if slices.Contains(parts, word) {
			meant = append(meant, prefix+w)
		}
	}
	if len(meant) >= many {
		meant = slices.DeleteFunc(meant, func(w string) bool { return !strings.HasPrefix(w, prefix+word) })
	}
	if near := suggest.Nearest(word, words, distance); len(meant) == 0 && near != "" {
		meant = append(meant, prefix+near)
	}
	if len(meant) == 0 || len(meant) >= many {
		return ""
	}
	return "did you mean " + strings.Join(meant, " or ") + "? "
}
