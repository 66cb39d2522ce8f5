package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/internal/tablefiles"
	"github.com/spf13/cobra"
)

const manifestHelp = `jetcapture manifest lists the data files of complete cuts, for engines that have no catalog: a
query of a list sees whole cuts, no dead letters, and asks the store for no list.

Usage:
  jetcapture manifest ARCHIVE [OPTIONS]

Examples:
  A view for DuckDB:
    jetcapture manifest /var/orders --sql orders | duckdb orders.db

  The files, one JSON object a line, with their windows, rows and sums:
    jetcapture manifest s3://archive/orders --json

  Lists by day below the archive, from cron:
    jetcapture manifest s3://archive/orders --write

ARCHIVE is what --output of jetcapture run names.
`

const manifestConclusion = `
--write puts _manifest/CAPTURE/files/DAY.jsonl, with the objects of --json, and
_manifest/CAPTURE/symlink/cut_date=DAY/files.txt, with the paths, which Hive, Spark and Athena read
as SymlinkTextInputFormat. The day is that of the cut. A list is written when its day is over, which
a cut of a later day shows, and is never changed. Each file is in the list of one day.

Exit codes: 0 done, 1 failed, 2 wrong usage. A damaged log ends the list with an error: jetcapture
verify says all that is wrong with an archive.
`

// manifestSettings are what the options of the command manifest say.
type manifestSettings struct {
	capture string
	place   string // what the names of files are appended to; empty: the archive
	sql     string // name of the view
	json    bool
	write   bool
	into    string // folder or store of the lists; empty: the archive
}

func (s *manifestSettings) options() optionSet {
	return optionSet{
		{"What to print", []option{
			{
				name: "capture", arg: "NAME", help: "list this capture; needed if the archive holds several",
				value: text(&s.capture), complete: completeCaptures,
			},
			{name: "json", help: "print JSON, one object a line, not the paths alone", value: boolean(&s.json)},
			{
				name: "sql", arg: "VIEW", value: text(&s.sql),
				help: "print a statement that makes this view of the Parquet files, for DuckDB",
			},
			{
				name: "url", arg: "PREFIX", value: text(&s.place),
				help: "what readers find the archive by, such as https://bucket.s3.amazonaws.com/orders; by default as ARCHIVE " +
					"says",
			},
		}},
		{"Lists", []option{
			{name: "write", help: "write the lists of all days that are over, and print nothing", value: boolean(&s.write)},
			{
				name: "into", arg: "PLACE", help: "write them here, not into the archive: a folder or the URL of a store",
				value: outputPlace(&s.into),
			},
		}},
	}
}

// manifestCommand makes the command. Its settings belong to it alone: a command line is parsed once.
func manifestCommand(c console) *cobra.Command {
	s := &manifestSettings{}
	options := s.options()
	cmd := readingCommand("manifest", "list data files for engines that have no catalog",
		helpText(manifestHelp, options, manifestConclusion))
	cmd.RunE = c.checked(options, s.check, func(ctx context.Context, args []string) error {
		return s.run(ctx, args[0], c)
	})
	addFlags(cmd, options.all(), c)
	return cmd
}

// check returns what is wrong with the options.
func (s *manifestSettings) check(*choices) (problems []error) {
	if s.json && s.sql != "" || s.write && (s.json || s.sql != "") {
		problems = append(problems, errors.New("--json, --sql, --write: give one of them"))
	}
	if s.into != "" && !s.write {
		problems = append(problems, errors.New("--into: is the place of --write; give both"))
	}
	return problems
}

func (s *manifestSettings) run(ctx context.Context, where string, c console) (err error) {
	a, b, err := openArchive(ctx, where)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	capture, err := theCapture(ctx, a, s.capture)
	if err != nil {
		return err
	}
	place, err := s.readersPlace(where, b)
	if err != nil {
		return err
	}
	if !s.write {
		return s.print(ctx, b, capture, place, c)
	}
	target, err := openOutput(ctx, cmp.Or(s.into, where))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	days, err := tablefiles.WriteLists(ctx, b, capture, place, target)
	if err == nil && days == 0 {
		say(c.stderr, "jetcapture: nothing was written: each day before that of the newest cut has its lists, and those of "+
			"that day are written when a later day has a cut\n")
	}
	return err
}

// theCapture is the capture of a name, or the only one.
func theCapture(ctx context.Context, a *archive.Archive, name string) (only *archive.Capture, err error) {
	for capture, err := range a.Captures(ctx) {
		switch {
		case err != nil:
			return nil, err
		case name != "" && name != capture.Name():
		case only != nil:
			return nil, usagef("%s holds several captures: --capture says which, such as %s", a, only.Name())
		default:
			only = capture
		}
	}
	switch {
	case only != nil:
		return only, nil
	case name != "":
		return nil, fmt.Errorf("%s holds no capture %q: jetcapture ls lists those that it has", a, name)
	}
	return nil, errNoCapture(a)
}

// readersPlace is what readers append the names of files to.
func (s *manifestSettings) readersPlace(where string, b bucket.Bucket) (string, error) {
	switch {
	case s.place != "":
		return strings.TrimRight(s.place, "/"), nil
	case isStore(where):
		return b.String(), nil
	}
	folder, err := parseFolder(where)
	if err == nil {
		folder, err = filepath.Abs(folder)
	}
	return filepath.ToSlash(folder), err
}

// print prints the files of all complete cuts.
func (s *manifestSettings) print(
	ctx context.Context, b bucket.Bucket, capture *archive.Capture, place string, c console,
) error {
	out := bufio.NewWriter(c.stdout)
	objects := json.NewEncoder(printableJSON{out})
	objects.SetEscapeHTML(false)
	day, files := "", 0
	for cut, err := range tablefiles.Cuts(ctx, b, capture, 0) {
		if err != nil {
			return fmt.Errorf("%w; jetcapture verify says all that is wrong", err)
		}
		day = cut.DayAfter(day)
		for _, f := range cut.Files {
			e := f.Entry(place, day)
			switch {
			case s.json:
				err = objects.Encode(e)
			case s.sql != "" && !strings.HasSuffix(e.Path, ".parquet"):
				return fmt.Errorf("--sql: cut %d has the file %s, and the view is for Parquet files: jetcapture convert "+
					"makes an archive of them", e.Cut, e.Path)
			case s.sql != "":
				err = viewLine(out, s.sql, e.Path, files == 0)
			default:
				_, err = fmt.Fprintln(out, e.Path)
			}
			if err != nil {
				return fmt.Errorf("print the list: %w", err)
			}
			files++
		}
	}
	if s.sql != "" {
		if files == 0 {
			return fmt.Errorf("--sql: capture %s has no file yet, so there is no view of it", capture.Name())
		}
		say(out, "\n], union_by_name = true, hive_partitioning = true);\n")
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("print the list: %w", err)
	}
	return nil
}

// viewLine prints a file of the view, after the beginning of the statement if it is the first.
func viewLine(out *bufio.Writer, view, path string, first bool) error {
	before := ",\n"
	if first {
		before = fmt.Sprintf("CREATE OR REPLACE VIEW \"%s\" AS SELECT * FROM read_parquet([\n",
			strings.ReplaceAll(view, `"`, `""`))
	}
	_, err := fmt.Fprintf(out, "%s  '%s'", before, strings.ReplaceAll(path, "'", "''"))
	return err
}
