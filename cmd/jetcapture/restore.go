package main

import (
	"context"
	"errors"
	"log/slog"

	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/internal/natsconn"
	"github.com/spf13/cobra"
)

const restoreHelp = `jetcapture restore makes a stream of an archive, with the sequences and times of its messages.

Usage:
  jetcapture restore ARCHIVE --stream-name NAME [OPTIONS]

Examples:
  What would come back?
    jetcapture restore /var/archive --stream-name ORDERS --dry-run

  The cluster is gone, and a new one is there:
    jetcapture restore s3://archive/orders --stream-name ORDERS --nats-server nats://new:4222

  The state of an hour ago, beside the living stream, to look at:
    jetcapture restore /var/archive --stream-name COPY --subjects copy.orders --to 2026-11-28T07:00

  Years from the archive and the present from the living stream, in one stream:
    jetcapture restore /var/archive --stream-name ORDERS-DEEP --as-mirror-of ORDERS

ARCHIVE is what --output of jetcapture run names. The server must be nats-server 2.15 or newer.
`

const restoreConclusion = `
The stream must not exist. Its configuration is the newest one that the archive has recorded; limits
that would drop messages are lifted, and named at the end with the commands that set them again.
Files must hold whole messages: raw, NDJSON of the records message and event, Parquet without
columns, Avro of the record message. Dead letters come back as the messages that they were. A
restore that fails deletes what it has made.

Exit codes: 0 restored, 1 failed, 2 wrong usage.
`

// restoreSettings are what the options of the command restore say.
type restoreSettings struct {
	choice      messageChoice
	name        string
	like        string
	configFile  string
	subjects    []string
	replicas    int
	storage     storage
	origin      string
	skipDamaged bool
	rounded     bool // times in microseconds are allowed
	dryRun      bool
	verify      bool
	json        bool
	nats        connection
}

// storage is where a stream keeps its messages.
type storage string

func (s *restoreSettings) options() optionSet {
	c := &s.choice
	return optionSet{
		{"What to restore", []option{
			{
				name: "capture", arg: "NAME", help: "of this capture; needed if the archive has several",
				value: text(&c.capture), complete: completeCaptures,
			},
			incarnationOption(&c.read.Incarnation),
			{
				name: "seq", arg: "N|FROM..TO", value: sequences(&c.seqs),
				help: "these stream sequences only; either end may be left out",
			},
			{name: "from", arg: "TIME", help: "what the stream stored at this time or later", value: moment(&c.read.From)},
			{name: "to", arg: "TIME", help: "what it stored before this time", value: moment(&c.read.To)},
			{
				name: "subject", arg: "SUBJECT", value: subjects(&c.read.Subjects),
				help: "messages of these subjects only; wildcards as in NATS; may be given again",
			},
			{
				name: "skip-damaged", value: boolean(&s.skipDamaged),
				help: "leave out the messages of damaged files, and say which; without it nothing is restored",
			},
			{
				name: "allow-rounded-times", value: boolean(&s.rounded),
				help: "restore messages, too, whose files hold their times in microseconds only: old Parquet and Avro files",
			},
		}},
		{"The stream", []option{
			{name: "stream-name", alias: "s", arg: "NAME", help: "its name; required", value: text(&s.name)},
			{name: "like", arg: "STREAM", help: "configured as this stream of the server is", value: text(&s.like)},
			{
				name: "stream-config", arg: "FILE", value: text(&s.configFile),
				help: "configured as this file says: JSON, such as nats stream info --json prints",
			},
			{
				name: "subjects", arg: "SUBJECT", value: subjects(&s.subjects),
				help: "with these subjects in place of its own; may be given again",
			},
			{name: "replicas", arg: "N", help: "with so many replicas", value: count(&s.replicas)},
			{name: "storage", arg: "KIND", help: "file or memory", value: choice(&s.storage, "file", "memory")},
			{
				name: "as-mirror-of", arg: "STREAM", value: text(&s.origin),
				help: "make it a mirror of this living stream, which goes on where the archive ends",
			},
		}},
		{"How", []option{
			{
				name: "dry-run", value: boolean(&s.dryRun),
				help: "print what would come back, and whether the server would take it; restore nothing",
			},
			{
				name: "verify", value: boolean(&s.verify),
				help: "compare all messages afterwards; without it, count, ends and 32 messages taken at random",
			},
			{name: "json", help: "print the result as JSON", value: boolean(&s.json)},
		}},
		{"Connection", s.nats.options()},
	}
}

// restoreCommand makes the command.
func restoreCommand(c console) *cobra.Command {
	s := &restoreSettings{}
	options := s.options()
	cmd := readingCommand("restore", "make a stream of an archive", helpText(restoreHelp, options, restoreConclusion))
	cmd.RunE = c.checked(options, s.check, func(ctx context.Context, args []string) error {
		s.choice.read.Present = true
		return s.choice.readArchive(ctx, args[0], func(ctx context.Context, from *archive.Capture) error {
			return s.run(ctx, from, c)
		})
	})
	addFlags(cmd, options.all(), c)
	return cmd
}

// check returns what is wrong with the options.
func (s *restoreSettings) check(given *choices) (problems []error) {
	if s.name == "" {
		problems = append(problems, errors.New("--stream-name: is required; it may be the name that the stream had"))
	}
	problems = append(problems, checkStreamName("stream-name", s.name)...)
	problems = append(problems, checkStreamName("like", s.like)...)
	problems = append(problems, checkStreamName("as-mirror-of", s.origin)...)
	if s.like != "" && s.configFile != "" {
		problems = append(problems, errors.New("--like: says how the stream is configured, and so does --stream-config"))
	}
	if s.origin != "" && len(s.subjects) > 0 {
		problems = append(problems, errors.New("--subjects: a mirror has none; leave out --as-mirror-of, or these"))
	}
	if s.origin != "" && s.origin == s.name {
		problems = append(problems, errors.New("--as-mirror-of: a stream cannot be the mirror of itself"))
	}
	return append(problems, s.nats.check(given)...)
}

// run restores a capture.
func (s *restoreSettings) run(ctx context.Context, from *archive.Capture, c console) error {
	screen := newScreen(c.stderr)
	log := slog.New(slog.NewTextHandler(screen, &slog.HandlerOptions{Level: slog.LevelWarn}))
	r := &restorer{restoreSettings: s, from: from, ticker: newTicker(screen), console: c}
	if err := r.count(ctx); err != nil {
		return err
	}
	nc, prefix, noServer := natsconn.Connect(s.nats.named("jetcapture restore"), log)
	switch {
	case noServer == nil:
		defer nc.Close()
		r.nc, r.prefix = nc, prefix
	case !s.dryRun || s.like != "":
		return noServer
	}
	if err := r.configure(ctx); err != nil {
		return err
	}
	if s.dryRun {
		return errors.Join(r.report(), r.try(ctx, noServer))
	}
	if err := r.check(ctx); err != nil {
		return err
	}
	if !s.json {
		r.printAccount()
	}
	if err := r.restore(ctx); err != nil {
		return err
	}
	return r.report()
}
