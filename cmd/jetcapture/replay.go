package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"

	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/internal/natsconn"
	"github.com/jetcapture/jetcapture/internal/replay"
	"github.com/spf13/cobra"
)

const replayHelp = `jetcapture replay publishes the messages of an archive into a stream, in their order.

Usage:
  jetcapture replay ARCHIVE --stream-name NAME [OPTIONS]

Examples:
  Into a stream for tests, under other subjects, as fast as it can:
    jetcapture replay /var/archive --stream-name TEST --map 'orders.>=test.orders.>'

  The traffic since yesterday, ten times faster than it was:
    jetcapture replay /var/archive -s TEST --map 'orders.>=test.>' --from 2026-11-27 --speed 10x

  A server older than 2.15: a new stream, in which each message has its own sequence
    jetcapture replay /var/archive --stream-name ORDERS --keep-sequences

ARCHIVE is what --output of jetcapture run names. Any version of the server will do; where it is
2.15 or newer, jetcapture restore brings back times, too.
`

const replayConclusion = `
Messages get the headers Jetcapture-Time and Jetcapture-Sequence, and as Nats-Msg-Id their
incarnation and sequence: what is replayed again within the duplicate window of the stream is not
stored twice. Headers on which a server acts are left out: Nats-Rollup, Nats-Incr, Nats-TTL,
Nats-Schedule*, Nats-Expected-*, Nats-Batch-*. An error says where to go on; up to 255 messages
behind it may be there already.

Exit codes: 0 published, 1 failed, 2 wrong usage.
`

// replaySettings are what the options of the command replay say.
type replaySettings struct {
	choice messageChoice
	name   string
	maps   []replay.Mapping
	speed  float64
	keep   bool
	dryRun bool
	nats   connection
}

func (s *replaySettings) options() optionSet {
	return optionSet{
		s.choice.group(),
		{"Where to", []option{
			{
				name: "stream-name", alias: "s", arg: "NAME", value: text(&s.name),
				help: "the stream that takes the messages; required: no other stream will",
			},
			{
				name: "map", arg: "FROM=TO", value: listed[replay.Mapping]{&s.maps, replay.ParseMapping, replay.Mapping.String},
				help: "publish messages of subject FROM as TO, such as 'orders.>=copy.>' or 'a.*.b=x.$1'; may be given again, " +
					"the first that matches counts",
			},
			{
				name: "keep-sequences", value: boolean(&s.keep),
				help: "make the stream, configured as the archive says, with the sequences of the messages; refused if there " +
					"are gaps between them",
			},
		}},
		{"How", []option{
			{
				name: "speed", arg: "N|max", value: speed(&s.speed),
				help: "1x as the stream took them, 10x ten times faster, max as fast as the server takes them",
			},
			{
				name: "dry-run", value: boolean(&s.dryRun),
				help: "print what would be published, and whether the stream would take it; publish nothing",
			},
		}},
		{"Connection", s.nats.options()},
	}
}

// speed is a factor such as 10x; 0 is the maximum.
func speed(to *float64) value {
	return parsed[float64]{to, func(s string) (float64, error) {
		if s == "max" {
			return 0, nil
		}
		f, err := strconv.ParseFloat(strings.TrimSuffix(s, "x"), 64)
		if err != nil || !(f > 0 && f < 1e9) {
			return 0, fmt.Errorf("%q is neither max nor a factor such as 1x or 10x", s)
		}
		return f, nil
	}, func(f float64) string {
		if f == 0 {
			return "max"
		}
		return strconv.FormatFloat(f, 'g', -1, 64) + "x"
	}}
}

// replayCommand makes the command.
func replayCommand(c console) *cobra.Command {
	s := &replaySettings{}
	options := s.options()
	cmd := readingCommand("replay", "publish messages of an archive", helpText(replayHelp, options, replayConclusion))
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
func (s *replaySettings) check(given *choices) (problems []error) {
	if s.name == "" {
		problems = append(problems, errors.New("--stream-name: is required: it names the stream that takes the messages"))
	}
	problems = append(problems, checkStreamName("stream-name", s.name)...)
	if s.keep && s.chooses() {
		problems = append(problems, errors.New("--keep-sequences: takes all messages of a range, so only --seq chooses them"))
	}
	return append(problems, s.nats.check(given)...)
}

// run replays a capture.
func (s *replaySettings) run(ctx context.Context, from *archive.Capture, c console) error {
	screen := newScreen(c.stderr)
	s.choice.read.CheckFirst = true // no server takes back what was published
	r := &replayer{replaySettings: s, from: from, ticker: newTicker(screen), console: c}
	if err := r.count(ctx); err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(screen, &slog.HandlerOptions{Level: slog.LevelWarn}))
	nc, prefix, err := natsconn.Connect(s.nats.named("jetcapture replay"), log)
	switch {
	case err != nil && s.dryRun:
		say(c.stderr, "jetcapture: whether a server would take the messages was not asked: %v\n", err)
		return nil
	case err != nil:
		return err
	}
	defer nc.Close()
	if s.dryRun {
		return r.try(ctx, nc, prefix)
	}
	return r.replay(ctx, nc, prefix)
}

// chooses reports whether options choose among the messages of a range.
func (s *replaySettings) chooses() bool {
	c := s.choice
	c.seqs = seqRange{}
	return c.isFiltered() || c.limit+c.tail > 0
}
