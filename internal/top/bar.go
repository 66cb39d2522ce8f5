package top

import (
	"slices"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/jetcapture/jetcapture/internal/status"
)

// part is a part of the sequences of a stream.
type part struct {
	kind           kind
	name           string
	unicode, ascii string // one column of it
	sequences      uint64
}

// parts divides the sequences from 1 to the last one of a stream: what is no longer there, as after the acknowledgement
// of a work queue, what is stored and still there, what is in hand, and what is unread.
func parts(c *status.Capture) []part {
	last := c.Source.LastSeq
	at := min(c.Archive.StoredSeq, last)
	dropped := min(max(c.Source.FirstSeq, 1)-1, at)
	read := min(max(c.Source.ReadSeq, at), last)
	return []part{
		{gone, "no longer in the stream", "─", "-", dropped},
		{stored, "stored, still there", "█", "#", at - dropped},
		{hand, "in hand", "▒", "+", read - at},
		{unread, "unread", "·", ".", last - read},
	}
}

// shares divides columns among parts. A part of a few sequences among many still gets one column.
func shares(all []part, columns int) []int {
	total := uint64(0)
	for _, p := range all {
		total += p.sequences
	}
	widths := make([]int, len(all))
	if total == 0 {
		return widths
	}
	left := columns
	for i, p := range all {
		if p.sequences > 0 {
			widths[i] = max(int(float64(p.sequences)/float64(total)*float64(columns)), 1)
		}
		left -= widths[i]
	}
	widest := slices.Index(widths, slices.Max(widths))
	widths[widest] = max(widths[widest]+left, 0)
	return widths
}

// bar draws the sequences of a stream, and says what is drawn how.
func (s *Style) bar(c *status.Capture) (lines []string) {
	all := parts(c)
	l := s.line().add(plain, "  ")
	if c.Source.LastSeq == 0 {
		return append(lines, l.add(faint, "the stream has no sequence yet, or was not asked").String())
	}
	for i, width := range shares(all, s.Width-4) {
		l.add(all[i].kind, strings.Repeat(s.choose(all[i].unicode, all[i].ascii), width))
	}
	lines = append(lines, l.String())
	l = s.line()
	for _, p := range all {
		text := " " + humanize.Comma(int64(p.sequences)) + " " + p.name
		if l.used > 0 && l.used+len(text)+3 > s.Width {
			lines, l = append(lines, l.String()), s.line()
		}
		l.add(plain, "  ").add(p.kind, s.choose(p.unicode, p.ascii)).add(plain, text)
	}
	return append(lines, l.String())
}

// spark draws values side by side, the newest at the right end, in at most so many columns.
func (s *Style) spark(values []float64, columns int) string {
	if !s.Unicode || len(values) < 2 || columns < 2 {
		return ""
	}
	levels := []rune("▁▂▃▄▅▆▇█")
	values = values[max(len(values)-columns, 0):]
	top := max(slices.Max(values), 1)
	var b strings.Builder
	for _, v := range values {
		b.WriteRune(levels[min(int(max(v, 0)/top*float64(len(levels))), len(levels)-1)])
	}
	return b.String()
}
