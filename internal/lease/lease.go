// Package lease has the decisions of a worker about the tasks that a queue has granted it, each for a time: what it
// starts, renews, drops and gives back. There is neither a network nor a clock in it, so a simulation drives it.
//
// Nothing of what a capture stores rests on a lease. A wrong decision here costs work, or leaves work undone for a
// while; it never costs data.
package lease

import (
	"cmp"
	"slices"
	"time"
)

// Lease is a task that the queue has granted, and that a worker runs.
type Lease struct {
	Task     string
	Revision Revision
	Delivery uint64    // how often the queue has granted this revision; a later grant counts
	Since    time.Time // when it was granted
	Until    time.Time // when another worker may have it, unless it is renewed
	End      Reason    // why the worker is ending the task; empty while it runs
}

// Revision is a task as the queue has it once: the message that says it. A queue that was made again, restored or
// rolled back gives sequences a second time, so the time is part of it. The zero value stands for none.
type Revision struct {
	Sequence uint64
	Stored   int64 // when the queue took the message, in nanoseconds since 1970, by its own clock
}

// Reason is why a worker ends a task.
type Reason string

// The reasons.
const (
	Changed Reason = "changed" // the queue has another revision
	Removed Reason = "removed" // the queue has no such task any more
	Lapsed  Reason = "lapsed"  // it was not renewed in time, so another worker may have it
	Taken   Reason = "taken"   // another worker has a later grant
	Moved   Reason = "moved"   // another worker shall have it, which has less to do
	Stopped Reason = "stopped" // the worker stops, or is drained
)

// Answer is what the queue is told of a task that has ended.
type Answer struct {
	Kind  Kind
	Delay time.Duration // with GiveBack: before others may have it
}

// Kind is a kind of answer.
type Kind int

// The kinds. A worker that does not hold a lease any more is Silent: its answer could be taken for that of the worker
// that holds it now.
const (
	Silent   Kind = iota
	GiveBack      // others may have it
	Finish        // the task is done and leaves the queue
)

// Table has the leases of one worker. It is not safe for concurrent use. Times are those of the worker's own clock.
type Table struct {
	Length time.Duration // of a lease
	held   map[string]*Lease
}

// Grant takes a lease of a task that was granted now, and reports whether the worker is to run it. It is not if an
// earlier lease of the same task has not ended here; then the worker gives it back after a pause.
func (t *Table) Grant(task string, revision Revision, delivery uint64, now time.Time) bool {
	if l := t.held[task]; l != nil {
		if l.End == "" && l.Revision != revision {
			l.End = Changed
		}
		return false
	}
	if t.held == nil {
		t.held = map[string]*Lease{}
	}
	t.held[task] = &Lease{Task: task, Revision: revision, Delivery: delivery, Since: now, Until: now.Add(t.Length)}
	return true
}

// Len is how many leases there are, those included whose tasks are ending.
func (t *Table) Len() int { return len(t.held) }

// All returns the leases by the names of their tasks.
func (t *Table) All() []Lease {
	all := make([]Lease, 0, len(t.held))
	for _, l := range t.held {
		all = append(all, *l)
	}
	slices.SortFunc(all, func(a, b Lease) int { return cmp.Compare(a.Task, b.Task) })
	return all
}

// Get returns the lease of a task; one without a task if there is none.
func (t *Table) Get(task string) Lease {
	if l := t.held[task]; l != nil {
		return *l
	}
	return Lease{}
}

// Due returns the leases that the worker may renew at a time. One that has lapsed is not among them: to renew it would
// be to renew the lease of another worker.
func (t *Table) Due(now time.Time) (due []Lease) {
	for _, l := range t.All() {
		if l.holds(now) {
			due = append(due, l)
		}
	}
	return due
}

// holds reports whether nobody else can have the task by now, as far as the worker knows.
func (l *Lease) holds(now time.Time) bool {
	return now.Before(l.Until) && l.End != Lapsed && l.End != Taken && l.End != Changed && l.End != Removed
}

// Renewed takes that the queue has confirmed a renewal, which was sent at a time.
func (t *Table) Renewed(renewed Lease, sent time.Time) {
	if l := t.held[renewed.Task]; l != nil && l.Revision == renewed.Revision && l.Delivery == renewed.Delivery {
		if until := sent.Add(t.Length); until.After(l.Until) {
			l.Until = until
		}
	}
}

// Lapse ends the tasks that were not renewed in time. It is called while the queue answers: a queue that is away is no
// reason to stop what runs.
func (t *Table) Lapse(now time.Time) {
	for _, l := range t.held {
		if !now.Before(l.Until) {
			l.end(Lapsed)
		}
	}
}

// Compare ends a task whose revision in the queue is another one.
func (t *Table) Compare(task string, revision Revision) {
	switch l := t.held[task]; {
	case l == nil || l.Revision == revision:
	case revision == Revision{}:
		l.end(Removed)
	default:
		l.end(Changed)
	}
}

// Claim takes that another worker says it runs a task. Of two grants of one revision, the later one counts. If they
// are equal, which a queue that was restored can cause, the worker yields that is not first, by any order that both
// know.
func (t *Table) Claim(task string, revision Revision, delivery uint64, first bool) {
	l := t.held[task]
	if l != nil && l.Revision == revision && (l.Delivery < delivery || l.Delivery == delivery && !first) {
		l.end(Taken)
	}
}

// Stop ends all tasks.
func (t *Table) Stop() {
	for _, l := range t.held {
		l.end(Stopped)
	}
}

// end ends a task. The first reason stays, except where a later one says that the lease is lost.
func (l *Lease) end(why Reason) {
	if l.End == "" || why != Moved && why != Stopped {
		l.End = why
	}
}

// Share is how many tasks a worker should have of so many.
func Share(tasks, workers int) int {
	workers = max(workers, 1)
	return (tasks + workers - 1) / workers
}

// Move ends the task that was granted last, if the worker has more than its share and one. It reports whether it did.
// While a task is ending it does nothing.
func (t *Table) Move(share int) bool {
	if len(t.held) <= share+1 {
		return false
	}
	var last *Lease
	for _, l := range t.held {
		if l.End != "" {
			return false
		}
		if last == nil || l.Since.After(last.Since) || l.Since.Equal(last.Since) && l.Task > last.Task {
			last = l
		}
	}
	last.end(Moved)
	return true
}

// The pauses before a task that has failed is granted again. Each is twice the one before.
const (
	firstPause = time.Second
	mostPause  = 5 * time.Minute
)

// Ended forgets the lease of a task that has ended, and returns what to tell the queue. finished says that there is
// nothing left to do for good, and failed that it has ended with an error, without having been asked to end.
func (t *Table) Ended(task string, finished, failed bool, now time.Time) Answer {
	l := t.held[task]
	if l == nil {
		return Answer{}
	}
	delete(t.held, task)
	switch {
	case !l.holds(now):
		return Answer{}
	case finished:
		return Answer{Kind: Finish}
	case l.End == "" && failed:
		return Answer{Kind: GiveBack, Delay: l.pause(now)}
	}
	return Answer{Kind: GiveBack}
}

// pause is how long a task that has failed is left alone. One that had run for long begins with the first pause.
func (l *Lease) pause(now time.Time) time.Duration {
	if now.Sub(l.Since) > mostPause {
		return firstPause
	}
	pause := firstPause
	for n := l.Delivery; n > 1 && pause < mostPause; n-- {
		pause *= 2
	}
	return min(pause, mostPause)
}
