package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/archive/columnar"
	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/monitor"
	"github.com/jetcapture/jetcapture/internal/natsconn"
	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/jetcapture/jetcapture/internal/urls"
	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const verifyHelp = `jetcapture verify checks that an archive is whole: every record of the cut logs and the chain that
they make, the accounting of every stream sequence, and every file: that it is there, has the size
and the SHA-256 that were recorded, unpacks, and has the rows that it should; and that there is no
other file.

Usage:
  jetcapture verify ARCHIVE [OPTIONS]

Examples:
  Everything that can be checked without the stream:
    jetcapture verify /var/orders

  Message by message against what the streams still hold:
    jetcapture verify /var/orders --against-stream --nats-server nats://127.0.0.1:4222

  Message by message against the archive that jetcapture convert made it from:
    jetcapture verify /var/orders-by-day --against /var/orders

  The logs and the sizes of the files only, which is fast:
    jetcapture verify /var/orders --quick

ARCHIVE is what --output of jetcapture run names. A capture may run meanwhile. Nothing is changed,
neither in the archive nor in the stream.
`

const verifyConclusion = `
With --against-stream and --against, raw files, NDJSON as jetcapture run writes it and dead letters
are compared. Of other formats the sequences are compared, and the messages are counted as not
compared.
Flags override the environment.

Each problem is a line with the object, the cut, the stream sequences, what was expected and what
was found; notes are no problems. Exit codes: 0 no problem, 1 problems, or the verification failed,
2 wrong usage.
`

// verifySettings are what the options of the command verify say.
type verifySettings struct {
	capture string
	quick   bool
	union   bool   // captures of one stream must fit together
	against bool   // the streams
	archive string // or this archive
	json    bool
	metrics string     // file; empty: none
	nats    connection // with against
}

func (s *verifySettings) options() optionSet {
	return optionSet{
		{"What to check", []option{
			{name: "against-stream", help: "compare with what the streams still hold", value: boolean(&s.against)},
			{
				name: "against", arg: "ARCHIVE", value: outputPlace(&s.archive),
				help: "compare with this archive, which it was made from, or which is one of the same stream",
			},
			{
				name: "quick", value: boolean(&s.quick),
				help: "do not read the files, only look that they are there with the right size",
			},
			{
				name: "union", value: boolean(&s.union),
				help: "the captures of a stream must fit together: no sequence between those with the same filter is missing, " +
					"and none is in two, also of different filters; with --against-stream, none is missing that the stream holds",
			},
			{
				name: "capture", arg: "NAME", help: "verify this capture only",
				value: text(&s.capture), complete: completeCaptures,
			},
			{
				name: "json", value: boolean(&s.json),
				help: "print JSON, one object a line: the findings, then the summary",
			},
			{
				name: "metrics-file", arg: "FILE", value: text(&s.metrics),
				help: "write when it was last right, and the number of problems, for the textfile collector",
			},
		}},
		{"Connection, with --against-stream", s.nats.options()},
	}
}

// verifyCommand makes the command. Its settings belong to it alone: a command line is parsed once.
func verifyCommand(c console) *cobra.Command {
	s := &verifySettings{}
	options := s.options()
	cmd := readingCommand("verify", "check that an archive is whole", helpText(verifyHelp, options, verifyConclusion))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if problems := s.read(options, cmd.Flags(), c.getenv); len(problems) > 0 {
			return &usageError{problems}
		}
		return s.verify(cmd.Context(), args[0], c)
	}
	addFlags(cmd, options.all(), c)
	return cmd
}

// read reads the options. Those of the connection are refused if there will be none.
func (s *verifySettings) read(options optionSet, flags *pflag.FlagSet, getenv func(string) string) []error {
	given := newChoices(options)
	problems := given.take(options[0].options, flags, getenv)
	problems = append(problems, checkMetricsFile(s.metrics)...)
	if s.against && s.archive != "" {
		problems = append(problems, errors.New("--against: give that or --against-stream, not both"))
	}
	if s.against {
		problems = append(problems, given.take(s.nats.options(), flags, getenv)...)
		return append(problems, s.nats.check(&given)...)
	}
	for _, o := range s.nats.options() {
		if flag := flags.Lookup(o.name); flag != nil && flag.Changed {
			problems = append(problems, fmt.Errorf("--%s: is for --against-stream only", o.name))
		}
	}
	return problems
}

// verify verifies the archive and prints what it finds.
func (s *verifySettings) verify(ctx context.Context, where string, c console) (err error) {
	a, dir, err := openArchive(ctx, where)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	if err := holdsCapture(ctx, a); err != nil {
		return err
	}
	screen := newScreen(c.stderr)
	p := &verdict{ticker: newTicker(screen), out: c.stdout, asJSON: s.json}
	o := archive.VerifyOptions{Capture: s.capture, Quick: s.quick, Found: p.found, Progress: p.progress}
	if s.archive != "" {
		other, otherDir, err := openArchive(ctx, s.archive)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, otherDir.Close()) }()
		from, err := s.pickOther(ctx, a, other)
		if err != nil {
			return err
		}
		o.Against = archive.Against(from.WithFormats(columnar.Formats()))
	}
	var held func(stream string) *reader.Source // nil: the streams are not asked
	if s.against {
		log := slog.New(slog.NewTextHandler(screen, &slog.HandlerOptions{Level: slog.LevelInfo}))
		nc, prefix, err := natsconn.Connect(s.nats.named("jetcapture verify"), log)
		if err != nil {
			return err
		}
		defer nc.Close()
		o.Against = func(_ context.Context, f cutlog.Format) (archive.Stream, error) { return newStream(nc, prefix, f), nil }
		held = func(stream string) *reader.Source { return reader.NewSource(nc, prefix, stream) }
	}
	report, err := a.Verify(ctx, o)
	screen.show("")
	if s.union && err == nil {
		var problems int64
		problems, err = p.union(ctx, a, held)
		report.Problems, report.Notes = report.Problems+problems, report.Notes+p.notes
	}
	p.summary(a, report, s.comparedWith(), err)
	if s.metrics != "" {
		if err := monitor.WriteVerified(s.metrics, a.String(), time.Now(), report.Problems, err == nil); err != nil {
			return err
		}
	}
	if err != nil {
		return adviseVerify(err)
	}
	return s.outcome(a, report, p.printed())
}

// outcome is the error of a verification, if it has failed or if something is wrong.
func (s *verifySettings) outcome(a *archive.Archive, report archive.Report, err error) error {
	switch {
	case err != nil:
		return err
	case !report.OK():
		return fmt.Errorf("%s is not as it should be: %s", a, counted(report.Problems, "problem"))
	case s.archive != "" && report.Compared+report.Uncompared == 0: // an empty copy is not a reason to delete its source
		return fmt.Errorf("%s has no message of %s: nothing was compared", a, s.archive)
	}
	return nil
}

// comparedWith names what the archive is compared with; empty: nothing.
func (s *verifySettings) comparedWith() string {
	switch {
	case s.archive != "":
		return urls.Show(s.archive)
	case s.against:
		return "the streams"
	}
	return ""
}

// pickOther returns the capture of the other archive that a capture of a is compared with: the one that it was made
// from, else the one of its name.
func (s *verifySettings) pickOther(ctx context.Context, a, other *archive.Archive) (*archive.Capture, error) {
	mine, err := (&messageChoice{capture: s.capture}).pick(ctx, a)
	if err != nil {
		return nil, err
	}
	name := mine.Name()
	first, err := mine.Cut(ctx, 1)
	if err == nil && first.Plan.Source != nil {
		name = first.Plan.Source.Capture
	}
	return (&messageChoice{capture: name}).pick(ctx, other)
}

// adviseVerify adds to an error what can be done about it.
func adviseVerify(err error) error {
	if errors.Is(err, nats.ErrConnectionClosed) {
		return err
	}
	return advise(err)
}
