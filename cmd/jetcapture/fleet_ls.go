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
	"github.com/jetcapture/jetcapture/internal/status"
	"github.com/spf13/cobra"
)

const fleetLsHelp = `jetcapture fleet ls lists the captures of a fleet, which worker has each and since when, and how it
is; then the workers. What a worker does not answer within a second or two is left out.

Usage:
  jetcapture fleet ls [OPTIONS]

A capture without a worker is taken as soon as a worker has room for it, or a lease after the death
of the worker that had it. One that has failed waits for up to 5 minutes; the log of the worker that
had it says why.
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

// fleetList is a fleet as ls prints it. As JSON it is for scripts: fields are added, never renamed.
type fleetList struct {
	Stream  string         `json:"stream"`
	Lease   float64        `json:"lease_s"`
	Tasks   []listedTask   `json:"tasks"`
	Workers []listedWorker `json:"workers"`
}

// listedTask is a task, and the worker that has it, if one does.
type listedTask struct {
	Name     string          `json:"task"`
	Revision uint64          `json:"revision"`
	Worker   string          `json:"worker"`
	Since    *time.Time      `json:"since"`
	Delivery uint64          `json:"delivery"`
	Ending   string          `json:"ending,omitempty"`
	Status   json.RawMessage `json:"status,omitempty"`
	Pattern  string          `json:"pattern,omitempty"` // the task of the pattern that has made it
	Foreign  bool            `json:"foreign,omitempty"` // a message that is no task
}

// listedWorker is a worker.
type listedWorker struct {
	Name    string `json:"worker"`
	Host    string `json:"host"`
	Room    int    `json:"room"` // 0: no limit
	Drained bool   `json:"drained"`
	Tasks   int    `json:"tasks"`
}

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
	l := &fleetList{Stream: f.Stream(), Lease: length.Seconds(), Tasks: []listedTask{}, Workers: []listedWorker{}}
	for _, t := range tasks {
		l.Tasks = append(l.Tasks, withHolder(t, members))
	}
	for _, m := range members {
		l.Workers = append(l.Workers, listedWorker{m.ID, m.Host, m.Room, m.Drained, len(m.Tasks)})
	}
	slices.SortFunc(l.Workers, func(a, b listedWorker) int { return cmp.Compare(a.Name, b.Name) })
	return l, nil
}

// withHolder finds who has a task. Of two, the one that was granted it last has it, and the other one does not know
// yet.
func withHolder(t fleet.Task, members []fleet.Member) listedTask {
	one := listedTask{Name: t.Name, Revision: t.Revision.Sequence, Pattern: t.Parent, Foreign: t.Foreign}
	for _, m := range members {
		for _, h := range m.Tasks {
			same := h.Revision == t.Revision.Sequence && h.Stored == t.Revision.Stored
			if h.Name == t.Name && (one.Worker == "" || same && h.Delivery > one.Delivery) {
				one.Worker, one.Since, one.Delivery = m.ID, &h.Since, h.Delivery
				one.Ending, one.Status = string(h.Ending), h.Status
			}
		}
	}
	return one
}

// print prints the list for people.
func (l *fleetList) print(c console) error {
	w := tabwriter.NewWriter(c.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "CAPTURE\tWORKER\tSINCE\tSTATE\tLAG")
	below := l.byPattern()
	for _, t := range below[""] {
		fmt.Fprintln(w, t.row(""))
		for _, child := range below[t.Name] {
			fmt.Fprintln(w, child.row("  "))
		}
	}
	fmt.Fprintln(w)
	fmt.Fprintln(w, "WORKER\tHOST\tCAPTURES\tROOM\t")
	for _, m := range l.Workers {
		room, note := "any", ""
		if m.Room > 0 {
			room = thousands(int64(m.Room))
		}
		if m.Drained {
			note = "drained"
		}
		fmt.Fprintln(w, strings.Join([]string{
			printable(m.Name), printable(m.Host), thousands(int64(m.Tasks)), room, note,
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

// byPattern are the tasks by the pattern that has made them, which is empty if none has, or one that is gone.
func (l *fleetList) byPattern() map[string][]listedTask {
	there, below := map[string]bool{}, map[string][]listedTask{}
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
		if t.Worker != "" {
			held++
		}
		if isPatternUnit(t.Name) {
			patterns++
		}
	}
	tasks = counted(int64(len(l.Tasks)-patterns), "capture")
	if patterns > 0 {
		tasks += " and " + counted(int64(patterns), "pattern")
	}
	return tasks, held
}

// row is a task as a line of the list.
func (t *listedTask) row(indent string) string {
	worker, since, state, lag := "-", "-", "waits for a worker", "-"
	if t.Worker != "" {
		worker, since, state = t.Worker, status.Short(time.Since(*t.Since)), "-"
		var is taskStatus
		if json.Unmarshal(t.Status, &is) == nil && t.Status != nil {
			state, lag = is.State, thousands(int64(is.Lag))
			if is.Streams != nil {
				state, lag = "follows "+counted(*is.Streams, "stream"), "-"
			}
		}
		if t.Ending != "" {
			state = "ending (" + t.Ending + ")"
		}
	}
	if t.Foreign {
		state = "is no capture: jetcapture fleet rm"
	}
	return strings.Join([]string{indent + printable(t.Name), printable(worker), since, state, lag}, "\t")
}
