package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"syscall"
	"time"

	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/natsconn"
	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/spf13/cobra"
)

const catHelp = `jetcapture cat prints the messages of an archive, in the order of the stream.

Usage:
  jetcapture cat ARCHIVE [OPTIONS]

Examples:
  All of it, one JSON object a line; data is the payload in base64:
    jetcapture cat /var/archive --capture ORDERS

  The payloads of one customer on one day:
    jetcapture cat /var/archive --format payload --json customer=7 --from 2026-11-23 --to 2026-11-24

  Everything from last Monday on, and then what the stream gets:
    jetcapture cat /var/archive --from 2026-11-23 --follow --nats-server nats://127.0.0.1:4222

  The last ten messages of some subjects:
    jetcapture cat s3://archive/orders --subject 'orders.*.paid' --tail 10

ARCHIVE is what --output of jetcapture run names. Times are UTC.
`

const catConclusion = `
It reads files that hold whole messages: raw, NDJSON of the records message and event, Parquet
without columns, Avro of the record message. With --format payload it reads those of the record
payload, too. Every file is checked on the way.
Dead letters come as the messages that they were. What was lost is said at the end, on stderr.

Exit codes: 0 done, also if nothing was found, 1 failed, 2 wrong usage.
`

// catFormat is how cat prints a message.
type catFormat string

const (
	catNDJSON  catFormat = "ndjson"
	catPayload catFormat = "payload"
	catCSV     catFormat = "csv"
	catRaw     catFormat = "raw"
)

// catSettings are what the options of the command cat say.
type catSettings struct {
	choice     messageChoice
	format     catFormat
	follow     bool // with the living stream
	followCuts bool
	wait       time.Duration
	nats       connection
}

func (s *catSettings) options() optionSet {
	return optionSet{
		s.choice.group(),
		{"How", []option{{
			name: "format", arg: "FORMAT", value: choice(&s.format, catNDJSON, catPayload, catCSV, catRaw),
			help: "ndjson, payload (each on a line), csv (sequence, time, subject, payload) or raw (a raw file)",
		}, {
			name: "follow", value: boolean(&s.follow),
			help: "go on with the living stream behind the newest cut, until Ctrl-C: no gap, and nothing twice",
		}, {
			name: "follow-archive", value: boolean(&s.followCuts),
			help: "go on with each cut that is finished, until Ctrl-C; it needs no server",
		}, {
			name: "wait", arg: "DURATION", value: duration(&s.wait),
			help: "with --follow: for how long to wait for a cut that has what the stream has dropped before it was read, or " +
				"that knows of a stream that was restored; 0: twice the length of the capture's windows, and a minute",
		}}},
		{"Connection, with --follow", s.nats.options()},
	}
}

// catCommand makes the command.
func catCommand(c console) *cobra.Command {
	s := &catSettings{format: catNDJSON}
	options := s.options()
	cmd := readingCommand("cat", "print the messages of an archive", helpText(catHelp, options, catConclusion))
	cmd.RunE = c.checked(options, s.check, func(ctx context.Context, args []string) error {
		s.choice.read.Partial = s.format == catPayload
		s.choice.read.PayloadOnly = s.format == catPayload && len(s.choice.header) == 0
		return s.choice.readArchive(ctx, args[0], func(ctx context.Context, from *archive.Capture) error {
			return s.print(ctx, from, c)
		})
	})
	addFlags(cmd, options.all(), c)
	return cmd
}

// check returns what is wrong with the options.
func (s *catSettings) check(given *choices) (problems []error) {
	if (s.follow || s.followCuts) && s.choice.limit+s.choice.tail > 0 {
		problems = append(problems, errors.New("--follow: has no end, so it goes with neither --limit nor --tail"))
	}
	if !s.follow {
		return problems
	}
	if len(s.choice.read.Key) > 0 {
		problems = append(problems, errors.New("--key: messages of a stream have none; use --follow-archive or --subject"))
	}
	return append(problems, s.nats.check(given)...)
}

// readArchive calls f with the capture that is chosen of an archive.
func (m *messageChoice) readArchive(
	ctx context.Context, where string, f func(context.Context, *archive.Capture) error,
) (err error) {
	a, dir, err := openArchive(ctx, where)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	capture, err := m.pick(ctx, a)
	if err == nil && m.read.Incarnation != "" {
		_, _, err = findLife(ctx, capture, m.read.Incarnation)
	}
	if err != nil {
		return err
	}
	return f(ctx, capture)
}

// print prints the messages, and at the end what is missing among them.
func (s *catSettings) print(ctx context.Context, from *archive.Capture, c console) error {
	return onPage(c.stdout, func(out *bufio.Writer) error {
		p, err := newMessagePrinter(s.format, out)
		if err != nil {
			return err
		}
		var missing missingCount
		one := func(i *archive.Item) error {
			if !i.IsMessage() {
				missing.add(i)
				return nil
			}
			return p.print(i)
		}
		switch {
		case s.follow:
			err = s.followLive(ctx, from, one, out.Flush, c)
		case s.followCuts:
			err = s.choice.followCuts(ctx, from, one, out.Flush)
		default:
			err = s.choice.each(ctx, from, one)
		}
		missing.say(c.stderr)
		if no := (*archive.NotWholeError)(nil); errors.As(err, &no) && no.Record == cutlog.RecordPayload {
			return fmt.Errorf("%w; --format payload prints them", err)
		}
		return err
	})
}

// followLive calls f with the messages of an archive, and then with those of its living stream.
func (s *catSettings) followLive(
	ctx context.Context, from *archive.Capture, f func(*archive.Item) error, flush func() error, c console,
) error {
	log := slog.New(slog.NewTextHandler(c.stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	nc, prefix, err := natsconn.Connect(s.nats.named("jetcapture cat"), log)
	if err != nil {
		return err
	}
	defer nc.Close()
	format, err := from.Format(ctx)
	if err != nil {
		return err
	}
	l := &live{
		choice: &s.choice, from: from, source: reader.NewSource(nc, prefix, format.Stream), filter: format.Filter,
		hand: f, flush: flush, wait: s.wait, note: func(reason string) { say(c.stderr, "jetcapture: %s\n", reason) },
	}
	return l.run(ctx)
}

// onPage calls f with a buffer before out. A reader that has gone, as after "| head", is no error.
func onPage(out io.Writer, f func(*bufio.Writer) error) error {
	page := bufio.NewWriterSize(out, 64<<10)
	err := f(page)
	if flushErr := page.Flush(); err == nil {
		err = flushErr
	}
	if errors.Is(err, syscall.EPIPE) {
		return nil
	}
	return err
}

// missingCount counts the sequences that were stored or should have been, and cannot be printed.
type missingCount struct{ lost, gone, damaged, skipped uint64 }

func (m *missingCount) add(i *archive.Item) {
	n := i.Last - i.Seq + 1
	switch i.Fate {
	case archive.FateLost:
		if i.Cut > 0 {
			m.lost += n
		} else { // no cut says it: the living stream does not have them
			m.gone += n
		}
	case archive.FateSkipped:
		m.skipped += n
	case archive.FateDamaged:
		m.damaged += n
	}
}

// say prints what is missing, if anything is.
func (m *missingCount) say(w io.Writer) {
	for _, part := range []struct {
		n            uint64
		one, several string
	}{
		{
			m.lost, "lost, dropped by the stream before it was stored",
			"lost, dropped by the stream before they were stored",
		},
		{
			m.gone, "lost, dropped by the stream before it was read; a later cut may have it",
			"lost, dropped by the stream before they were read; a later cut may have them",
		},
		{m.damaged, "left out, in a damaged file", "left out, in damaged files"},
		{m.skipped, "skipped when it was captured", "skipped when they were captured"},
	} {
		if n := int64(part.n); n > 0 {
			say(w, "jetcapture: %s %s\n", counted(n, "message"), oneOr(n, part.one, part.several))
		}
	}
}
