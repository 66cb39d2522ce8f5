package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/jetcapture/jetcapture/archive"
	"github.com/spf13/cobra"
)

const diffHelp = `jetcapture diff compares the messages of two archives, or of an archive and a stream, sequence by
sequence.

Usage:
  jetcapture diff A B [OPTIONS]
  jetcapture diff A --against-stream [OPTIONS]

Examples:
  Has the copy all that the original has?
    jetcapture diff s3://archive/orders /backup/orders --capture ORDERS

  Two captures of one stream in one archive:
    jetcapture diff /var/archive /var/archive --capture ORDERS --capture-b ORDERS-2

  Has the stream that was restored all that the archive has?
    jetcapture diff /var/archive --against-stream --stream-name ORDERS-2

A and B are what --output of jetcapture run names; with --against-stream, B is the stream. Only what
both have is compared, unless --seq says otherwise; what one does not reach is said. Files may be of
any format that cat reads.
`

const diffConclusion = `
A line names what is in A only (-), in B only (+), or in both and not the same (!).

Exit codes: 0 equal, 1 they differ, or failed, 2 wrong usage.
`

// errDiffer is the error of sides that differ: what differs was printed.
var errDiffer = errors.New("they differ")

// diffSettings are what the options of the command diff say.
type diffSettings struct {
	choice   messageChoice
	captureB string
	rounded  bool
	stream   bool   // B is one
	name     string // of the stream; empty: that of the capture
	nats     connection
}

func (s *diffSettings) options() optionSet {
	return optionSet{{"What to compare", []option{
		{
			name: "capture", arg: "NAME", help: "this capture, of both; needed if an archive has several",
			value: text(&s.choice.capture), complete: completeCaptures,
		},
		{name: "capture-b", arg: "NAME", help: "of B this one", value: text(&s.captureB)},
		{
			name: "seq", arg: "N|FROM..TO", value: sequences(&s.choice.seqs),
			help: "these stream sequences (default: those that both have captured)",
		},
		{
			name: "subject", arg: "SUBJECT", value: subjects(&s.choice.read.Subjects),
			help: "messages of these subjects only; wildcards as in NATS; may be given again",
		},
		{
			name: "allow-rounded-times", value: boolean(&s.rounded),
			help: "take times for equal if a file has them in microseconds only",
		},
		{name: "against-stream", help: "compare with what the stream of the capture still holds", value: boolean(&s.stream)},
		{
			name: "stream-name", alias: "s", arg: "NAME", value: text(&s.name),
			help: "with --against-stream: another stream, such as one that was restored",
		},
	}}, {"Connection, with --against-stream", s.nats.options()}}
}

// diffCommand makes the command.
func diffCommand(c console) *cobra.Command {
	s := &diffSettings{}
	options := s.options()
	help := helpText(diffHelp, options, diffConclusion)
	cmd := readingCommand("diff", "compare two archives, or one with a stream", help)
	cmd.Args = cobra.ArbitraryArgs // how many there are depends on the options
	cmd.RunE = c.checked(options, s.check, func(ctx context.Context, args []string) error {
		if err := s.checkArgs(cmd, args); err != nil {
			return err
		}
		s.choice.read.Present = true
		return s.choice.readArchive(ctx, args[0], func(ctx context.Context, a *archive.Capture) error {
			if s.stream {
				return s.compareStream(ctx, a, c)
			}
			other := s.choice
			other.capture = cmp.Or(s.captureB, other.capture)
			return other.readArchive(ctx, args[1], func(ctx context.Context, b *archive.Capture) error {
				return s.compare(ctx, capturedSide(a), capturedSide(b), c)
			})
		})
	})
	addFlags(cmd, options.all(), c)
	return cmd
}

// check returns what is wrong with the options.
func (s *diffSettings) check(given *choices) []error {
	switch {
	case s.stream:
		return s.nats.check(given)
	case s.name != "":
		return []error{errors.New("--stream-name: is for --against-stream")}
	}
	return nil
}

// checkArgs wants one archive and a stream, or two archives.
func (s *diffSettings) checkArgs(cmd *cobra.Command, args []string) error {
	if s.stream {
		return oneArchive(cmd, args)
	}
	return twoArguments(cmd, args, "another one, or --against-stream,")
}

// compare compares two sides, and prints what differs.
func (s *diffSettings) compare(ctx context.Context, a, b *diffSide, c console) error {
	o := s.choice.reading()
	if err := s.limit(ctx, &o, a, b, c.stderr); err != nil {
		return err
	}
	d := &differ{rounded: s.rounded}
	err := onPage(c.stdout, func(out *bufio.Writer) error {
		d.out = out
		return d.run(a.messages(ctx, o), b.messages(ctx, o))
	})
	if err != nil {
		return err
	}
	say(c.stderr, "jetcapture: %s equal, %s in A only, %s in B only, %s not the same\n", counted(d.equal, "message"),
		thousands(d.onlyA), thousands(d.onlyB), thousands(d.changed))
	if d.onlyA+d.onlyB+d.changed > 0 {
		return errDiffer
	}
	return nil
}

// limit restricts a comparison to what both have, if no range was asked for.
func (s *diffSettings) limit(ctx context.Context, o *archive.ReadOptions, a, b *diffSide, stderr io.Writer) error {
	firstA, lastA, err := a.extent(ctx, *o)
	if err != nil {
		return fmt.Errorf("side A: %w", err)
	}
	firstB, lastB, err := b.extent(ctx, *o)
	if err != nil {
		return fmt.Errorf("side B: %w", err)
	}
	if s.choice.seqs != (seqRange{}) || firstA == firstB && lastA == lastB {
		return nil
	}
	first, last := max(firstA, firstB), min(lastA, lastB)
	if first == 0 || last < first {
		return fmt.Errorf("they have no stream sequence in common: A has %s, B %s", extentText(firstA, lastA),
			extentText(firstB, lastB))
	}
	o.After, o.Through = first-1, last
	say(stderr, "jetcapture: A has stream sequences %d to %d, B %d to %d: compared are %d to %d\n", firstA, lastA, firstB,
		lastB, first, last)
	return nil
}

// extentText is what a side has, from one stream sequence to another.
func extentText(first, last uint64) string {
	if last < max(first, 1) {
		return "nothing"
	}
	return fmt.Sprintf("%d to %d", first, last)
}

// differ compares two sequences of messages.
type differ struct {
	out                          io.Writer
	rounded                      bool
	equal, onlyA, onlyB, changed int64
}

// run compares all messages. Both sides are read side by side.
func (d *differ) run(a, b iter.Seq2[*archive.Item, error]) error {
	nextA, stopA := iter.Pull2(archive.OnlyMessages(a))
	defer stopA()
	nextB, stopB := iter.Pull2(archive.OnlyMessages(b))
	defer stopB()
	x, errA, moreA := nextA()
	y, errB, moreB := nextB()
	for moreA || moreB {
		if errA != nil {
			return fmt.Errorf("side A: %w", errA)
		}
		if errB != nil {
			return fmt.Errorf("side B: %w", errB)
		}
		takeA, takeB := moreA && (!moreB || x.Seq <= y.Seq), moreB && (!moreA || y.Seq <= x.Seq)
		if err := d.pair(x, y, takeA, takeB); err != nil {
			return err
		}
		if takeA {
			x, errA, moreA = nextA()
		}
		if takeB {
			y, errB, moreB = nextB()
		}
	}
	return nil
}

// pair compares a message that both have, or prints one that only one has.
func (d *differ) pair(x, y *archive.Item, inA, inB bool) error {
	switch {
	case !inB:
		d.onlyA++
		return d.print('-', x, "in A only")
	case !inA:
		d.onlyB++
		return d.print('+', y, "in B only")
	}
	m, n := x.Message, y.Message
	if d.rounded && (x.Rounded || y.Rounded) {
		m.Time, n.Time = m.Time.Truncate(time.Microsecond), n.Time.Truncate(time.Microsecond)
	}
	if what := difference(&m, &n); what != "" {
		d.changed++
		return d.print('!', x, what+" differs")
	}
	d.equal++
	return nil
}

func (d *differ) print(mark byte, i *archive.Item, what string) error {
	_, err := fmt.Fprintf(d.out, "%c %d %s %s: %s\n", mark, i.Seq, itemTime(i), itemSubject(i), what)
	return err
}
