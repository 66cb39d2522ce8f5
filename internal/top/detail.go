package top

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/jetcapture/jetcapture/internal/status"
)

const shownCuts = 5 // of a capture

// details are the lines about one capture.
func (v *View) details(r *Row) (lines []string) {
	c := &r.Capture
	state := c.Health.Text
	if c.Health.Code == status.OK {
		state += ", " + c.State
	}
	lines = append(lines,
		v.line().add(strong, c.Capture).add(faint, " "+v.choose("→", "->")+" "+c.Output).
			right(kindOf(c.Health.Code), "  "+v.choose("●", "*")+" "+state).String(),
		v.line().add(faint, "  "+v.origin(r)).String())
	if gap := r.Missing(v.Now); gap > 0 {
		lines = append(lines, v.line().add(bad, "  it has not answered for "+status.Short(gap)).String())
	}
	lines = append(lines, v.bar(c)...)
	lines = append(lines, v.grid(v.facts(r))...)
	lines = append(lines, v.wide("next", c.Next)...)
	lines = append(lines, v.wide("largest files", largest(c))...)
	for _, p := range c.Problems {
		lines = append(lines, v.wrapped(bad, "  ! ", p)...)
	}
	for _, n := range c.Notes {
		lines = append(lines, v.wrapped(faint, "  - ", n)...)
	}
	return append(lines, v.cuts(r)...)
}

// origin says where a capture runs, and what it reads.
func (v *View) origin(r *Row) string {
	c := &r.Capture
	words := []string{"stream " + c.Stream}
	add := func(is bool, text string) {
		if is {
			words = append(words, text)
		}
	}
	add(c.Source.Server != "", "of "+serverText(c.Source.Server))
	add(c.Source.Consumer != "", "by consumer "+c.Source.Consumer)
	add(r.Process.Version != "", "- jetcapture "+r.Process.Version)
	add(r.Process.Host != "", "on "+r.Process.Host)
	add(!r.Process.Started.IsZero(), "for "+status.Short(r.now().Sub(r.Process.Started)))
	return strings.Join(words, " ")
}

// now is the time at which the process answered, by its own clock.
func (r *Row) now() time.Time {
	if r.Process.Now.IsZero() {
		return r.Answered
	}
	return r.Process.Now
}

// fact is something about a capture in a few characters.
type fact struct {
	name string
	cell
}

// factColumns are the columns of a fact, and nameColumns those of its name.
const factColumns, nameColumns = 39, 17

// facts are the numbers about a capture.
func (v *View) facts(r *Row) []fact {
	c, acc := &r.Capture, &r.Accounting
	lost := lostBy(c)
	mark := func(is bool, k kind) kind {
		if is {
			return k
		}
		return plain
	}
	server := fact{"server", cell{plain, "connected"}}
	if !c.Source.Connected {
		server.cell = cell{bad, "not connected"}
	}
	return []fact{
		{"oldest unstored", cell{plain, v.freshness(r)}},
		{"lag", cell{plain, humanize.Comma(int64(c.Source.Lag))}},
		{"unread dropped", cell{plain, headroom(c.Headroom.Unread, "")}},
		{"unstored dropped", cell{plain, headroom(c.Headroom.Unstored, c.Headroom.Limit)}},
		{"read", cell{plain, rate(r.Read)}},
		{"stored", cell{plain, stock(acc.FileBytes, r.Stored)}},
		{"the stream takes", cell{plain, rate(c.Source.Rate)}},
		{"waiting for", cell{mark(c.Waiting != "", warned), cmp.Or(c.Waiting, "nothing")}},
		{"lost", cell{mark(lost > 0, bad), humanize.Comma(lost)}},
		{"dead letters", cell{mark(acc.Dead > 0, warned), humanize.Comma(acc.Dead)}},
		{"memory", cell{plain, share(c.Resources.Memory, c.Resources.MemoryLimit)}},
		{"spool", cell{plain, share(c.Resources.Spool, c.Resources.SpoolLimit)}},
		{"open files", cell{plain, humanize.Comma(c.Archive.OpenBlocks)}},
		server,
	}
}

// grid puts facts side by side, as many as there is room for.
func (v *View) grid(facts []fact) (lines []string) {
	side := max(v.Width/factColumns, 1)
	wide := max(v.Width/side, nameColumns)
	for len(facts) > 0 {
		l := v.line()
		n := min(side, len(facts))
		for i, f := range facts[:n] {
			l.to(i*wide).add(plain, "  ").add(faint, f.name).to(i*wide+2+nameColumns).add(plain, " ").add(f.kind, f.text)
		}
		lines, facts = append(lines, l.String()), facts[n:]
	}
	return lines
}

// wide is a line for a fact that takes more room than others, if there is one.
func (v *View) wide(name, text string) []string {
	if text == "" {
		return nil
	}
	return []string{v.line().add(plain, "  ").add(faint, name).to(2+nameColumns).add(plain, " "+text).String()}
}

// largest names the largest open files, as many as a line may have room for.
func largest(c *status.Capture) string {
	const most = 5
	var all []string
	for _, o := range c.LargestOpen[:min(len(c.LargestOpen), most)] {
		name := strings.Join(o.Key, "/")
		if o.Dead {
			name = "dead letters"
		}
		all = append(all, cmp.Or(name, "-")+" "+bytes(o.Bytes))
	}
	return strings.Join(all, ", ")
}

// freshness says how old the oldest message is that is not stored, and how old it was lately.
func (v *View) freshness(r *Row) string {
	f := r.Archive.Freshness
	if f == nil {
		return "not known"
	}
	text := "-, all is stored"
	if *f > 0 {
		text = seconds(*f) + " old"
	}
	if spark := v.spark(r.Fresh, min(v.Width, factColumns)-nameColumns-5-len(text)); spark != "" {
		text += " " + spark
	}
	return text
}

// cuts are the lines about the newest cuts of a capture.
func (v *View) cuts(r *Row) (lines []string) {
	if len(r.RecentCuts) == 0 {
		return nil
	}
	columns := []column{
		{"  CUT", 7, false},
		{"WHY", 8, true},
		{"AGO", 9, false},
		{"FILES", 6, false},
		{"SIZE", 8, false},
		{"TOOK", 6, false},
		{"SEQUENCES", 24, true},
	}
	lines = append(lines, v.head(columns).String())
	for _, c := range r.RecentCuts[:min(len(r.RecentCuts), shownCuts)] {
		lines = append(lines, v.row(columns, []cell{
			{plain, humanize.Comma(int64(c.N))},
			{plain, c.Reason},
			{plain, status.Short(r.now().Sub(c.At))},
			{plain, humanize.Comma(int64(c.Files))},
			{plain, bytes(c.Bytes)},
			{plain, fmt.Sprintf("%.1f s", c.Took)},
			{faint, humanize.Comma(int64(c.From+1)) + " to " + humanize.Comma(int64(c.To))},
		}).String())
	}
	return lines
}

// lostBy is how many messages a capture has lost, for whatever reason.
func lostBy(c *status.Capture) (sum int64) {
	for _, n := range c.Accounting.Lost {
		sum += n
	}
	return sum
}

func seconds(s float64) string { return status.Short(time.Duration(s * float64(time.Second))) }

// serverText shortens the name of a server without one, which is its key of 56 characters, before the version.
func serverText(server string) string {
	name, version, _ := strings.Cut(server, " ")
	if len(name) < 56 {
		return server
	}
	return name[:8] + " " + version
}

// headroom says when the stream drops a message; limit is which of its limits that is.
func headroom(s *float64, limit string) string {
	switch {
	case s == nil:
		return "not in sight"
	case *s <= 0:
		return "now"
	case limit == "":
		return "in " + seconds(*s)
	}
	return "in " + seconds(*s) + " (" + limit + ")"
}

func rate(perSecond float64) string {
	if perSecond < 0 {
		return "-"
	}
	return humanize.Comma(int64(perSecond+0.5)) + "/s"
}

// stock is how much there is, and how fast it grows if it does.
func stock(n int64, perSecond float64) string {
	if perSecond <= 0 {
		return bytes(n)
	}
	return bytes(n) + ", " + bytes(int64(perSecond)) + "/s"
}

func bytes(n int64) string { return humanize.IBytes(uint64(max(n, 0))) }

// share says how much of a limit is used.
func share(n, limit int64) string {
	if limit <= 0 {
		return bytes(n)
	}
	return bytes(n) + " of " + bytes(limit)
}
