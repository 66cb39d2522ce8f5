package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/jetcapture/jetcapture/internal/fleet"
	"github.com/jetcapture/jetcapture/internal/lease"
	"github.com/jetcapture/jetcapture/internal/status"
	"github.com/spf13/cobra"
)

const fleetLsHelp = `jetcapture fleet ls lists the captures of a fleet, which worker has each and since when, and how it
is; then the workers. What a worker does not answer within a second or two is left out.

Usage:
  jetcapture fleet ls [OPTIONS]

A capture without a worker is taken as soon as a worker has room for it, or a lease after the death
of the worker that had it. One that has failed waits for up to 5 minutes; below the captures it says
how it has failed, and when it is tried again.
`

func fleetLsCommand(c console) *cobra.Command {
	s, asJSON := &fleetSettings{}, false
	options := s.options("The fleet", option{name: "json", help: "print JSON", value: boolean(&asJSON)})
	return newFleetCommand(c, "ls", "list the captures and workers of a fleet", fleetLsHelp, s, options,
		func(ctx context.Context, f *fleet.Fleet, _ []string) error {
			l, err := listFleet(ctx, f)
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(c.stdout).Encode(l)
			}
			return l.print(c)
		})
}

// fleetList is a fleet as ls prints it.
type fleetList struct{ status.Fleet }

// listFleet asks the fleet and its workers.
func listFleet(ctx context.Context, f *fleet.Fleet) (*fleetList, error) {
	length, err := f.Open(ctx)
	if err != nil {
		return nil, err
	}
	tasks, err := f.Tasks(ctx)
	if err != nil {
		return nil, err
	}
	members, err := f.Workers(ctx, true)
	if err != nil {
		return nil, err
	}
	return &fleetList{fleetOf(f.Stream(), length, tasks, members)}, nil
}

// fleetOf puts tasks and workers together.
func fleetOf(stream string, lease time.Duration, tasks []fleet.Task, members []fleet.Member) status.Fleet {
	f := status.Fleet{
		Stream: stream, Lease: lease.Seconds(), Total: len(tasks),
		Tasks: []status.FleetTask{}, Workers: []status.FleetWorker{},
	}
	held := holders(members)
	for _, t := range tasks {
		one := status.FleetTask{Name: t.Name, Revision: t.Revision.Sequence, Pattern: t.Parent, Foreign: t.Foreign}
		one.Failed = failing(t, members)
		for _, h := range held[t.Name] {
			same := h.Revision == t.Revision.Sequence && h.Stored == t.Revision.Stored
			if one.Worker == "" || same && h.Delivery > one.Delivery {
				h.describe(&one)
			}
		}
		f.Tasks = append(f.Tasks, one)
	}
	for _, m := range members {
		f.Workers = append(f.Workers, status.FleetWorker{
			Name: m.ID, Host: m.Host, Room: m.Room, Drained: m.Drained, Tasks: len(m.Tasks),
		})
	}
	slices.SortFunc(f.Workers, func(a, b status.FleetWorker) int { return cmp.Compare(a.Name, b.Name) })
	return f
}

// holder is a worker that says it has a task. Of two, the one that was granted it last has it, and the other one does
// not know yet.
type holder struct {
	worker string
	fleet.Held
}

// holders are the workers that say they have tasks, by task.
func holders(members []fleet.Member) map[string][]holder {
	all := map[string][]holder{}
	for _, m := range members {
		for _, h := range m.Tasks {
			all[h.Name] = append(all[h.Name], holder{m.ID, h})
		}
	}
	return all
}

// failing puts together what workers remember of a task that has failed at them; nil if none has.
func failing(t fleet.Task, members []fleet.Member) (all *status.Failing) {
	for _, m := range members {
		i := slices.IndexFunc(m.Failed, func(f fleet.Failure) bool {
			return f.Name == t.Name && f.Revision == t.Revision.Sequence && f.Stored == t.Revision.Stored
		})
		if i < 0 {
			continue
		}
		if all == nil {
			all = &status.Failing{}
		}
		f := m.Failed[i]
		if all.Times += f.Times; f.At.After(all.At) {
			all.Error, all.At, all.Again = f.Error, f.At, f.Again
		}
	}
	return all
}

// describe makes the holder that of a task.
func (h *holder) describe(t *status.FleetTask) {
	t.Worker, t.Since, t.Delivery, t.Ending = h.worker, &h.Since, h.Delivery, string(h.Ending)
	var is status.TaskStatus
	if t.Status = nil; h.Status != nil && json.Unmarshal(h.Status, &is) == nil {
		t.Status = &is
	}
}

// sightOf is a fleet as a worker has seen it.
func sightOf(s fleet.Sight) *status.Fleet {
	tasks := slices.Clone(s.Untaken)
	named := map[string]bool{}
	for _, t := range tasks {
		named[t.Name] = true
	}
	for _, m := range s.Members {
		for _, h := range m.Tasks {
			if !named[h.Name] {
				named[h.Name] = true
				tasks = append(tasks, fleet.Task{
					Name: h.Name, Parent: h.Parent, Revision: lease.Revision{Sequence: h.Revision, Stored: h.Stored},
				})
			}
		}
	}
	slices.SortFunc(tasks, func(a, b fleet.Task) int { return cmp.Compare(a.Name, b.Name) })
	f := fleetOf(s.Stream, s.Lease, tasks, s.Members)
	me := s.Members[0]
	f.Worker, f.Total = me.ID, max(f.Total, s.Tasks)
	switch at := s.At.UTC(); {
	case s.At.IsZero():
		f.State = status.Waiting
		return &f
	default:
		f.Seen = &at
	}
	switch {
	case me.Drained:
		f.State = status.Drained
	case len(me.Tasks) > 0:
		f.State = status.Working
	case s.Tasks > 0:
		f.State = status.Standby
	default:
		f.State = status.Idle
	}
	return &f
}

// print prints the list for people.
func (l *fleetList) print(c console) error {
	w := tabwriter.NewWriter(c.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "CAPTURE\tWORKER\tSINCE\tSTATE\tLAG")
	below := l.byPattern()
	for _, t := range below[""] {
		fmt.Fprintln(w, taskRow("", &t))
		for _, child := range below[t.Name] {
			fmt.Fprintln(w, taskRow("  ", &child))
		}
	}
	fmt.Fprintln(w)
	if err := l.printFailing(w, c); err != nil {
		return err
	}
	fmt.Fprintln(w, "WORKER\tHOST\tCAPTURES\tROOM\t")
	patterns := map[string]int{} // by worker; they take no room
	for _, t := range below[""] {
		if isPatternUnit(t.Name) {
			patterns[t.Worker]++
		}
	}
	for _, m := range l.Workers {
		room, note := "any", ""
		if m.Room > 0 {
			room = thousands(int64(m.Room))
		}
		if m.Drained {
			note = "drained"
		}
		if l.called(m.Name) > 1 {
			note = strings.TrimLeft(note+", another worker has the same name", ", ")
		}
		fmt.Fprintln(w, strings.Join([]string{
			printable(m.Name), printable(m.Host), thousands(int64(m.Tasks - patterns[m.Name])), room, note,
		}, "\t"))
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("print the fleet: %w", err)
	}
	tasks, held := l.count()
	say(c.stdout, "\n%s, %d held, %s; stream %s, a lease of %v\n", tasks, held,
		counted(int64(len(l.Workers)), "worker"), l.Stream, time.Duration(l.Lease*float64(time.Second)))
	return nil
}

// called is how many workers have a name.
func (l *fleetList) called(name string) (n int) {
	for _, m := range l.Workers {
		if m.Name == name {
			n++
		}
	}
	return n
}

// printFailing prints why captures fail, behind the table so far.
func (l *fleetList) printFailing(table *tabwriter.Writer, c console) error {
	if err := table.Flush(); err != nil {
		return fmt.Errorf("print the fleet: %w", err)
	}
	some := false
	for _, t := range l.Tasks {
		if fails := t.Fails(time.Now()); fails != "" {
			say(c.stdout, "%s: %s\n", printable(t.Name), printable(fails))
			some = true
		}
	}
	if some {
		say(c.stdout, "\n")
	}
	return nil
}

// byPattern are the tasks by the pattern that has made them, which is empty if none has, or one that is gone.
func (l *fleetList) byPattern() map[string][]status.FleetTask {
	there, below := map[string]bool{}, map[string][]status.FleetTask{}
	for _, t := range l.Tasks {
		there[t.Name] = true
	}
	for _, t := range l.Tasks {
		of := t.Pattern
		if !there[of] {
			of = ""
		}
		below[of] = append(below[of], t)
	}
	return below
}

// count says how many tasks there are, and how many of them have a worker.
func (l *fleetList) count() (tasks string, held int) {
	patterns := 0
	for _, t := range l.Tasks {
		if isPatternUnit(t.Name) {
			patterns++
		}
	}
	tasks = counted(int64(len(l.Tasks)-patterns), "capture")
	if patterns > 0 {
		tasks += " and " + counted(int64(patterns), "pattern")
	}
	return tasks, l.Held()
}

// taskRow is a task as a line of the list.
func taskRow(indent string, t *status.FleetTask) string {
	worker, since, lag := "-", "-", "-"
	if t.Worker != "" {
		worker, since = t.Worker, status.Short(time.Since(*t.Since))
	}
	if is := t.Status; is != nil && is.Streams == nil {
		lag = thousands(int64(is.Lag))
	}
	return strings.Join([]string{indent + printable(t.Name), printable(worker), since, printable(t.Says()), lag}, "\t")
}
