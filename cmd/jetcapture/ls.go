package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/jetcapture/jetcapture/archive"
	"github.com/spf13/cobra"
)

const lsHelp = `jetcapture ls lists what an archive holds: its captures, their cuts, their files.

Usage:
  jetcapture ls ARCHIVE [OPTIONS]

Examples:
  The captures, with their streams, ranges and totals:
    jetcapture ls /var/orders

  The files of a key and a day, one JSON object a line:
    jetcapture ls /var/orders --blocks --key berlin --from 2026-11-23 --to 2026-11-24 --json

  Which file holds message 4711 of the stream?
    jetcapture ls /var/orders --seq 4711

  How was the stream configured, and which consumers did it have?
    jetcapture ls /var/orders --stream-config

  When and why were the newest files of a capture stored?
    jetcapture ls /var/orders --cuts --capture ORDERS --last 20

ARCHIVE is what --output of jetcapture run names. Times are UTC.
`

const lsConclusion = `
A filter lists files, or with --cuts the cuts that have such files. CUTS counts the record that
opens a capture, too, which holds no messages. LIVES counts the incarnations of the stream: it was
deleted and created again, restored or rolled back. SEQUENCES are those of the newest one; the other
numbers are the sums over all.

Exit codes: 0 done, also if nothing was found, 1 failed, 2 wrong usage. A damaged log ends the list
with an error: jetcapture verify says all that is wrong with an archive.
`

// lsSettings are what the options of the command ls say.
type lsSettings struct {
	capture      string
	cuts, blocks bool
	config       bool   // print how the streams were configured
	incarnation  string // with config
	newest       int    // only so many cuts of each capture; 0: all
	filter       archive.Filter
	json         bool
}

func (s *lsSettings) options() optionSet {
	return optionSet{
		{"What to list", []option{
			{name: "cuts", help: "the cuts", value: boolean(&s.cuts)},
			{name: "blocks", help: "the files", value: boolean(&s.blocks)},
			{
				name: "last", arg: "N", help: "of each capture, look at its newest N cuts only; 0 is all",
				value: count(&s.newest),
			},
			{
				name: "capture", arg: "NAME", help: "list this capture only",
				value: text(&s.capture), complete: completeCaptures,
			},
			{
				name: "stream-config", value: boolean(&s.config),
				help: "print instead how the stream was configured last, with its durable consumers: JSON, one object a " +
					"line, as restore --stream-config reads it",
			},
			{
				name: "incarnation", arg: "ID", value: text(&s.incarnation),
				help: "with --stream-config: in this life of the stream",
			},
			{name: "json", help: "print JSON, one object a line", value: boolean(&s.json)},
		}},
		{"Filters", []option{
			{
				name: "key", arg: "SEGMENT", value: texts(&s.filter.Key),
				help: "files whose key begins with this segment, as it is in the message or in the path, or of NAME=VALUE the " +
					"VALUE; given again, the next segment",
			},
			{
				name: "from", arg: "TIME", value: moment(&s.filter.From),
				help: "files whose window ends after this time, such as 2026-11-23 or 2026-11-23T15:00:00Z",
			},
			{name: "to", arg: "TIME", help: "files whose window begins before this time", value: moment(&s.filter.To)},
			{
				name: "seq", arg: "N", value: sequence(&s.filter.Seq),
				help: "the file that holds this stream sequence; if none does, what became of it",
			},
		}},
	}
}

// lsCommand makes the command. Its settings belong to it alone: a command line is parsed once.
func lsCommand(c console) *cobra.Command {
	s := &lsSettings{}
	options := s.options()
	cmd := readingCommand("ls", "list what an archive holds", helpText(lsHelp, options, lsConclusion))
	cmd.RunE = c.checked(options, s.check, func(ctx context.Context, args []string) error {
		return s.list(ctx, args[0], c)
	})
	addFlags(cmd, options.all(), c)
	return cmd
}

// check returns what is wrong with the options.
func (s *lsSettings) check(*choices) (problems []error) {
	if s.cuts && s.blocks {
		problems = append(problems, errors.New("--cuts: lists cuts, and --blocks lists files; give one of the two"))
	}
	if s.config && (s.cuts || s.blocks || !s.filter.IsZero()) {
		problems = append(problems, errors.New("--stream-config: lists nothing, so it goes with --capture only"))
	}
	if s.incarnation != "" && !s.config {
		problems = append(problems, errors.New("--incarnation: is for --stream-config only"))
	}
	if s.newest > 0 && s.filter.Seq > 0 {
		problems = append(problems, errors.New("--last: --seq finds its cut by itself; give one of the two"))
	}
	return problems
}

// list lists the archive.
func (s *lsSettings) list(ctx context.Context, where string, c console) (err error) {
	a, dir, err := openArchive(ctx, where)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	l := &lister{lsSettings: s, ticker: newTicker(newScreen(c.stderr)), print: newListing(c.stdout, s.json || s.config)}
	defer l.show("")
	found := false
	for capture, err := range a.Captures(ctx) {
		if err != nil {
			return err
		}
		if s.capture != "" && s.capture != capture.Name() {
			continue
		}
		found = true
		if err := l.capture(ctx, capture); err != nil {
			return err
		}
	}
	switch {
	case found:
		if l.lines == 0 && !s.filter.IsZero() {
			say(c.stderr, "jetcapture: no file matches; --blocks without other filters lists all files\n")
		}
		return nil
	case s.capture != "":
		return fmt.Errorf("%s holds no capture %q: jetcapture ls %s lists those that it has", a, s.capture, shellText(where))
	}
	return errNoCapture(a)
}

// lister lists captures.
type lister struct {
	*lsSettings
	*ticker
	print *listing
	lines int // that were printed
}

// capture lists one capture as the options say.
func (l *lister) capture(ctx context.Context, c *archive.Capture) error {
	switch {
	case l.config:
		return l.streamConfig(ctx, c)
	case l.filter.Seq != 0 && !l.cuts:
		return l.sequence(ctx, c)
	case l.cuts, l.blocks, !l.filter.IsZero():
		return l.each(ctx, c, l.cutOrBlocks)
	}
	t := newTotals(c.Name())
	if err := l.each(ctx, c, func(cut archive.Cut) error { t.add(cut); return nil }); err != nil {
		return err
	}
	return l.line(func() error { return l.print.capture(t) })
}

// streamConfig prints how the stream of a capture was configured last.
func (l *lister) streamConfig(ctx context.Context, c *archive.Capture) error {
	newest, err := recordedConfig(ctx, c, l.incarnation)
	switch {
	case err != nil:
		return err
	case newest == nil:
		return fmt.Errorf("capture %s: %w", c.Name(), errNoConfig)
	}
	return l.line(func() error { return l.print.encode(newest) })
}

// each calls f with the cuts of a capture in which the filter may find something.
func (l *lister) each(ctx context.Context, c *archive.Capture, f func(archive.Cut) error) error {
	first, err := l.first(ctx, c)
	if err != nil {
		return err
	}
	cuts := c.CutsFrom(ctx, first)
	if l.filter.Seq != 0 {
		cuts = c.Find(ctx, l.filter.Seq)
	}
	for cut, err := range cuts {
		if err != nil {
			return fmt.Errorf("%w; jetcapture verify says all that is wrong", err)
		}
		l.tick(func() string { return fmt.Sprintf("capture %s: cut %s", c.Name(), thousands(int64(cut.N))) })
		if err := f(cut); err != nil {
			return err
		}
	}
	return nil
}

// first is the number of the first cut to look at.
func (l *lister) first(ctx context.Context, c *archive.Capture) (uint64, error) {
	if l.newest == 0 {
		return 1, nil
	}
	last, err := c.Last(ctx)
	if err != nil || last <= uint64(l.newest) {
		return 1, err
	}
	return last - uint64(l.newest) + 1, nil
}

// cutOrBlocks lists a cut, or those of its files that the filter lets through.
func (l *lister) cutOrBlocks(cut archive.Cut) error {
	if l.cuts && l.filter.IsZero() {
		return l.line(func() error { return l.print.cut(cut) })
	}
	for b := range cut.Blocks() {
		if !l.filter.Match(b) {
			continue
		}
		if l.cuts {
			return l.line(func() error { return l.print.cut(cut) })
		}
		if err := l.line(func() error { return l.print.block(b) }); err != nil {
			return err
		}
	}
	return nil
}

// sequence lists where a sequence is, once for each incarnation of the stream that has it.
func (l *lister) sequence(ctx context.Context, c *archive.Capture) error {
	found := false
	err := l.each(ctx, c, func(cut archive.Cut) error {
		found = true
		fate, b := cut.Fate(l.filter.Seq)
		if b != nil && fate != archive.FateLost {
			if !l.filter.Match(*b) {
				return nil
			}
			if err := l.line(func() error { return l.print.block(*b) }); err != nil {
				return err
			}
			return l.repaired(ctx, c, *b)
		}
		return l.line(func() error { return l.print.fate(cut, l.filter.Seq, fate) })
	})
	if err == nil && !found {
		err = l.line(func() error { return l.print.uncovered(c.Name(), l.filter.Seq) })
	}
	return err
}

// repaired lists the mended file of a block, if another one than its own stands for it.
func (l *lister) repaired(ctx context.Context, c *archive.Capture, b archive.Block) error {
	r, ok, err := c.Repaired(ctx, b)
	if err != nil || !ok || r.Name == b.Path() {
		return err
	}
	return l.line(func() error { return l.print.repaired(b, r) })
}

// line prints with the progress line out of the way.
func (l *lister) line(write func() error) error {
	l.show("")
	l.lines++
	return write()
}
