package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/cutlog"
)

// listing prints what the command ls lists, line by line, as a table or as JSON. The heading of a table comes before
// the first line that has it.
type listing struct {
	out     io.Writer
	json    *json.Encoder // nil: text
	heading string        // the last one that was printed
}

// newListing returns a listing on out. One goroutine uses it.
func newListing(out io.Writer, asJSON bool) *listing {
	l := &listing{out: out}
	if asJSON {
		l.json = json.NewEncoder(printableJSON{out})
		l.json.SetEscapeHTML(false)
	}
	return l
}

// encode prints an object for scripts: members are added, never renamed.
func (l *listing) encode(object any) error {
	if err := l.json.Encode(object); err != nil {
		return fmt.Errorf("print the list: %w", err)
	}
	return nil
}

// line prints a line of a table.
func (l *listing) line(heading, format string, args ...any) error {
	text := printable(fmt.Sprintf(format, args...)) + "\n"
	if heading != l.heading && heading != "" {
		if l.heading != "" {
			text = "\n" + heading + "\n" + text
		} else {
			text = heading + "\n" + text
		}
		l.heading = heading
	}
	if _, err := io.WriteString(l.out, text); err != nil {
		return fmt.Errorf("print the list: %w", err)
	}
	return nil
}

// totals are the sums over the cuts of a capture.
type totals struct {
	Type         string     `json:"type"` // capture
	Capture      string     `json:"capture"`
	Stream       string     `json:"stream"`
	Filter       []string   `json:"filter,omitempty"`
	Cuts         int64      `json:"cuts"`
	Unfinished   int64      `json:"unfinished"` // 1 if the newest cut is still to be finished
	Incarnations int64      `json:"incarnations"`
	From         uint64     `json:"from"` // the newest incarnation is covered from behind this sequence
	To           uint64     `json:"to"`   // up to this one
	FirstWindow  *time.Time `json:"first_window,omitempty"`
	LastWindow   *time.Time `json:"last_window,omitempty"`
	NewestCut    time.Time  `json:"newest_cut"`
	counts
}

// counts are the numbers of one cut, or the sums over several.
type counts struct {
	Messages    int64  `json:"messages"`
	DeadLetters int64  `json:"dead_letters"`
	Skipped     int64  `json:"skipped"`
	Lost        int64  `json:"lost"`
	Absent      uint64 `json:"absent"`
	Rows        int64  `json:"rows"`
	Files       int64  `json:"files"`
	Bytes       int64  `json:"bytes"`
	// Lost and Absent by reason.
	LostBy   map[cutlog.LostReason]int64    `json:"lost_by,omitempty"`
	AbsentBy map[cutlog.AbsentReason]uint64 `json:"absent_by,omitempty"`

	why archive.Reasons // of Lost and Absent, for the text
}

func newTotals(capture string) *totals { return &totals{Type: "capture", Capture: capture} }

// add adds a cut.
func (t *totals) add(c archive.Cut) {
	p := c.Plan
	if p.Format != nil {
		t.Filter = p.Format.Filter
	}
	if !c.Finished() {
		t.Unfinished++
	}
	if p.Opens || t.Cuts == 0 { // --last may begin within an incarnation
		t.Incarnations++
		t.From = p.From
	}
	t.Cuts++
	t.Stream, t.To, t.NewestCut = p.Stream.Name, p.To, p.Time
	t.counts.add(c.Counts(), c.Reasons())
	for i := range p.Blocks {
		w := p.Blocks[i].Window
		if t.FirstWindow == nil || w.Before(*t.FirstWindow) {
			t.FirstWindow = &w
		}
		if t.LastWindow == nil || w.After(*t.LastWindow) {
			t.LastWindow = &w
		}
	}
}

func (n *counts) add(c archive.Counts, why archive.Reasons) {
	n.Messages += c.Messages
	n.DeadLetters += c.Dead
	n.Skipped += c.Skipped
	n.Lost += c.Lost
	n.Absent += c.Absent
	n.Rows += c.Rows
	n.Files += c.Files
	n.Bytes += c.Bytes
	n.why.Add(why)
	n.LostBy, n.AbsentBy = n.why.Lost(), n.why.Absent()
}

// whyMissing says why messages are lost and sequences absent. It is empty if there are none.
func whyMissing(r archive.Reasons) string {
	lost, absent := byReason("lost", r.Lost()), byReason("absent", r.Absent())
	if lost == "" || absent == "" {
		return lost + absent
	}
	return lost + "; " + absent
}

// byReason lists numbers by reason, after what they count; empty if there are none.
func byReason[K ~string, N int64 | uint64](what string, by map[K]N) string {
	var parts []string
	for _, reason := range slices.Sorted(maps.Keys(by)) {
		parts = append(parts, thousands(int64(by[reason]))+" "+string(reason))
	}
	if len(parts) == 0 {
		return ""
	}
	return what + ": " + strings.Join(parts, ", ")
}

// capture prints a capture.
func (l *listing) capture(t *totals) error {
	if l.json != nil {
		return l.encode(t)
	}
	const columns = "%-20s %-20s %7s %5s %22s %13s %8s %8s %8s %10s %8s %10s %-16s  %s"
	windows := "-"
	if t.FirstWindow != nil {
		windows = minute(*t.FirstWindow)
	}
	last := "-"
	if t.LastWindow != nil {
		last = minute(*t.LastWindow)
	}
	heading := fmt.Sprintf(columns, "CAPTURE", "STREAM", "CUTS", "LIVES", "SEQUENCES", "MESSAGES", "DEAD", "SKIPPED",
		"LOST", "ABSENT", "FILES", "SIZE", "FIRST WINDOW", "LAST WINDOW")
	err := l.line(heading, columns, t.Capture, t.Stream, thousands(t.Cuts), thousands(t.Incarnations), span(t.From, t.To),
		thousands(t.Messages), thousands(t.DeadLetters), thousands(t.Skipped), thousands(t.Lost),
		thousands(int64(t.Absent)), thousands(t.Files), byteText(t.Bytes), windows, last)
	if why := whyMissing(t.why); err == nil && why != "" {
		err = l.line("", "%-20s %s", "", why)
	}
	if err == nil && t.Unfinished > 0 {
		err = l.line("", "%-20s the newest cut is still to be finished", "")
	}
	return err
}

// span is the sequences of a cut, for people.
func span(from, to uint64) string {
	if from == to {
		return fmt.Sprintf("none yet, after %d", to)
	}
	return fmt.Sprintf("%d-%d", from+1, to)
}

// minute is a window for people. Windows begin at full minutes.
func minute(t time.Time) string { return t.UTC().Format("2006-01-02T15:04") }

// cut prints a cut.
func (l *listing) cut(c archive.Cut) error {
	p, n := c.Plan, c.Counts()
	if l.json != nil {
		object := struct {
			Type        string    `json:"type"` // cut
			Capture     string    `json:"capture"`
			Cut         uint64    `json:"cut"`
			Time        time.Time `json:"time"`
			Reason      string    `json:"reason"`
			Finished    bool      `json:"finished"`
			Stream      string    `json:"stream"`
			Created     time.Time `json:"stream_created"`
			Incarnation string    `json:"incarnation"`
			Opens       bool      `json:"opens"`
			From        uint64    `json:"from"` // the cut covers the sequences behind this one
			To          uint64    `json:"to"`
			Instance    string    `json:"instance"`
			Notes       []string  `json:"notes,omitempty"`
			counts
		}{
			Type: "cut", Capture: c.Capture(), Cut: c.N, Time: p.Time, Reason: string(p.Reason), Finished: c.Finished(),
			Stream:  p.Stream.Name,
			Created: p.Stream.Created, Incarnation: p.Incarnation, Opens: p.Opens, From: p.From, To: p.To,
			Instance: p.Writer.Instance, Notes: p.Notes,
		}
		object.add(n, c.Reasons())
		return l.encode(object)
	}
	const columns = "%-20s %7s %-19s %-8s %-11s %22s %13s %8s %8s %8s %10s %8s %10s  %s"
	heading := fmt.Sprintf(columns, "CAPTURE", "CUT", "TIME", "REASON", "INCARNATION", "SEQUENCES", "MESSAGES", "DEAD",
		"SKIPPED", "LOST", "ABSENT", "FILES", "SIZE", "STATE")
	state := "finished"
	if !c.Finished() {
		state = "still to be finished"
	}
	if why := whyMissing(c.Reasons()); why != "" {
		state += "; " + why
	}
	return l.line(heading, columns, c.Capture(), thousands(int64(c.N)), p.Time.UTC().Format("2006-01-02T15:04:05"),
		p.Reason, p.Incarnation,
		span(p.From, p.To), thousands(n.Messages), thousands(n.Dead), thousands(n.Skipped),
		thousands(n.Lost), thousands(int64(n.Absent)), thousands(n.Files), byteText(n.Bytes), state)
}

// repaired prints where the mended file of a block is.
func (l *listing) repaired(b archive.Block, r archive.Repaired) error {
	if l.json != nil {
		return l.encode(struct {
			Type    string `json:"type"` // repaired
			Capture string `json:"capture"`
			Cut     uint64 `json:"cut"`
			Path    string `json:"path"`
			Mended  string `json:"mended"`
			Bytes   int64  `json:"bytes"`
			SHA256  string `json:"sha256"`
		}{"repaired", b.Capture, b.Cut, b.Path(), r.Name, r.File.Size, r.File.SHA256})
	}
	_, err := fmt.Fprintf(l.out, "that file was found damaged, the mended one is %s\n", printable(r.Name))
	return err
}

// block prints a file.
func (l *listing) block(b archive.Block) error {
	stored := cutlog.File{}
	if b.Stored != nil {
		stored = *b.Stored
	}
	if l.json != nil {
		return l.encode(struct {
			Type     string        `json:"type"` // block
			Capture  string        `json:"capture"`
			Cut      uint64        `json:"cut"`
			Kind     cutlog.Kind   `json:"kind"`
			Key      []cutlog.Text `json:"key"`
			Path     string        `json:"path"`
			Window   time.Time     `json:"window"`
			First    uint64        `json:"first"`
			Last     uint64        `json:"last"`
			Messages int64         `json:"messages"`
			Rows     int64         `json:"rows"`
			Lost     int64         `json:"lost"`
			Finished bool          `json:"finished"` // its cut
			Missing  bool          `json:"missing"`  // no file was made, as all its messages are lost
			Bytes    int64         `json:"bytes"`
			SHA256   string        `json:"sha256,omitempty"`
		}{
			"block", b.Capture, b.Cut, b.Kind, append([]cutlog.Text{}, b.Key...), b.Path(), b.Window, b.Seqs.First(),
			b.Seqs.Last(),
			b.Messages, b.Rows, int64(b.Lost.Count()), b.Stored != nil, stored.Missing, stored.Size, stored.SHA256,
		})
	}
	const columns = "%7s %-16s %22s %10s %10s  %s"
	heading := fmt.Sprintf(columns, "CUT", "WINDOW", "SEQUENCES", "MESSAGES", "SIZE", "FILE")
	note := ""
	switch {
	case b.Stored == nil:
		note = "  (the cut is still to be finished)"
	case stored.Missing:
		note = "  (not made: all its messages were lost)"
	case !b.Lost.Empty():
		note = fmt.Sprintf("  (%s lost)", counted(int64(b.Lost.Count()), "message"))
	}
	return l.line(heading, columns, thousands(int64(b.Cut)), minute(b.Window),
		fmt.Sprintf("%d-%d", b.Seqs.First(), b.Seqs.Last()),
		thousands(b.Messages), byteText(stored.Size), b.Path()+note)
}

// fate prints what became of a sequence that is in no file.
func (l *listing) fate(c archive.Cut, seq uint64, fate archive.Fate) error {
	if l.json != nil {
		return l.encode(struct {
			Type    string       `json:"type"` // sequence
			Capture string       `json:"capture"`
			Seq     uint64       `json:"seq"`
			Fate    archive.Fate `json:"fate"`
			Reason  string       `json:"reason,omitempty"` // of a lost or an absent one, if it is known
			Cut     uint64       `json:"cut"`
		}{"sequence", c.Capture(), seq, fate, c.Reason(seq), c.N})
	}
	text := fateText(fate)
	if reason := c.Reason(seq); reason != "" {
		text += ": " + reason
	}
	return l.line("", "capture %s: sequence %d is in no file: it is %s in cut %d, %s", c.Capture(), seq, fate, c.N, text)
}

func fateText(f archive.Fate) string {
	switch f {
	case archive.FateSkipped:
		return "left out by the decoder or the poison policy"
	case archive.FateLost:
		return "gone from the stream before it was stored"
	}
	return "no message of this capture, as far as can be known"
}

// uncovered prints that no cut covers a sequence.
func (l *listing) uncovered(capture string, seq uint64) error {
	if l.json != nil {
		return l.encode(struct {
			Type    string `json:"type"` // sequence
			Capture string `json:"capture"`
			Seq     uint64 `json:"seq"`
			Fate    string `json:"fate"`
		}{"sequence", capture, seq, "not-covered"})
	}
	return l.line("", "capture %s: sequence %d is in no cut: the capture began after it, or has not come to it yet",
		capture, seq)
}
