package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/jetcapture/jetcapture/internal/natsconn"
	"github.com/jetcapture/jetcapture/internal/service"
	"github.com/jetcapture/jetcapture/internal/terminal"
	"github.com/jetcapture/jetcapture/internal/top"
	"github.com/jetcapture/jetcapture/internal/urls"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"
)

const topHelp = `jetcapture top shows running captures on the terminal: how far they are, how fresh the archive is,
when the stream will drop what is not stored, and what is wrong, in words. It draws them again and
again.

Usage:
  jetcapture top [URL...] [OPTIONS]

Examples:
  The captures of one process, which runs with --http :9464:
    jetcapture top http://127.0.0.1:9464

  All captures of a NATS account that run with --micro:
    jetcapture top --nats-context production

  Once, for a script:
    jetcapture top :9464 --once --json | jq '.captures[] | {capture, health: .health.text}'

URL is what --http of jetcapture run serves; a host and a port are enough. Without a URL, top asks
the micro services jetcapture of a NATS account, so the user may need to publish to
$SRV.STATS.jetcapture. If several captures are shown, the most urgent one comes first; the keys up
and down choose the one whose details are shown. q ends it.

The bar has all sequences of the stream, from the first to the last: what the stream has dropped,
what is stored and still in the stream, what is in hand, and what is unread.
`

const topConclusion = `
Colors are left out if NO_COLOR is set. Flags override the environment. Nothing is changed.

Exit codes: 0 done, also if a capture is not healthy, which jetcapture status is for; 1 nobody
answers, 2 wrong usage.
`

// topSettings are what the options of the command top say.
type topSettings struct {
	once     bool
	json     bool
	interval time.Duration
	nats     connection // without a URL
}

func newTopSettings() *topSettings { return &topSettings{interval: time.Second} }

func (s *topSettings) options() optionSet {
	return optionSet{
		{"What to show", []option{
			{
				name: "once", value: boolean(&s.once),
				help: "print what is so now, and end, as without a terminal; rates are not known then",
			},
			{name: "json", help: "print a JSON object a line instead of drawing", value: boolean(&s.json)},
			{name: "interval", arg: "DURATION", help: "how often to look", value: positiveDuration(&s.interval)},
		}},
		{"Connection, without a URL", s.nats.options()},
	}
}

// topCommand makes the command. Its settings belong to it alone: a command line is parsed once.
func topCommand(c console) *cobra.Command {
	s := newTopSettings()
	options := s.options()
	cmd := &cobra.Command{
		Use:               "top",
		Short:             "show running captures on the terminal",
		Long:              helpText(topHelp, options, topConclusion),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			processes, problems := s.read(args, options, cmd.Flags(), c.getenv)
			if len(problems) > 0 {
				return &usageError{problems}
			}
			return s.show(cmd.Context(), processes, c)
		},
	}
	addFlags(cmd, options.all(), c)
	return cmd
}

// read reads options and URLs. The options of the connection are refused if there will be none.
func (s *topSettings) read(
	args []string, options optionSet, flags *pflag.FlagSet, getenv func(string) string,
) (processes []*top.AtURL, problems []error) {
	given := newChoices(options)
	problems = given.take(options[0].options, flags, getenv)
	for _, arg := range args {
		p, err := top.NewAtURL(arg)
		if err != nil {
			problems = append(problems, err)
		}
		processes = append(processes, p)
	}
	if len(args) == 0 {
		problems = append(problems, given.take(s.nats.options(), flags, getenv)...)
		return nil, append(problems, s.nats.check(&given)...)
	}
	for _, o := range s.nats.options() {
		if flag := flags.Lookup(o.name); flag != nil && flag.Changed {
			problems = append(problems, fmt.Errorf("--%s: is not for a URL", o.name))
		}
	}
	return processes, problems
}

// show shows the captures of some processes, those of a NATS account if there are none.
func (s *topSettings) show(ctx context.Context, processes []*top.AtURL, c console) error {
	var sources []top.Source
	var names []string
	for _, p := range processes {
		sources, names = append(sources, p), append(names, p.String())
	}
	if len(sources) == 0 {
		nc, _, err := natsconn.Connect(s.nats.named("jetcapture top"), slog.New(slog.DiscardHandler))
		if err != nil {
			return err
		}
		defer nc.Close()
		sources = []top.Source{&top.Account{Conn: nc, Service: service.Name}}
		names = []string{"the account at " + urls.Show(nc.ConnectedUrl())}
	}
	first := top.Look(ctx, sources)
	if ctx.Err() != nil {
		return nil
	}
	if len(first.Captures) == 0 && len(first.Fleets) == 0 && len(first.Errors) > 0 {
		return errors.New(strings.Join(first.Errors, "\n"))
	}
	out, isTerminal := terminalOf(c.stdout)
	isTerminal = isTerminal && term.IsTerminal(int(out.Fd()))
	w := &watcher{sources: sources, every: s.interval}
	w.view.Title, w.view.Style = strings.Join(names, ", "), styleOf(out, isTerminal, c)
	switch {
	case s.json:
		return w.printJSON(ctx, first, s.once, c.stdout)
	case s.once || !isTerminal:
		w.take(first)
		say(c.stdout, "%s\n", strings.Join(w.view.Lines(), "\n"))
		return nil
	}
	return w.watch(ctx, first, os.Stdin, out)
}

// styleOf is what the standard output can show.
func styleOf(out *os.File, isTerminal bool, c console) top.Style {
	s := top.Style{Width: 80, Unicode: true}
	if isTerminal {
		s.Width, _ = terminal.Size(out)
		s.Color = c.getenv("NO_COLOR") == "" && c.getenv("TERM") != "dumb"
	}
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} { // the first one that is set counts
		if locale := strings.ToLower(c.getenv(name)); locale != "" {
			s.Unicode = strings.Contains(locale, "utf-8") || strings.Contains(locale, "utf8")
			break
		}
	}
	return s
}

// watcher looks again and again. One goroutine uses it.
type watcher struct {
	sources []top.Source
	every   time.Duration
	roster  top.Roster
	view    top.View
}

// printJSON prints each look, until ctx ends or nobody reads it.
func (w *watcher) printJSON(ctx context.Context, found top.Found, once bool, out io.Writer) error {
	encoder := json.NewEncoder(printableJSON{out})
	for ctx.Err() == nil { // else it did not look at all
		if err := encoder.Encode(found); err != nil {
			return fmt.Errorf("print the status: %w", err)
		}
		if once || !pauseFor(ctx, w.every) {
			break
		}
		found = top.Look(ctx, w.sources)
	}
	return nil
}

// pauseFor waits, and reports whether ctx has not ended meanwhile.
func pauseFor(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}
