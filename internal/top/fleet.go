package top

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/jetcapture/jetcapture/internal/status"
)

// fleets draws each fleet, as the first of the processes has it that was asked.
func (v *View) fleets() (lines []string) {
	var drawn []string
	for _, f := range v.Fleets {
		if !slices.Contains(drawn, f.Stream) {
			drawn = append(drawn, f.Stream)
			lines = append(append(lines, v.fleet(f)...), "")
		}
	}
	return lines
}

// fleet draws a fleet: how large it is, how those of its workers are that were asked, and its captures. Those without a
// worker come first, then those that are furthest behind.
func (v *View) fleet(f *status.Fleet) (lines []string) {
	l := v.line().add(strong, "fleet "+f.Stream).add(plain, fmt.Sprintf("  captures %s, held %s, workers %s",
		humanize.Comma(int64(f.Total)), humanize.Comma(int64(f.Held())), humanize.Comma(int64(len(f.Workers)))))
	for _, of := range v.Fleets {
		state := faint
		if of.State == status.Waiting || of.State == status.Drained {
			state = warned
		}
		if of.Stream == f.Stream {
			l.add(state, "  "+of.Worker+": "+string(of.State))
		}
	}
	lines = append(lines, l.String())
	tasks := slices.Clone(f.Tasks)
	slices.SortStableFunc(tasks, func(a, b status.FleetTask) int {
		return cmp.Or(cmp.Compare(min(len(a.Worker), 1), min(len(b.Worker), 1)), cmp.Compare(lagOf(&b), lagOf(&a)))
	})
	const least = 3
	if most := max(v.Height/5, least); v.Height > 0 && len(tasks) > most { // the captures of the process follow
		tasks = tasks[:most]
	}
	columns := []column{
		{"  CAPTURE", 20, true}, {"WORKER", 16, true}, {"SINCE", 8, true}, {"STATE", 18, true}, {"LAG", 6, false},
	}
	if len(tasks) > 0 {
		lines = append(lines, v.head(columns).String())
	}
	for i := range tasks {
		lines = append(lines, v.task(columns, &tasks[i]))
		if fails := tasks[i].Fails(v.Now); fails != "" {
			lines = append(lines, v.line().add(bad, "    "+fails).String())
		}
	}
	if n := f.Total - len(tasks); n > 0 {
		lines = append(lines, v.line().add(faint, fmt.Sprintf("  and %s more", humanize.Comma(int64(n)))).String())
	}
	return lines
}

// task is the line about one capture of a fleet.
func (v *View) task(columns []column, t *status.FleetTask) string {
	worker, since, state, lag := cell{bad, "nobody"}, "-", cell{plain, t.Says()}, "-"
	if t.Worker != "" {
		worker = cell{plain, t.Worker}
	}
	if t.Since != nil {
		since = status.Short(max(v.Now.Sub(*t.Since), time.Second))
	}
	if t.Status != nil && t.Status.Streams == nil {
		lag = short(int64(t.Status.Lag))
	}
	return v.row(columns, []cell{{plain, "  " + t.Name}, worker, {plain, since}, state, {plain, lag}}).String()
}

// lagOf is how far a capture is behind, as far as its worker says.
func lagOf(t *status.FleetTask) uint64 {
	if t.Status == nil {
		return 0
	}
	return t.Status.Lag
}
