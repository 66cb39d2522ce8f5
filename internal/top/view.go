package top

import (
	"fmt"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/jetcapture/jetcapture/internal/status"
)

// View is what a terminal shows.
type View struct {
	Style
	Height   int    // lines; 0: as many as it takes, with the details of all captures
	Title    string // what was asked
	Hint     string // what the keys do
	Now      time.Time
	Errors   []string
	Rows     []Row
	Fleets   []*status.Fleet
	Selected int // the row whose details are shown
}

// Lines draws the view.
func (v *View) Lines() (lines []string) {
	lines = append(lines, v.header())
	for _, e := range v.Errors {
		lines = append(lines, v.wrapped(bad, "! ", e)...)
	}
	lines = append(lines, "")
	lines = append(lines, v.fleets()...)
	switch {
	case len(v.Rows) == 0 && len(v.Fleets) > 0:
		return lines
	case len(v.Rows) == 0:
		return append(lines, v.line().add(faint, "no capture yet").String())
	case len(v.Rows) == 1:
		return append(lines, v.details(&v.Rows[0])...)
	case v.Height == 0:
		lines = append(lines, v.table(len(v.Rows))...)
		for i := range v.Rows {
			lines = append(append(lines, ""), v.details(&v.Rows[i])...)
		}
		return lines
	}
	const least = 4 // rows of the table
	details := v.details(&v.Rows[v.selected()])
	room := max(v.Height-len(lines)-2-len(details), least)
	return append(append(append(lines, v.table(room)...), ""), details...)
}

// header says what is shown, and how many captures are healthy.
func (v *View) header() string {
	well := 0
	for i := range v.Rows {
		if kindOf(v.Rows[i].Health.Code) == good && v.Rows[i].Missing(v.Now) == 0 {
			well++
		}
	}
	l := v.line().add(strong, "jetcapture top").add(faint, "  "+v.Title+"  ")
	switch n := len(v.Rows); {
	case n == 1 && well == 1, n == 0:
	case well == n:
		l.add(good, fmt.Sprintf("%s captures, all healthy", humanize.Comma(int64(n))))
	default:
		l.add(bad, fmt.Sprintf("%s of %s not healthy", humanize.Comma(int64(n-well)), humanize.Comma(int64(n))))
	}
	text := v.Now.Format("15:04:05") + " UTC"
	if v.Hint != "" && l.used+len(v.Hint)+len(text)+4 <= v.Width {
		text = v.Hint + "  " + text
	}
	return l.right(faint, text).String()
}

// selected is the selected row, within bounds.
func (v *View) selected() int { return min(max(v.Selected, 0), len(v.Rows)-1) }

// table is a line for each capture, at most so many: those around the selected one.
func (v *View) table(room int) (lines []string) {
	columns := []column{
		{"  CAPTURE", 16, true},
		{"HEALTH", 15, true},
		{"NOT STORED", 10, false},
		{"HEADROOM", 9, false},
		{"LAG", 6, false},
		{"READ/S", 7, false},
		{"LOST", 5, false},
		{"ON", 16, true},
		{"OUTPUT", 40, true},
	}
	if room < len(v.Rows) && room > 1 {
		room-- // for the line that says so
	}
	first := min(max(v.selected()-room/2, 0), max(len(v.Rows)-room, 0))
	last := min(first+room, len(v.Rows))
	lines = append(lines, v.head(columns).String())
	for i := first; i < last; i++ {
		lines = append(lines, v.entry(columns, &v.Rows[i], v.Height > 0 && i == v.selected()))
	}
	if n := len(v.Rows) - (last - first); n > 0 {
		lines = append(lines, v.line().add(faint, fmt.Sprintf("  and %s more", humanize.Comma(int64(n)))).String())
	}
	return lines
}

// entry is the line of the table about one capture.
func (v *View) entry(columns []column, r *Row, selected bool) string {
	c := &r.Capture
	name, health := cell{plain, "  " + c.Capture}, cell{kindOf(c.Health.Code), c.Health.Text}
	if selected {
		name = cell{strong, "> " + c.Capture}
	}
	if gap := r.Missing(v.Now); gap > 0 {
		health = cell{bad, "silent " + status.Short(gap)}
	}
	fresh := "-"
	if f := c.Archive.Freshness; f != nil {
		fresh = seconds(*f)
	}
	first := c.Headroom.Unstored
	if u := c.Headroom.Unread; u != nil && (first == nil || *u < *first) {
		first = u
	}
	left := "-"
	if first != nil {
		left = seconds(*first)
	}
	lost := cell{plain, short(lostBy(c))}
	if lostBy(c) > 0 {
		lost.kind = bad
	}
	on := r.Process.Host
	if on == "" {
		on = strings.TrimPrefix(r.Process.From, "http://")
	}
	return v.row(columns, []cell{
		name, health,
		{plain, fresh},
		{plain, left},
		{plain, short(int64(c.Source.Lag))},
		{plain, rateShort(r.Read)},
		lost,
		{faint, on},
		{faint, c.Output},
	}).String()
}

// short is a number in a few characters, such as 18.4M.
func short(n int64) string {
	if n < 100_000 {
		return humanize.Comma(n)
	}
	value, unit := humanize.ComputeSI(float64(n))
	return fmt.Sprintf("%.1f%s", value, unit)
}

func rateShort(perSecond float64) string {
	if perSecond < 0 {
		return "-"
	}
	return short(int64(perSecond + 0.5))
}
