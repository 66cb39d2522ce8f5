package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/jetcapture/jetcapture/archive"
	"github.com/spf13/cobra"
)

const diffHelp = `jetcapture diff compares the messages of two archives, sequence by sequence.

Usage:
  jetcapture diff A B [OPTIONS]

Examples:
  Has the copy all that the original has?
    jetcapture diff s3://archive/orders /backup/orders --capture ORDERS

  Two captures of one stream in one archive:
    jetcapture diff /var/archive /var/archive --capture ORDERS --capture-b ORDERS-2

A and B are what --output of jetcapture run names. Only what both have captured is compared, unless
--seq says otherwise; what one does not reach is said. Files may be of any format that cat reads.
`

const diffConclusion = `
A line names what is in A only (-), in B only (+), or in both and not the same (!).

Exit codes: 0 equal, 1 they differ, or failed, 2 wrong usage.
`

// errDiffer is the error of archives that differ: what differs was printed.
var errDiffer = errors.New("the archives differ")

// diffSettings are what the options of the command diff say.
type diffSettings struct {
	choice   messageChoice
	captureB string
	rounded  bool
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
			name: "subject", arg: "SUBJECT", value: texts(&s.choice.read.Subjects),
			help: "messages of these subjects only; wildcards as in NATS; may be given again",
		},
		{
			name: "allow-rounded-times", value: boolean(&s.rounded),
			help: "take times for equal if a file has them in microseconds only",
		},
	}}}
}

// diffCommand makes the command.
func diffCommand(c console) *cobra.Command {
	s := &diffSettings{}
	options := s.options()
	cmd := readingCommand("diff", "compare two archives", helpText(diffHelp, options, diffConclusion))
	cmd.Args = func(cmd *cobra.Command, args []string) error { return twoArguments(cmd, args, "another one") }
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		given := newChoices(options)
		if problems := given.take(options.all(), cmd.Flags(), c.getenv); len(problems) > 0 {
			return &usageError{problems}
		}
		s.choice.read.Present = true
		other := s.choice
		if s.captureB != "" {
			other.capture = s.captureB
		}
		return s.choice.readArchive(cmd.Context(), args[0], func(ctx context.Context, a *archive.Capture) error {
			return other.readArchive(ctx, args[1], func(ctx context.Context, b *archive.Capture) error {
				return s.compare(ctx, a, b, c)
			})
		})
	}
	addFlags(cmd, options.all(), c)
	return cmd
}

// compare compares two captures, and prints what differs.
func (s *diffSettings) compare(ctx context.Context, a, b *archive.Capture, c console) error {
	o := s.choice.reading()
	if err := s.limit(ctx, &o, a, b, c.stderr); err != nil {
		return err
	}
	d := &differ{rounded: s.rounded}
	err := onPage(c.stdout, func(out *bufio.Writer) error {
		d.out = out
		return d.run(ctx, a, b, o)
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

// limit restricts a comparison to what both have captured, if no range was asked for.
func (s *diffSettings) limit(
	ctx context.Context, o *archive.ReadOptions, a, b *archive.Capture, stderr io.Writer,
) error {
	ofA, err := a.Account(ctx, *o)
	if err != nil {
		return fmt.Errorf("archive A: %w", err)
	}
	ofB, err := b.Account(ctx, *o)
	if err != nil {
		return fmt.Errorf("archive B: %w", err)
	}
	if s.choice.seqs != (seqRange{}) || ofA.First == ofB.First && ofA.Last == ofB.Last {
		return nil
	}
	first, last := max(ofA.First, ofB.First), min(ofA.Last, ofB.Last)
	if first == 0 || last < first {
		return fmt.Errorf("they have no stream sequence in common: A has %d to %d, B %d to %d",
			ofA.First, ofA.Last, ofB.First, ofB.Last)
	}
	o.After, o.Through = first-1, last
	say(stderr, "jetcapture: A has stream sequences %d to %d, B %d to %d: compared are %d to %d\n", ofA.First, ofA.Last,
		ofB.First, ofB.Last, first, last)
	return nil
}

// differ compares two sequences of messages.
type differ struct {
	out                          io.Writer
	rounded                      bool
	equal, onlyA, onlyB, changed int64
}

// run compares all messages. Both archives are read side by side.
func (d *differ) run(ctx context.Context, a, b *archive.Capture, o archive.ReadOptions) error {
	nextA, stopA := iter.Pull2(archive.OnlyMessages(a.Messages(ctx, o)))
	defer stopA()
	nextB, stopB := iter.Pull2(archive.OnlyMessages(b.Messages(ctx, o)))
	defer stopB()
	x, errA, moreA := nextA()
	y, errB, moreB := nextB()
	for moreA || moreB {
		if errA != nil {
			return fmt.Errorf("archive A: %w", errA)
		}
		if errB != nil {
			return fmt.Errorf("archive B: %w", errB)
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
