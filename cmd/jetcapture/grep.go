package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"

	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/internal/urls"
	"github.com/spf13/cobra"
)

const grepHelp = `jetcapture grep prints the messages of an archive in which a pattern occurs.

Usage:
  jetcapture grep PATTERN ARCHIVE [OPTIONS]

Examples:
  Who mentions this order?
    jetcapture grep A-4711 /var/archive

  How many payments have failed?
    jetcapture grep '"status":"failed"' /var/archive --subject 'payments.>' --count

  A message with the two before and behind it:
    jetcapture grep A-4711 /var/archive --context 2

PATTERN is a regular expression of Go (RE2). It is looked for in subjects, headers and payloads.
ARCHIVE is what --output of jetcapture run names.
`

const grepConclusion = `
A line is stream sequence, time, subject, payload. In lines of context, a dash follows the first.
It reads the files that jetcapture cat reads.

Exit codes: 0 done, also if nothing was found, 1 failed, 2 wrong usage.
`

// grepSettings are what the options of the command grep say.
type grepSettings struct {
	choice     messageChoice
	ignoreCase bool
	count      bool
	context    int
	pattern    *regexp.Regexp
}

func (s *grepSettings) options() optionSet {
	return optionSet{
		{"How", []option{
			{name: "ignore-case", alias: "i", help: "take upper and lower case for the same", value: boolean(&s.ignoreCase)},
			{name: "count", help: "print the number of messages only", value: boolean(&s.count)},
			{
				name: "context", alias: "C", arg: "N", value: count(&s.context),
				help: "with this many messages before and behind, of those that the other options choose",
			},
		}},
		s.choice.group(),
	}
}

// grepCommand makes the command.
func grepCommand(c console) *cobra.Command {
	s := &grepSettings{}
	options := s.options()
	cmd := readingCommand("grep", "find messages of an archive", helpText(grepHelp, options, grepConclusion))
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) != 2 {
			return usagef("a pattern and an archive are required; see %s --help", cmd.CommandPath())
		}
		if areSwapped(args[0], args[1]) {
			return usagef("there is no folder %s: the pattern comes first, and then the archive; see %s --help",
				urls.Show(args[1]), cmd.CommandPath())
		}
		return nil
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		given := newChoices(options)
		problems := given.take(options.all(), cmd.Flags(), c.getenv)
		if err := s.compile(args[0]); err != nil {
			problems = append(problems, err)
		}
		if len(problems) > 0 {
			return &usageError{problems}
		}
		s.choice.read.Partial = true
		return s.choice.readArchive(cmd.Context(), args[1], func(ctx context.Context, from *archive.Capture) error {
			return s.grep(ctx, from, c)
		})
	}
	addFlags(cmd, options.all(), c)
	return cmd
}

// areSwapped reports whether an archive was given where the pattern is expected, and there is none in its own place.
func areSwapped(pattern, where string) bool {
	is := func(place string) bool {
		info, err := os.Stat(place)
		return isStore(place) || err == nil && info.IsDir()
	}
	return is(pattern) && !is(where)
}

func (s *grepSettings) compile(pattern string) (err error) {
	if s.ignoreCase {
		pattern = "(?i)" + pattern
	}
	if s.pattern, err = regexp.Compile(pattern); err != nil {
		return fmt.Errorf("PATTERN: %w", err)
	}
	return nil
}

// grep prints what matches.
func (s *grepSettings) grep(ctx context.Context, from *archive.Capture, c console) error {
	return onPage(c.stdout, func(out *bufio.Writer) error {
		g := &grepper{grepSettings: s, out: out}
		var missing missingCount
		choice := s.choice
		limit := choice.limit
		choice.limit = 0 // it counts what matches
		err := choice.each(ctx, from, func(i *archive.Item) error {
			if !i.IsMessage() {
				missing.add(i)
				return nil
			}
			if limit > 0 && g.found == limit && g.after == 0 {
				return errStop
			}
			return g.message(i, limit == 0 || g.found < limit)
		})
		if err == nil && s.count {
			_, err = fmt.Fprintln(out, g.found)
		}
		missing.say(c.stderr)
		return err
	})
}

// grepper prints the messages that match, with their neighbours.
type grepper struct {
	*grepSettings
	out     io.Writer
	found   int
	after   int             // messages still to be printed behind the last that matched
	before  []*archive.Item // that were not printed
	printed uint64          // number of the last message that was printed, counted from 1
	seen    uint64          // messages
}

// message prints a message if it matches, or as the context of another one. With may false it does not match.
func (g *grepper) message(i *archive.Item, may bool) error {
	g.seen++
	if may && g.matches(i) {
		g.found++
		if g.count {
			return nil
		}
		g.after = g.context
		return g.match(i)
	}
	switch {
	case g.count || g.context == 0:
		return nil
	case g.after > 0:
		g.after--
		return g.line(i, '-')
	}
	if len(g.before) == g.context {
		g.before = slices.Delete(g.before, 0, 1)
	}
	g.before = append(g.before, i.Clone())
	return nil
}

// match prints a message that matches, and before it its context.
func (g *grepper) match(i *archive.Item) error {
	before := g.before
	g.before = nil
	if g.context > 0 && g.printed > 0 && g.printed+uint64(len(before))+1 < g.seen {
		if _, err := io.WriteString(g.out, "--\n"); err != nil {
			return err
		}
	}
	for _, b := range before {
		if err := g.line(b, '-'); err != nil {
			return err
		}
	}
	return g.line(i, ':')
}

// line prints a message on a line.
func (g *grepper) line(i *archive.Item, mark byte) error {
	g.printed = g.seen
	_, err := fmt.Fprintf(g.out, "%d%c %s %s %s\n", i.Seq, mark, itemTime(i), itemSubject(i), printable(string(i.Data)))
	return err
}

// matches reports whether the pattern occurs in a message.
func (g *grepper) matches(i *archive.Item) bool {
	if g.pattern.Match(i.Data) || g.pattern.MatchString(i.Subject) || g.pattern.Match(i.HeaderRaw) {
		return true
	}
	for _, name := range slices.Sorted(maps.Keys(i.Header)) {
		for _, v := range i.Header[name] {
			if g.pattern.MatchString(name + ": " + v) {
				return true
			}
		}
	}
	return false
}
