package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/bucket/cloud"
	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/form"
	"github.com/jetcapture/jetcapture/internal/natsconn"
	"github.com/spf13/cobra"
)

const repairHelp = `jetcapture repair verifies an archive, and makes missing and damaged files again from what the
stream still has.

Usage:
  jetcapture repair ARCHIVE [OPTIONS]

Example:
    jetcapture repair /var/orders --nats-server nats://127.0.0.1:4222

A missing file gets its own name again. Nothing is overwritten: beside a damaged file, the mended
one is put below _jetcapture/CAPTURE/repair, with a record that ls and verify honour. Move the
damaged file out of the archive and repair again, then the mended one is put in its place.

Messages that the stream no longer has cannot be read again; it says which. Records of the log
cannot be made again either: restore them from a copy. The stream stays as it is, and no consumer is
created.
`

const repairConclusion = `
Exit codes are those of verify, for the archive as it is then: 0 no problem, 1 problems are left, or
the repair failed, 2 wrong usage.
`

// repairSettings are what the options of the command repair say.
type repairSettings struct {
	capture string
	json    bool
	nats    connection
}

func (s *repairSettings) options() optionSet {
	return optionSet{
		{"What to repair", []option{
			{
				name: "capture", arg: "NAME", help: "repair this capture only",
				value: text(&s.capture), complete: completeCaptures,
			},
			{
				name: "json", value: boolean(&s.json),
				help: "print JSON, one object a line: a repair for each file, then what verify prints",
			},
		}},
		{"Connection", s.nats.options()},
	}
}

func repairCommand(c console) *cobra.Command {
	s := &repairSettings{}
	options := s.options()
	cmd := readingCommand("repair", "make missing and damaged files again, from the stream",
		helpText(repairHelp, options, repairConclusion))
	cmd.RunE = c.checked(options, s.nats.check, func(ctx context.Context, args []string) error {
		return s.repair(ctx, args[0], c)
	})
	addFlags(cmd, options.all(), c)
	return cmd
}

// repair makes files again and then verifies the archive.
func (s *repairSettings) repair(ctx context.Context, where string, c console) error {
	r := &repairer{repairSettings: s, console: c, broken: map[brokenCut][]string{}}
	if err := r.find(ctx, where); err != nil {
		return err
	}
	var failed error
	if len(r.broken) > 0 {
		failed = r.mend(ctx, where)
		if ctx.Err() != nil {
			return failed
		}
	}
	v := &verifySettings{capture: s.capture, json: s.json}
	return errors.Join(failed, v.verify(ctx, where, c))
}

// repairer is one run of the command.
type repairer struct {
	*repairSettings
	console
	broken map[brokenCut][]string // the files to make again
}

// brokenCut is a cut of which files are missing or damaged.
type brokenCut struct {
	capture string
	n       uint64
}

func (c brokenCut) compare(o brokenCut) int {
	return cmp.Or(cmp.Compare(c.capture, o.capture), cmp.Compare(c.n, o.n))
}

// find verifies the archive and notes what can be made again.
func (r *repairer) find(ctx context.Context, where string) (err error) {
	a, dir, err := openArchive(ctx, where)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	if err := holdsCapture(ctx, a); err != nil {
		return err
	}
	p := &verdict{ticker: newTicker(newScreen(r.stderr)), out: io.Discard}
	defer p.show("")
	_, err = a.Verify(ctx, archive.VerifyOptions{Capture: r.capture, Progress: p.progress, Found: func(f archive.Finding) {
		switch f.Kind {
		case archive.Missing, archive.Damaged, archive.WrongContent, archive.Mended:
			if f.Cut > 0 && !strings.HasPrefix(f.Object, cutlog.Root) {
				cut := brokenCut{f.Capture, f.Cut}
				r.broken[cut] = append(r.broken[cut], f.Object)
			}
		}
	}})
	return err
}

// mend makes the files of each cut again. What goes wrong with one cut does not keep it from the next.
func (r *repairer) mend(ctx context.Context, where string) (err error) {
	place, err := parsePlace(where)
	if err != nil {
		return err
	}
	to, err := openOutput(ctx, place)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	log := slog.New(slog.NewTextHandler(r.stderr, &slog.HandlerOptions{Level: slog.LevelInfo, ReplaceAttr: withoutUsers}))
	nc, prefix, err := natsconn.Connect(r.nats.named("jetcapture repair"), log)
	if err != nil {
		return err
	}
	defer nc.Close()
	a := archive.Open(to)
	for _, cut := range slices.SortedFunc(maps.Keys(r.broken), brokenCut.compare) {
		o, err := repairOptions(ctx, a, cut.capture, to, prefix, log)
		var files []jetcapture.Repaired
		if err == nil {
			files, err = o.Build().Repair(ctx, nc, cut.n, r.broken[cut])
		}
		r.tell(cut, files, err)
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

// repairOptions are those of a capture, as far as an archive says them; the plans say the rest.
func repairOptions(
	ctx context.Context, a *archive.Archive, capture string, to cloud.Bucket, prefix string, log *slog.Logger,
) (o form.Options, err error) {
	c, err := a.Capture(capture)
	if err != nil {
		return o, err
	}
	f, err := c.Format(ctx)
	if err != nil {
		return o, fmt.Errorf("find the stream of capture %s: %w", capture, err)
	}
	s := newCaptureSettings()
	if s.library.Archive.Capture, err = cutlog.UnescapeSegment(capture); err != nil {
		return o, err
	}
	s.library.NATSStreamName, s.library.FilterSubjects, s.library.APIPrefix = f.Stream, f.Filter, prefix
	return s.captureOptions(to, log, form.Hooks{}), nil
}

// repaired is a repair for scripts: members are added, never renamed.
type repaired struct {
	Type    string `json:"type"` // repair
	Capture string `json:"capture"`
	Cut     uint64 `json:"cut"`
	File    string `json:"file"`
	Mended  string `json:"mended,omitempty"` // where the mended file is
	Why     string `json:"why,omitempty"`    // why there is none
}

// tell prints what became of the files of a cut.
func (r *repairer) tell(cut brokenCut, files []jetcapture.Repaired, err error) {
	if err != nil {
		for _, name := range r.broken[cut] {
			if !slices.ContainsFunc(files, func(f jetcapture.Repaired) bool { return f.File == name }) {
				files = append(files, jetcapture.Repaired{File: name, Why: err.Error()})
			}
		}
	}
	for _, f := range files {
		if r.json {
			o := repaired{"repair", cut.capture, cut.n, f.File, f.Name, f.Why}
			_ = json.NewEncoder(printableJSON{r.stdout}).Encode(o) // as say does
			continue
		}
		switch {
		case f.Why != "":
			say(r.stdout, "not repaired: %s: %s\n", printable(f.File), printable(f.Why))
		case f.Name == f.File:
			say(r.stdout, "repaired: %s\n", printable(f.File))
		default:
			say(r.stdout, "repaired: %s, as %s\n", printable(f.File), printable(f.Name))
		}
	}
}
