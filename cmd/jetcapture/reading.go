package main

import (
	"context"
	"fmt"

	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/bucket/cloud"
	"github.com/jetcapture/jetcapture/internal/urls"
	"github.com/spf13/cobra"
)

// readingCommand returns a command that reads one archive, which is its argument.
func readingCommand(name, short, help string) *cobra.Command {
	return &cobra.Command{
		Use:   name,
		Short: short,
		Long:  help,
		Args:  oneArchive,
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return nil, cobra.ShellCompDirectiveFilterDirs
		},
	}
}

// checked returns the RunE of a command: it takes the options, refuses what check finds wrong with them, and runs.
func (c console) checked(
	options optionSet, check func(given *choices) []error, run func(ctx context.Context, args []string) error,
) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		given := newChoices(options)
		problems := given.take(options.all(), cmd.Flags(), c.getenv)
		if problems = append(problems, check(&given)...); len(problems) > 0 {
			return &usageError{problems}
		}
		return run(cmd.Context(), args)
	}
}

// oneArchive wants exactly one argument, before, between or behind the options.
func oneArchive(cmd *cobra.Command, args []string) error {
	switch len(args) {
	case 1:
		return nil
	case 0:
		return usagef("an archive is required: a folder, or its URL; see %s --help", cmd.CommandPath())
	}
	return usagef("%q: one archive only is expected; see %s --help", urls.Show(args[1]), cmd.CommandPath())
}

// openArchive opens an archive for reading. The caller closes the bucket.
func openArchive(ctx context.Context, where string) (*archive.Archive, cloud.Bucket, error) {
	place, err := parsePlace(where)
	if err != nil {
		return nil, nil, &usageError{[]error{err}}
	}
	b, err := openReadOnly(ctx, place)
	if err != nil {
		return nil, nil, err
	}
	return archive.Open(b), b, nil
}

// errNoCapture is the error of a place that is no archive.
func errNoCapture(a *archive.Archive) error {
	return fmt.Errorf("%s holds no capture: is it the place that --output of jetcapture run names?", a)
}

// holdsCapture fails if there is no capture; otherwise verify would report every file as unplanned.
func holdsCapture(ctx context.Context, a *archive.Archive) error {
	for _, err := range a.Captures(ctx) {
		return err
	}
	return errNoCapture(a)
}
