package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/jetcapture/jetcapture/internal/fleet"
	"github.com/spf13/cobra"
)

const fleetApplyHelp = `jetcapture fleet apply makes the captures of a configuration file tasks of a fleet. Those that
the fleet has already are changed: their workers make a last cut, and go on with the new options.
Those that are as in the file go on undisturbed.

Usage:
  jetcapture fleet apply -f FILE [OPTIONS]

Example:
  jetcapture fleet apply -f captures.yaml --dry-run
  jetcapture fleet apply -f captures.yaml

FILE is what jetcapture run --config takes, with captures; - is the standard input. What is beside
captures is for all of them. ${NAME} is a variable of the workers' environment, and files are files
of the workers' machines. Secrets must be written so, since the stream of the fleet would show them.

A pattern of streams, such as {stream_name: 'ORDERS-*'}, is a task, too: the worker that has it
looks for streams every 30 s, makes a task for each, and removes that of a stream that is gone.
`

// applySettings are what the options of the command fleet apply say.
type applySettings struct {
	fleetSettings
	file   string
	prune  bool
	dryRun bool
	check  bool
}

func fleetApplyCommand(c console) *cobra.Command {
	s := &applySettings{check: true}
	options := s.options("What to apply",
		option{name: "file", alias: "f", arg: "FILE", help: "the configuration file; required", value: text(&s.file)},
		option{name: "prune", help: "remove the captures that are not in the file", value: boolean(&s.prune)},
		option{name: "dry-run", help: "say what would be done, and do nothing", value: boolean(&s.dryRun)},
		option{
			name: "check", value: boolean(&s.check),
			help: "check the options here first; false if only the workers have the files that they name",
		})
	return newFleetCommand(c, "apply", "add and change captures of a fleet", fleetApplyHelp, &s.fleetSettings, options,
		func(ctx context.Context, f *fleet.Fleet, _ []string) error {
			tasks, captures, err := s.read(c)
			if err != nil {
				return err
			}
			warnOfLanes(ctx, f, captures, c)
			return s.apply(ctx, f, tasks, c)
		})
}

// read reads the file and checks it. captures are what could be read of the tasks here.
func (s *applySettings) read(c console) (tasks []fleet.Task, captures []*settings, err error) {
	var b []byte
	switch s.file {
	case "":
		return nil, nil, usagef("--file: is required")
	case "-":
		b, err = io.ReadAll(os.Stdin)
	default:
		b, err = os.ReadFile(s.file)
	}
	if err != nil {
		return nil, nil, usagef("--file: %w", err)
	}
	tasks, leftOut, problems := splitTasks(s.file, b)
	sayLeftOut(leftOut, c)
	for _, t := range tasks {
		if !s.check || len(problems) > 0 {
			break
		}
		capture, missing, err := checkTask(t, &s.nats, c.getenv)
		var usage *usageError
		if errors.As(err, &usage) {
			problems = append(problems, usage.problems...)
		}
		if capture != nil {
			captures = append(captures, capture)
		}
		if len(missing) > 0 {
			say(c.stderr, "jetcapture: %s: not checked, the environment here has no %s\n", printable(t.Name),
				strings.Join(missing, ", "))
		}
	}
	if problems = append(problems, checkPositions(captures)...); len(problems) > 0 {
		return nil, nil, &usageError{dedupe(problems)}
	}
	return tasks, captures, nil
}

// sayLeftOut says which options of the file are part of no task, and where they belong.
func sayLeftOut(keys []string, c console) {
	slices.Sort(keys)
	ofWorkers := newWorkerSettings().options
	var workers, none []string
	for _, key := range slices.Compact(keys) {
		if _, _, found := ofWorkers.ofKey(key); found {
			workers = append(workers, key)
		} else {
			none = append(none, key)
		}
	}
	if len(workers) > 0 {
		say(c.stderr, "jetcapture: %s: left out, the workers have that as options\n", strings.Join(workers, ", "))
	}
	if len(none) > 0 {
		say(c.stderr, "jetcapture: %s: left out, for a single process alone; in a fleet a capture that fails, or whose "+
			"worker dies, goes on at any worker\n", strings.Join(none, ", "))
	}
}

// apply makes the fleet what the file says.
func (s *applySettings) apply(ctx context.Context, f *fleet.Fleet, tasks []fleet.Task, c console) error {
	if _, err := f.Open(ctx); err != nil {
		return err
	}
	have, err := f.Tasks(ctx)
	if err != nil {
		return err
	}
	others := slices.DeleteFunc(slices.Clone(have), func(t fleet.Task) bool {
		return slices.ContainsFunc(tasks, func(other fleet.Task) bool {
			return other.Name == t.Name || other.Name == t.Parent // those of its streams stay with a pattern
		})
	})
	if s.prune {
		if err := s.removeAll(ctx, f, others, c); err != nil {
			return err
		}
	}
	for _, t := range tasks {
		change := changeOf(have, t)
		if !s.dryRun {
			if change, err = f.Apply(ctx, t); err != nil {
				return err
			}
		}
		say(c.stdout, "%s: %s\n", printable(t.Name), change)
	}
	if !s.prune {
		sayLeft(f, others, c)
	}
	if s.dryRun {
		_, err = fmt.Fprintln(c.stdout, "nothing was done (--dry-run)")
	}
	return err
}

// removeAll removes tasks, before others are added: a pattern that comes must not take those for captures that stay.
// Patterns go first, or they would make the tasks of their streams again.
func (s *applySettings) removeAll(ctx context.Context, f *fleet.Fleet, tasks []fleet.Task, c console) error {
	streams := slices.DeleteFunc(slices.Clone(tasks), func(t fleet.Task) bool { return isPatternUnit(t.Name) })
	patterns := slices.DeleteFunc(tasks, func(t fleet.Task) bool { return !isPatternUnit(t.Name) })
	for _, t := range slices.Concat(patterns, streams) {
		if !s.dryRun {
			if err := f.RemoveSeen(ctx, t); err != nil {
				return err
			}
		}
		say(c.stdout, "%s: removed\n", printable(t.Name))
	}
	return nil
}

// sayLeft says what of the fleet is not in the file.
func sayLeft(f *fleet.Fleet, tasks []fleet.Task, c console) {
	for _, t := range tasks {
		switch {
		case t.Parent != "": // it is no more in the file than its pattern
		case t.Foreign:
			say(c.stdout, "%s: a message that is no capture; %s %[1]s removes it\n", printable(t.Name), f.Command("rm"))
		default:
			say(c.stdout, "%s: not in the file, left\n", printable(t.Name))
		}
	}
}

// changeOf is what applying a task would do.
func changeOf(have []fleet.Task, t fleet.Task) fleet.Change {
	i := slices.IndexFunc(have, func(other fleet.Task) bool { return other.Name == t.Name })
	switch {
	case i < 0:
		return fleet.Added
	case have[i].Says(t):
		return fleet.Unchanged
	}
	return fleet.Changed
}
