package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/nats-io/nats.go"
	"github.com/urfave/cli/v2"
)

const verifyHelp = `jetcapture verify checks that an archive is whole: every record of the cut logs and the chain that they
make, the accounting of every stream sequence, and every file: that it is there, has the size and the
SHA-256 that were recorded, unpacks, and has the rows that it should; and that there is no other file.

Usage:
  jetcapture verify ARCHIVE [OPTIONS]

Examples:
  Everything that can be checked without the stream:
    jetcapture verify /var/archive

  Message by message against what the streams still hold:
    jetcapture verify /var/archive --against-stream --nats-server nats://127.0.0.1:4222

  The logs and the sizes of the files only, which is fast:
    jetcapture verify /var/archive --quick

ARCHIVE is what --output of jetcapture run names. A capture may run
meanwhile. Nothing is changed, neither in the archive nor in the stream.
`

const verifyConclusion = `
With --against-stream, NDJSON as jetcapture run writes it and dead letters are compared; messages in
other formats are counted as not compared. Flags override the environment.

Each problem is a line with the object, the cut, the stream sequences, what was expected and what was
found; notes are no problems. Exit codes: 0 no problem, 1 problems, or the verification failed, 2 wrong
usage.
`

// verifySettings are what the options of the command verify say.
type verifySettings struct {
	capture string
	quick   bool
	against bool
	json    bool
}

func (s *verifySettings) options() []option {
	return []option{
		{name: "against-stream", help: "compare with what the streams still hold", of: func(*settings) value { return boolean(&s.against) }},
		{name: "quick", help: "do not read the files, only look that they are there with the right size", of: func(*settings) value { return boolean(&s.quick) }},
		{name: "capture", arg: "NAME", help: "verify this capture only", of: func(*settings) value { return text(&s.capture) }},
		{name: "json", help: "print JSON, one object a line: the findings, then the summary", of: func(*settings) value { return boolean(&s.json) }},
	}
}

func verifyCommand(c console) *cli.Command {
	s := &verifySettings{}
	return readingCommand{
		name: "verify", usage: "check that an archive is whole", help: verifyHelp, conclusion: verifyConclusion,
		groups: []group{{"What to check", s.options()}, {"Connection, with --against-stream", connectionOptions()}},
		run: func(ctx *cli.Context, where string) error {
			all, problems := s.read(ctx, c.getenv)
			if len(problems) > 0 {
				return &usageError{problems}
			}
			return s.verify(ctx.Context, where, all, c)
		},
	}.command(c)
}

// read reads the options; those of the connection only if there will be one.
func (s *verifySettings) read(ctx *cli.Context, getenv func(string) string) (*settings, []error) {
	all := defaults()
	problems := all.readOptions(s.options(), ctx, getenv)
	if s.against {
		problems = append(problems, all.readOptions(connectionOptions(), ctx, getenv)...)
		return all, append(problems, all.connectionProblems()...)
	}
	for _, o := range connectionOptions() {
		if ctx.IsSet(o.name) {
			problems = append(problems, fmt.Errorf("--%s: is for --against-stream only", o.name))
		}
	}
	return all, problems
}

// verify verifies the archive and prints what it finds.
func (s *verifySettings) verify(ctx context.Context, where string, all *settings, c console) (err error) {
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
	if s.against {
		nc, prefix, err := all.connect(slog.New(slog.NewTextHandler(screen, &slog.HandlerOptions{Level: slog.LevelWarn})))
		if err != nil {
			return err
		}
		defer nc.Close()
		o.Against = func(_ context.Context, f cutlog.Format) (archive.Stream, error) { return newStream(nc, prefix, f), nil }
	}
	report, err := a.Verify(ctx, o)
	screen.show("")
	p.summary(a, report, s.against, err)
	switch {
	case err != nil:
		return adviseVerify(err)
	case p.err != nil:
		return fmt.Errorf("print the findings: %w", p.err)
	case !report.OK():
		return fmt.Errorf("%s is not as it should be: %s", a, plural(report.Problems, "problem"))
	}
	return nil
}

// adviseVerify adds to an error what can be done about it.
func adviseVerify(err error) error {
	if errors.Is(err, nats.ErrConnectionClosed) {
		return err
	}
	return advise(err)
}

// verdict prints what a verification finds. Package archive calls its methods one at a time.
type verdict struct {
	*ticker
	out    io.Writer
	asJSON bool
	began  time.Time
	err    error // of printing
}

// finding is a finding for scripts: members are added, never renamed.
type finding struct {
	Type     archive.Severity `json:"type"` // problem, note
	Kind     archive.Kind     `json:"kind"`
	Capture  string           `json:"capture,omitempty"`
	Cut      uint64           `json:"cut,omitempty"`
	Object   string           `json:"object"`
	Seqs     [][2]uint64      `json:"seqs,omitempty"` // first and last of each run of stream sequences
	Expected string           `json:"expected"`
	Found    string           `json:"found"`
	Advice   string           `json:"advice,omitempty"`
}

// found prints a finding.
func (v *verdict) found(f archive.Finding) {
	v.show("")
	if !v.asJSON {
		v.print("%s: %s\n", f.Severity, f)
		return
	}
	o := finding{
		Type: f.Severity, Kind: f.Kind, Capture: f.Capture, Cut: f.Cut, Object: f.Object, Expected: f.Expected, Found: f.Found, Advice: f.Advice,
	}
	for first, last := range f.Seqs.Runs() {
		o.Seqs = append(o.Seqs, [2]uint64{first, last})
	}
	v.encode(o)
}

func (v *verdict) print(format string, args ...any) {
	_, err := fmt.Fprintf(v.out, format, args...)
	v.err = errors.Join(v.err, err)
}

func (v *verdict) encode(object any) {
	e := json.NewEncoder(v.out)
	e.SetEscapeHTML(false)
	v.err = errors.Join(v.err, e.Encode(object))
}

// progress shows how far the verification has come.
func (v *verdict) progress(p archive.Progress) {
	if v.began.IsZero() {
		v.began = v.now()
	}
	v.tick(func() string { return progressText(p, v.now().Sub(v.began)) })
}

func progressText(p archive.Progress, took time.Duration) string {
	where := fmt.Sprintf("looking for files that no plan names: %s", thousands(p.Listed))
	if p.Capture != "" {
		where = fmt.Sprintf("capture %s: cut %s of %s", p.Capture, thousands(int64(p.Cut)), thousands(int64(p.Last)))
	}
	line := fmt.Sprintf("%s, %s files, %s", where, thousands(p.Files), byteText(p.Bytes))
	if seconds := took.Seconds(); seconds > 0 && p.Capture != "" {
		line += fmt.Sprintf(" (%s/s)", byteText(int64(float64(p.Bytes)/seconds)))
	}
	if p.Compared > 0 {
		line += fmt.Sprintf(", %s messages compared", thousands(p.Compared))
	}
	if p.Problems > 0 {
		line += ", " + plural(p.Problems, "problem")
	}
	return line
}

// summary prints what was covered.
func (v *verdict) summary(a *archive.Archive, r archive.Report, against bool, err error) {
	if v.asJSON {
		v.encode(verifySummary(a, r, err))
		return
	}
	v.print("%s: %s, %s", a, plural(r.Captures, "capture"), plural(r.Cuts, "cut"))
	if unfinished := r.Cuts - r.Finished; unfinished > 0 {
		v.print(" (%s of them without a sound done record)", thousands(unfinished))
	}
	v.print(", %s, %s, %s read\n", plural(r.Read, "file"), byteText(r.Size), plural(r.RowsRead, "row"))
	v.print("%s in files, %s dead letters, %s skipped, %s lost, %s absent\n",
		plural(r.Messages, "message"), thousands(r.Dead), thousands(r.Skipped), thousands(r.Lost), thousands(int64(r.Absent)))
	if against {
		v.print("%s that the streams still hold compared, %s not, as their format does not allow it\n", plural(r.Compared, "message"), thousands(r.Uncompared))
	}
	switch {
	case err != nil:
		v.print("not finished: %s, %s so far\n", plural(r.Problems, "problem"), plural(r.Notes, "note"))
	case r.OK():
		v.print("no problem, %s\n", plural(r.Notes, "note"))
	default:
		v.print("%s, %s\n", plural(r.Problems, "problem"), plural(r.Notes, "note"))
	}
}

// verifySummary is the summary for scripts: members are added, never renamed.
func verifySummary(a *archive.Archive, r archive.Report, err error) any {
	s := struct {
		Type     string `json:"type"` // summary
		Archive  string `json:"archive"`
		OK       bool   `json:"ok"`
		Problems int64  `json:"problems"`
		Notes    int64  `json:"notes"`
		Captures int64  `json:"captures"`
		Cuts     int64  `json:"cuts"`
		Finished int64  `json:"finished"`
		counts
		FilesRead  int64  `json:"files_read"`
		BytesRead  int64  `json:"bytes_read"`
		RowsRead   int64  `json:"rows_read"`
		Compared   int64  `json:"compared"`
		Uncompared int64  `json:"not_compared"`
		Error      string `json:"error,omitempty"`
	}{
		Type: "summary", Archive: a.String(), OK: err == nil && r.OK(), Problems: r.Problems, Notes: r.Notes, Captures: r.Captures, Cuts: r.Cuts,
		Finished: r.Finished, FilesRead: r.Read, BytesRead: r.Size, RowsRead: r.RowsRead, Compared: r.Compared, Uncompared: r.Uncompared,
	}
	s.add(r.Counts)
	if err != nil {
		s.Error = err.Error()
	}
	return s
}

// plural is a number with a noun.
func plural(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return thousands(n) + " " + noun + "s"
}
