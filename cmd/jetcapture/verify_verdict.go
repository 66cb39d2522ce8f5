package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/jetcapture/jetcapture/archive"
)

// verdict prints what a verification finds. Package archive calls its methods one at a time.
type verdict struct {
	*ticker
	out    io.Writer
	asJSON bool
	began  time.Time
	notes  int64 // that it has printed beside those of the report
	err    error // of printing, joined
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
		v.print("%s: %s\n", f.Severity, printable(f.String()))
		return
	}
	o := finding{
		Type: f.Severity, Kind: f.Kind, Capture: f.Capture, Cut: f.Cut, Object: f.Object, Expected: f.Expected,
		Found: f.Found, Advice: f.Advice,
	}
	for first, last := range f.Seqs.Runs() {
		o.Seqs = append(o.Seqs, [2]uint64{first, last})
	}
	v.encode(o)
}

// print keeps an error for the end: a verification goes on even if nobody reads its findings any more.
func (v *verdict) print(format string, args ...any) {
	_, err := fmt.Fprintf(v.out, format, args...)
	v.err = errors.Join(v.err, err)
}

func (v *verdict) encode(object any) {
	e := json.NewEncoder(printableJSON{v.out})
	e.SetEscapeHTML(false)
	v.err = errors.Join(v.err, e.Encode(object))
}

// progress shows how far the verification is.
func (v *verdict) progress(p archive.Progress) {
	if v.began.IsZero() {
		v.began = v.now()
	}
	v.tick(func() string { return progressText(p, v.now().Sub(v.began)) })
}

// progressText is the progress line. took is the time since the beginning.
func progressText(p archive.Progress, took time.Duration) string {
	where := fmt.Sprintf("looking for files that no plan names: %s", thousands(p.Listed))
	if p.Capture != "" {
		where = fmt.Sprintf("capture %s: cut %s of %s", p.Capture, thousands(int64(p.Cut)), thousands(int64(p.Last)))
	}
	line := fmt.Sprintf("%s, %s, %s", where, counted(p.Files, "file"), byteText(p.Bytes))
	if seconds := took.Seconds(); seconds > 0 && p.Capture != "" {
		line += fmt.Sprintf(" (%s/s)", byteText(int64(float64(p.Bytes)/seconds)))
	}
	if p.Compared > 0 {
		line += fmt.Sprintf(", %s compared", counted(p.Compared, "message"))
	}
	if p.Problems > 0 {
		line += ", " + counted(p.Problems, "problem")
	}
	return line
}

// summary prints what the verification covered, and what the archive was compared with; empty: with nothing.
func (v *verdict) summary(a *archive.Archive, r archive.Report, against string, err error) {
	if v.asJSON {
		v.encode(verifySummary(a, r, err))
		return
	}
	v.print("%s: %s, %s", a, counted(r.Captures, "capture"), counted(r.Cuts, "cut"))
	if unfinished := r.Cuts - r.Finished; unfinished > 0 {
		v.print(" (%s of them without a sound done record)", thousands(unfinished))
	}
	v.print(", %s, %s, %s read\n", counted(r.Read, "file"), byteText(r.Size), counted(r.RowsRead, "row"))
	for _, capture := range slices.Sorted(maps.Keys(r.NoFormatIn)) {
		v.print("rows of %s of capture %s not counted: its plans do not say the format. A program that uses the library "+
			"says it by Options.Settings[\"format\"]: ndjson, csv, parquet, avro or raw\n",
			counted(r.NoFormatIn[capture], "file"), printable(capture))
	}
	v.print("%s in files, %s dead letters, %s skipped, %s lost, %s absent\n",
		counted(r.Messages, "message"), thousands(r.Dead), thousands(r.Skipped), thousands(r.Lost),
		thousands(int64(r.Absent)))
	if why := whyMissing(r.Reasons); why != "" {
		v.print("%s\n", why)
	}
	if against != "" {
		v.print("compared with %s: %s", against, counted(r.Compared, "message"))
		if r.Uncompared > 0 {
			v.print("; only the sequences of %s, in formats of which jetcapture diff may compare more",
				thousands(r.Uncompared))
		}
		v.print("\n")
	}
	switch {
	case err != nil:
		v.print("not finished: %s, %s so far\n", counted(r.Problems, "problem"), counted(r.Notes, "note"))
	case r.OK():
		v.print("no problem, %s\n", counted(r.Notes, "note"))
	default:
		v.print("%s, %s\n", counted(r.Problems, "problem"), counted(r.Notes, "note"))
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
		FilesRead int64 `json:"files_read"`
		BytesRead int64 `json:"bytes_read"`
		RowsRead  int64 `json:"rows_read"`
		NoFormat  int64 `json:"files_of_unknown_format"` // their rows are not counted
		// by capture
		NoFormatIn map[string]int64 `json:"unknown_format_by_capture,omitempty"`
		Compared   int64            `json:"compared"`
		Uncompared int64            `json:"not_compared"`
		Error      string           `json:"error,omitempty"`
	}{
		Type: "summary", Archive: a.String(), OK: err == nil && r.OK(), Problems: r.Problems, Notes: r.Notes,
		Captures: r.Captures, Cuts: r.Cuts,
		Finished: r.Finished, FilesRead: r.Read, BytesRead: r.Size, RowsRead: r.RowsRead, NoFormat: r.NoFormat,
		NoFormatIn: r.NoFormatIn,
		Compared:   r.Compared, Uncompared: r.Uncompared,
	}
	s.add(r.Counts, r.Reasons)
	if err != nil {
		s.Error = err.Error()
	}
	return s
}

// printed returns why the findings could not be printed.
func (v *verdict) printed() error {
	if v.err != nil {
		return fmt.Errorf("print the findings: %w", v.err)
	}
	return nil
}
