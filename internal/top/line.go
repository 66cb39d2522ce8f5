package top

import (
	"strings"

	"github.com/jetcapture/jetcapture/internal/terminal"
)

// Style is what a terminal can show.
type Style struct {
	Width   int // columns
	Color   bool
	Unicode bool
}

// kind is what a piece of text is, by which it is colored.
type kind int

const (
	plain kind = iota
	faint
	strong
	good
	warned
	bad
	gone // parts of the bar of sequences
	stored
	hand
	unread
)

// color is what switches to a kind (ECMA-48, SGR).
func (k kind) color() string {
	return [...]string{
		plain: "0", faint: "2", strong: "1", good: "32", warned: "33", bad: "31", gone: "90", stored: "34",
		hand: "33", unread: "37",
	}[k]
}

// choose returns the first text, or the second one where there is no Unicode.
func (s *Style) choose(unicode, ascii string) string {
	if s.Unicode {
		return unicode
	}
	return ascii
}

// line is a line of the terminal as it grows. It takes no more than the style's width.
type line struct {
	style *Style
	text  strings.Builder
	used  int // columns
}

func (s *Style) line() *line { return &line{style: s} }

// add appends a text, which may be that of others: what a terminal would obey is shown instead.
func (l *line) add(k kind, text string) *line {
	text = terminal.Cut(terminal.Printable(text), l.style.Width-l.used)
	l.used += terminal.Width(text)
	if k == plain || !l.style.Color || text == "" {
		l.text.WriteString(text)
		return l
	}
	l.text.WriteString("\x1b[" + k.color() + "m" + text + "\x1b[0m")
	return l
}

// to appends blanks up to a column.
func (l *line) to(column int) *line { return l.add(plain, strings.Repeat(" ", max(column-l.used, 0))) }

// right puts a text at the right end, if there is room for it.
func (l *line) right(k kind, text string) *line {
	if at := l.style.Width - terminal.Width(terminal.Printable(text)); at > l.used {
		l.to(at).add(k, text)
	}
	return l
}

func (l *line) String() string { return strings.TrimRight(l.text.String(), " ") }

// wrapped breaks a text into lines behind a mark, which stands before the first of them.
func (s *Style) wrapped(k kind, mark, text string) (lines []string) {
	begin := strings.Repeat(" ", terminal.Width(mark))
	for i, part := range terminal.Wrap(terminal.Printable(text), s.Width-terminal.Width(mark)) {
		if i == 0 {
			lines = append(lines, s.line().add(k, mark+part).String())
			continue
		}
		lines = append(lines, s.line().add(k, begin+part).String())
	}
	return lines
}

// column is a column of a table.
type column struct {
	name  string
	width int
	left  bool // its texts begin at the left
}

// cell is a text in a column.
type cell struct {
	kind kind
	text string
}

// row returns a line of a table. Columns that do not fit are left out.
func (s *Style) row(columns []column, cells []cell) *line {
	l := s.line()
	for i, c := range columns {
		if l.used+c.width > s.Width {
			break
		}
		text := terminal.Cut(terminal.Printable(cells[i].text), c.width)
		if pad := c.width - terminal.Width(text); !c.left {
			l.to(l.used + pad)
		}
		begin := l.used
		l.add(cells[i].kind, text)
		if c.left {
			l.to(begin + c.width)
		}
		l.add(plain, "  ")
	}
	return l
}

// head returns the line above a table.
func (s *Style) head(columns []column) *line {
	cells := make([]cell, len(columns))
	for i, c := range columns {
		cells[i] = cell{faint, c.name}
	}
	return s.row(columns, cells)
}
