package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/internal/stopsignal"
)

// The exit codes. exitTable says what they mean.
const (
	exitDone       = 0
	exitFailed     = 1
	exitUsage      = 2
	exitIncomplete = 3
	exitFlawed     = 4
	exitKilled     = stopsignal.ExitCode // given up at a second signal
)

// exitTable is the part of the help that lists the exit codes of all commands. docs/COMMAND.md says more.
const exitTable = `
Exit codes:
  0    done, or stopped by a signal with all stored that was read
  1    failed: an error says what to do; of verify, also: there are problems
  2    wrong usage: an option, the environment or the configuration file; nothing was begun
  3    run --once was stopped before it was done: the rest is still in the stream
  4    done, but with what --fail-on names: losses or dead letters
  130  given up at a second signal
`

// outcome is the error of a run that did not fail, and whose exit code is not exitDone all the same.
type outcome struct {
	code int
	text string
}

func (o *outcome) Error() string { return o.text }

// exitCode is the code of an error. Of several errors, a failure comes first, then what is incomplete.
func exitCode(err error) int {
	var usage *usageError
	if errors.As(err, &usage) {
		return exitUsage
	}
	return worst(err)
}

// worst walks down to the errors that others wrap or join. The lower the code, the worse it is, but for exitDone.
func worst(err error) int {
	switch e := err.(type) { //nolint:errorlint // it looks at each link by itself
	case nil:
		return exitDone
	case *outcome:
		return e.code
	case interface{ Unwrap() error }:
		if cause := e.Unwrap(); cause != nil { // some have none, such as errors of package jetstream
			return worst(cause)
		}
	case interface{ Unwrap() []error }:
		code := exitDone
		for _, one := range e.Unwrap() {
			if c := worst(one); code == exitDone || c != exitDone && c < code {
				code = c
			}
		}
		if code != exitDone {
			return code
		}
	}
	return exitFailed
}

// flaw is something that a run may end with although it is done.
type flaw string

// The flaws that --fail-on knows.
const (
	flawLost flaw = "lost"
	flawDead flaw = "dead"
)

// flaws are the words of --fail-on, separated by commas.
func flaws(to *[]flaw) value {
	return worded{parsed[[]flaw]{to, parseFlaws, func(all []flaw) string {
		words := make([]string, len(all))
		for i, f := range all {
			words[i] = string(f)
		}
		return strings.Join(words, ",")
	}}, []string{string(flawLost), string(flawDead)}}
}

func parseFlaws(text string) (all []flaw, err error) {
	for word := range strings.SplitSeq(text, ",") {
		switch f := flaw(strings.TrimSpace(word)); f {
		case flawLost, flawDead:
			all = append(all, f)
		default:
			return nil, fmt.Errorf("%q is neither lost nor dead", word)
		}
	}
	return all, nil
}

// flawed returns an error if a run that is done has a flaw that it may not have.
func flawed(forbidden []flaw, s jetcapture.Stats) error {
	var found []string
	for _, f := range forbidden {
		switch {
		case f == flawLost && s.Lost > 0:
			found = append(found, counted(s.Lost, "message")+" lost")
		case f == flawDead && s.Dead > 0:
			found = append(found, counted(s.Dead, "dead letter"))
		}
	}
	if len(found) == 0 {
		return nil
	}
	return &outcome{exitFlawed, fmt.Sprintf("done, with %s (--fail-on)", strings.Join(found, " and "))}
}

// incomplete returns an error if a run with --once was stopped before it had stored all that it was to store.
func incomplete(s jetcapture.Stats) error {
	switch {
	case s.State == jetcapture.StateStarting:
		return &outcome{exitIncomplete, "stopped before reading began: the stream has it all, start again"}
	case s.StoredSeq < s.Target:
		return &outcome{exitIncomplete, fmt.Sprintf(
			"stopped at stream sequence %s of %s: the rest is still in the stream, start again to go on",
			thousands(int64(s.StoredSeq)), thousands(int64(s.Target)))}
	}
	return nil
}
