package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/bucket/cloud"
	"github.com/urfave/cli/v2"
)

// readingCommand is a command that reads an archive: ls and verify. Unlike package cli, it takes its argument before, between and after
// its options.
type readingCommand struct {
	name, usage string
	help        string // introduction of the help
	conclusion  string // of the help
	groups      []group
	// run gets the one argument and the options, which are set.
	run func(ctx *cli.Context, where string) error
}

// command makes the command.
func (r readingCommand) command(c console) *cli.Command {
	var flags []cli.Flag
	for _, g := range r.groups {
		flags = append(flags, flagsOf(g.options)...)
	}
	return &cli.Command{
		Name:               r.name,
		Usage:              r.usage,
		CustomHelpTemplate: r.helpText(),
		Flags:              flags,
		SkipFlagParsing:    true,
		HideHelp:           true,
		Action: func(ctx *cli.Context) error {
			parsed, args, err := parseMixed(ctx, flags)
			if errors.Is(err, flag.ErrHelp) {
				say(c.stdout, "%s", r.helpText())
				return nil
			}
			if err != nil {
				return badFlag(ctx, err)
			}
			where, err := oneArchive(ctx, args)
			if err != nil {
				return err
			}
			return r.run(parsed, where)
		},
	}
}

// helpText is the help of the command.
func (r readingCommand) helpText() string {
	var b strings.Builder
	b.WriteString(r.help)
	for _, g := range r.groups {
		fmt.Fprintf(&b, "\n%s:\n", g.title)
		for _, o := range g.options {
			b.WriteString(optionHelp(o))
		}
	}
	b.WriteString(r.conclusion)
	return b.String()
}

// parseMixed parses options and arguments in any order.
func parseMixed(ctx *cli.Context, flags []cli.Flag) (parsed *cli.Context, args []string, err error) {
	set := flag.NewFlagSet(ctx.Command.Name, flag.ContinueOnError)
	set.SetOutput(io.Discard)
	for _, f := range flags {
		if err := f.Apply(set); err != nil {
			return nil, nil, err
		}
	}
	rest := ctx.Args().Slice()
	for {
		before := len(rest)
		if err := set.Parse(rest); err != nil {
			return nil, nil, err
		}
		if set.NArg() == 0 {
			break
		}
		if end := before - set.NArg(); end > 0 && rest[end-1] == "--" { // the rest are no options, whatever they look like
			args = append(args, set.Args()...)
			break
		}
		args = append(args, set.Arg(0))
		rest = set.Args()[1:]
	}
	parsed = cli.NewContext(ctx.App, set, ctx)
	parsed.Command = ctx.Command
	return parsed, args, nil
}

func oneArchive(ctx *cli.Context, args []string) (string, error) {
	switch len(args) {
	case 1:
		return args[0], nil
	case 0:
		return "", &usageError{[]error{fmt.Errorf("an archive is required: a folder, or its URL; see %s --help", ctx.Command.HelpName)}}
	}
	return "", &usageError{[]error{fmt.Errorf("%q: one archive only is expected; see %s --help", args[1], ctx.Command.HelpName)}}
}

// readOptions sets options of ctx, given by flag or environment.
func (s *settings) readOptions(options []option, ctx *cli.Context, getenv func(string) string) (problems []error) {
	for _, o := range options {
		problems = append(problems, s.take(o, ctx, getenv)...)
	}
	return problems
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

// holdsCapture returns an error of a place without any, where every file would look like one that no capture has planned.
func holdsCapture(ctx context.Context, a *archive.Archive) error {
	for _, err := range a.Captures(ctx) {
		return err
	}
	return errNoCapture(a)
}

// moment is a time as a user writes it.
func moment(to *time.Time) value {
	return parsed[time.Time]{to, parseMoment, func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.Format(time.RFC3339)
	}}
}

func parseMoment(s string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time, write it as in 2026-11-23 or 2026-11-23T15:00:00Z", s)
}

// sequence is a stream sequence.
func sequence(to *uint64) value {
	return parsed[uint64]{to, func(s string) (uint64, error) {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil || n == 0 {
			return 0, fmt.Errorf("%q is no stream sequence: they are whole numbers from 1 on", s)
		}
		return n, nil
	}, func(n uint64) string { return strconv.FormatUint(n, 10) }}
}

// ticker shows on a screen, if it is a terminal, how far a long command has come. It is used by one goroutine at a time.
type ticker struct {
	*screen
	last time.Time
	now  func() time.Time
}

func newTicker(s *screen) *ticker { return &ticker{screen: s, last: time.Now(), now: time.Now} }

// tick shows a line, if the last one is old enough.
func (t *ticker) tick(line func() string) {
	if !t.terminal {
		return
	}
	if now := t.now(); now.Sub(t.last) >= progressEvery {
		t.last = now
		t.show(line())
	}
}
