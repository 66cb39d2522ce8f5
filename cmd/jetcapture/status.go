package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/internal/natsconn"
	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/jetcapture/jetcapture/internal/status"
	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const statusHelp = `jetcapture status says how the captures of archives are, without a process of theirs: where their
logs end, and, if the streams are asked, how old the oldest message is that is not stored, and when
its stream will drop it. It is made for cron and for monitoring.

Usage:
  jetcapture status ARCHIVE... [OPTIONS]

Examples:
  How fresh is the archive, and how much time is left?
    jetcapture status /var/archive --ask-stream --nats-server nats://127.0.0.1:4222

  Was anything stored within the last hour? No server is asked:
    jetcapture status /var/archive --stale 1h

ARCHIVE is what --output of jetcapture run names. Nothing is changed, neither in the archive nor in
the stream. A capture that runs with --http says more, at /status.
`

const statusConclusion = `
From the archive alone nobody can tell a stream that is silent from a capture that does not run. A
window that is over is stored within its grace; so without --ask-stream, give --stale the longest
time that your stream is silent and two windows more.

Flags override the environment. Exit codes: 0 all captures are healthy, 1 one is not, or an archive
cannot be read, 2 wrong usage.
`

// statusSettings are what the options of the command status say.
type statusSettings struct {
	capture string
	ask     bool
	stale   time.Duration
	json    bool
	nats    connection // with ask
}

func (s *statusSettings) options() optionSet {
	return optionSet{
		{"What to look at", []option{
			{name: "ask-stream", help: "ask the streams what is not stored yet", value: boolean(&s.ask)},
			{
				name: "stale", arg: "DURATION", value: duration(&s.stale),
				help: "a capture whose newest cut is older is not healthy; 0 allows any age",
			},
			{
				name: "capture", arg: "NAME", help: "this capture only",
				value: text(&s.capture), complete: completeCaptures,
			},
			{name: "json", help: "print JSON, as /status of a running capture does", value: boolean(&s.json)},
		}},
		{"Connection, with --ask-stream", s.nats.options()},
	}
}

// statusCommand makes the command. Its settings belong to it alone: a command line is parsed once.
func statusCommand(c console) *cobra.Command {
	s := &statusSettings{}
	options := s.options()
	cmd := readingCommand("status", "say how captures are, from their archives",
		helpText(statusHelp, options, statusConclusion))
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return oneArchive(cmd, args)
		}
		return nil
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if problems := s.read(options, cmd.Flags(), c.getenv); len(problems) > 0 {
			return &usageError{problems}
		}
		return s.print(cmd.Context(), args, c)
	}
	addFlags(cmd, options.all(), c)
	return cmd
}

// read reads the options. Those of the connection are refused if there will be none.
func (s *statusSettings) read(options optionSet, flags *pflag.FlagSet, getenv func(string) string) []error {
	given := newChoices(options)
	problems := given.take(options[0].options, flags, getenv)
	if s.ask {
		problems = append(problems, given.take(s.nats.options(), flags, getenv)...)
		return append(problems, s.nats.check(&given)...)
	}
	for _, o := range s.nats.options() {
		if flag := flags.Lookup(o.name); flag != nil && flag.Changed {
			problems = append(problems, fmt.Errorf("--%s: is for --ask-stream only", o.name))
		}
	}
	return problems
}

// print prints the status of all archives. Its error says that a capture is not healthy.
func (s *statusSettings) print(ctx context.Context, places []string, c console) error {
	var asker *asker
	if s.ask {
		log := slog.New(slog.NewTextHandler(c.stderr, &slog.HandlerOptions{Level: slog.LevelError}))
		nc, prefix, err := natsconn.Connect(s.nats.named("jetcapture status"), log)
		if err != nil {
			return err
		}
		defer nc.Close()
		asker = newAsker(nc, prefix)
	}
	now := time.Now()
	p := status.Process{Version: version, Started: now.UTC(), Now: now.UTC(), Captures: []status.Capture{}}
	for _, place := range places {
		stored, err := s.look(ctx, place, asker)
		if err != nil {
			return err
		}
		for i := range stored {
			p.Captures = append(p.Captures, stored[i].Of(now))
		}
	}
	if len(p.Captures) == 0 {
		return fmt.Errorf("there is no capture %q", s.capture)
	}
	if s.json {
		if err := json.NewEncoder(c.stdout).Encode(p); err != nil {
			return fmt.Errorf("print the status: %w", err)
		}
	} else {
		printStatus(c.stdout, now, p.Captures)
	}
	return unhealthy(p.Captures)
}

// look reads the heads of the logs in an archive, and asks their streams if there is an asker.
func (s *statusSettings) look(ctx context.Context, place string, asker *asker) (all []status.Stored, err error) {
	a, dir, err := openArchive(ctx, place)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	found := false
	for capture, err := range a.Captures(ctx) {
		if err != nil {
			return nil, err
		}
		found = true
		if s.capture != "" && s.capture != capture.Name() {
			continue
		}
		one := status.Stored{Capture: capture.Name(), Output: a.String(), Stale: s.stale}
		one.Head, one.Err = capture.Head(ctx)
		if asker != nil && one.Head.Plan != nil {
			one.Source = asker.ask(ctx, capture, &one)
		}
		all = append(all, one)
	}
	if !found {
		return nil, errNoCapture(a)
	}
	return all, nil
}

// asker asks streams.
type asker struct {
	nc     *nats.Conn
	prefix string
}

func newAsker(nc *nats.Conn, prefix string) *asker { return &asker{nc, prefix} }

// ask asks a stream how it is, and for the first message that is not stored.
func (q *asker) ask(ctx context.Context, c *archive.Capture, st *status.Stored) *status.Asked {
	a := &status.Asked{Server: q.nc.ConnectedServerName() + " " + q.nc.ConnectedServerVersion()}
	format, err := c.Format(ctx)
	if err != nil {
		a.Err = err
		return a
	}
	src := reader.NewSource(q.nc, q.prefix, format.Stream)
	info, err := src.Info(ctx)
	if err != nil {
		a.Err = err
		return a
	}
	a.Created, a.Stream = info.Created, describeStream(info, time.Now())
	a.Oldest, a.OldestSeq, a.Err = firstAfter(ctx, src, st.Head.Plan.To, format.Filter)
	return a
}

// describeStream returns what the server says about a stream. The rate is that over the time that it keeps messages.
func describeStream(i reader.StreamInfo, now time.Time) jetcapture.StreamStats {
	s := jetcapture.StreamStats{
		SeenAt: now, FirstSeq: i.FirstSeq, FirstTime: i.FirstTime, LastSeq: i.LastSeq, Messages: i.Messages, Bytes: i.Bytes,
		Retention: strings.ToLower(i.Retention.String()), MaxAge: i.MaxAge, MaxMessages: i.MaxMessages,
		MaxBytes: i.MaxBytes, MaxPerSubject: i.MaxPerSubject, RefusesNew: i.RefusesNew, ClockOffset: i.ClockOffset,
	}
	if kept := now.Add(-i.ClockOffset).Sub(i.FirstTime).Seconds(); i.Messages > 0 && kept > 1 {
		s.Rate = float64(i.Messages) / kept
	}
	return s
}

// firstAfter returns the first message of the stream after a sequence that a filter matches; zero if there is none.
func firstAfter(
	ctx context.Context, src *reader.Source, seq uint64, filter []string,
) (at time.Time, first uint64, err error) {
	if len(filter) == 0 {
		filter = []string{">"}
	}
	for _, subject := range filter {
		m, err := src.NextFor(ctx, seq+1, subject)
		switch {
		case errors.Is(err, reader.ErrMessageNotFound):
		case err != nil:
			return at, 0, err
		case first == 0 || m.Seq < first:
			at, first = m.Time, m.Seq
		}
	}
	return at, first, nil
}

// unhealthy returns an error if a capture is not healthy.
func unhealthy(all []status.Capture) error {
	bad := 0
	for _, c := range all {
		if c.Health.Code != status.OK {
			bad++
		}
	}
	if bad == 0 {
		return nil
	}
	return fmt.Errorf("%d of %s is not healthy", bad, counted(int64(len(all)), "capture"))
}

// printStatus prints the captures for people.
func printStatus(w io.Writer, now time.Time, all []status.Capture) {
	for _, c := range all {
		say(w, "%s: %s\n", printable(c.Capture), c.Health.Text)
		if c.Archive.CutTime != nil {
			say(w, "  archive   cut %s, made %s ago; all up to sequence %s of stream %s is accounted for\n",
				thousands(int64(c.Archive.Cut)), status.Short(now.Sub(*c.Archive.CutTime)), thousands(int64(c.Archive.StoredSeq)),
				printable(c.Stream))
		}
		if c.Source.Connected {
			say(w, "  stream    sequences %s to %s\n",
				thousands(int64(c.Source.FirstSeq)), thousands(int64(c.Source.LastSeq)))
			printOwed(w, c)
		}
		for _, p := range c.Problems {
			say(w, "  problem   %s\n", printable(p))
		}
		for _, n := range c.Notes {
			say(w, "  note      %s\n", printable(n))
		}
	}
}

// printOwed prints what is not stored yet.
func printOwed(w io.Writer, c status.Capture) {
	if c.Source.Lag == 0 {
		say(w, "  freshness everything is stored\n")
		return
	}
	say(w, "  freshness at most %s not stored, the oldest is %s old\n", counted(int64(c.Source.Lag), "message"),
		status.Short(time.Duration(*c.Archive.Freshness*float64(time.Second))))
	if h := c.Headroom.Unstored; h != nil {
		say(w, "  headroom  %s until the stream drops it (%s)\n",
			status.Short(time.Duration(*h*float64(time.Second))), c.Headroom.Limit)
	}
}
