package sim

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/jetcapture/jetcapture/internal/lease"
)

// What is stored does not depend on leases: a Schedule starts processes side by side at any time, as an adversary would
// that grants any lease to anybody. A Leases is about the rest: that with a fair queue, each task is at work again, and
// at one worker, soon after the faults are over.

// LeaseMutant takes one rule of the workers out, to show that the simulation would notice.
type LeaseMutant string

// The mutants of workers.
const (
	Sound         LeaseMutant = ""
	AckAtStop     LeaseMutant = "ack-at-stop"    // a worker that stops says that its tasks are done
	ZombieRenews  LeaseMutant = "zombie-renews"  // a lease is renewed after it has lapsed, too
	TaskForgotten LeaseMutant = "task-forgotten" // a task that is granted is now and then not run, but renewed
	TimeIgnored   LeaseMutant = "time-ignored"   // a revision is its sequence alone
)

// LeaseMutants lists them.
func LeaseMutants() []LeaseMutant {
	return []LeaseMutant{AckAtStop, ZombieRenews, TaskForgotten, TimeIgnored}
}

// leaseLength is the lease of the simulation, and a step is a second. A worker renews every renewEvery steps. After
// settled steps without a fault, everything must be at work.
const (
	leaseLength = 12 * time.Second
	renewEvery  = 4
	settled     = 3 * int(leaseLength/time.Second)
)

// Leases is a queue of tasks with its workers, at random. Everything that happens is a function of the seed.
type Leases struct {
	rng     *rand.Rand
	mutant  LeaseMutant
	step    int
	calm    bool // the faults are over
	tasks   map[string]*task
	applied map[string]bool // tasks that must be in the queue
	last    uint64          // the last revision
	workers []*worker
	wire    []late // what arrives later
}

// task is a task as the queue has it. Like the server, the queue does not know who holds a lease: a worker that
// names the revision renews it, gives it back or ends it.
type task struct {
	revision lease.Revision
	delivery uint64
	pending  bool
	until    time.Time // pending: when it is granted again
}

// late is a message to the queue that is under way.
type late struct {
	at  int
	say func()
}

// worker is a worker. What it runs are the tasks in its table.
type worker struct {
	name     string
	table    lease.Table
	frozen   int            // step until which it does not run
	stopping bool           // it ends when its tasks have ended
	ends     map[string]int // step at which a task that is ending has ended
	idle     map[string]bool
	took     map[string]lease.Revision // what it runs, whatever it knows of that
}

// NewLeases returns a queue with some tasks and workers.
func NewLeases(seed uint64, m LeaseMutant) *Leases {
	l := &Leases{
		rng: rand.New(rand.NewPCG(seed, 0x6c65617365)), mutant: m, tasks: map[string]*task{}, applied: map[string]bool{},
	}
	for range 1 + l.rng.IntN(5) {
		l.apply(fmt.Sprintf("t%d", l.rng.IntN(6)))
	}
	for range 1 + l.rng.IntN(3) {
		l.rise()
	}
	return l
}

// Run plays some hundred steps with faults and then some without, and returns what is wrong in the end.
func (l *Leases) Run() (violations []string) {
	for range 200 {
		l.fault()
		l.advance()
	}
	l.calm, l.wire = true, nil
	l.rise() // those that are there may be stopping
	for _, w := range l.workers {
		w.frozen = 0
	}
	for range settled {
		l.advance()
	}
	return l.judge()
}

// now is the time of a step.
func (l *Leases) now() time.Time { return time.Unix(int64(l.step), 0) }

// one is true once in n times, and never when the faults are over.
func (l *Leases) one(n int) bool { return !l.calm && l.rng.IntN(n) == 0 }

// apply adds or changes a task.
func (l *Leases) apply(name string) {
	l.last++
	l.tasks[name] = &task{revision: lease.Revision{Sequence: l.last, Stored: int64(l.step)}}
	l.applied[name] = true
}

// makeAgain deletes the queue, makes it again, and applies its tasks, in another order now and then.
func (l *Leases) makeAgain() {
	names := l.inOrder()
	if l.one(2) {
		slices.Reverse(names)
	}
	l.last = 0
	clear(l.tasks)
	for _, name := range names {
		l.apply(name)
	}
}

// seen is a revision as the workers see it.
func (l *Leases) seen(r lease.Revision) lease.Revision {
	if l.mutant == TimeIgnored {
		r.Stored = 0
	}
	return r
}

// at returns the task whose message has a sequence, nil if there is none.
func (l *Leases) at(sequence uint64) *task {
	for _, t := range l.tasks {
		if t.revision.Sequence == sequence {
			return t
		}
	}
	return nil
}

// rise starts a worker.
func (l *Leases) rise() {
	l.workers = append(l.workers, &worker{
		name: fmt.Sprintf("w%03d", l.rng.IntN(1000)), table: lease.Table{Length: leaseLength}, ends: map[string]int{},
		idle: map[string]bool{}, took: map[string]lease.Revision{},
	})
}

// fault is what happens to workers and tasks from outside.
func (l *Leases) fault() {
	name := fmt.Sprintf("t%d", l.rng.IntN(6))
	pick := func() *worker { return l.workers[l.rng.IntN(len(l.workers))] }
	switch n := l.rng.IntN(200); {
	case n < 6 && len(l.workers) < 5, len(l.workers) == 0:
		l.rise()
	case n < 9: // it is killed
		i := l.rng.IntN(len(l.workers))
		l.workers = slices.Delete(l.workers, i, i+1)
	case n < 14:
		pick().frozen = l.step + l.rng.IntN(40)
	case n < 17:
		w := pick()
		w.stopping = true
		w.table.Stop()
	case n < 20:
		l.apply(name)
	case n < 22:
		delete(l.tasks, name)
		delete(l.applied, name)
	case n < 24: // another leader does not know of the last renewals
		for _, t := range l.inOrder() {
			l.tasks[t].until = l.tasks[t].until.Add(-time.Duration(l.rng.IntN(6)) * time.Second)
		}
	case n < 26:
		l.makeAgain()
	}
}

// inOrder are the names of the tasks in the queue, always in the same order.
func (l *Leases) inOrder() []string { return slices.Sorted(maps.Keys(l.tasks)) }

// advance is a second.
func (l *Leases) advance() {
	l.step++
	arrived := slices.DeleteFunc(slices.Clone(l.wire), func(m late) bool { return m.at > l.step })
	l.wire = slices.DeleteFunc(l.wire, func(m late) bool { return m.at <= l.step })
	for _, m := range arrived {
		m.say()
	}
	for _, w := range slices.Clone(l.workers) {
		if w.frozen > l.step {
			continue
		}
		if l.step%renewEvery == 0 {
			l.round(w)
		}
		l.pull(w)
		l.finish(w)
	}
	l.workers = slices.DeleteFunc(l.workers, func(w *worker) bool { return w.stopping && w.table.Len() == 0 })
}

// send brings a message to the queue: now, later, or never. It reports whether it has arrived now.
func (l *Leases) send(say func()) bool {
	switch {
	case l.one(10):
		return false
	case l.one(20):
		l.wire = append(l.wire, late{l.step + 1 + l.rng.IntN(40), say})
		return false
	}
	say()
	return true
}

// pull grants a worker a task that nobody has, if there is one.
func (l *Leases) pull(w *worker) {
	if w.stopping {
		return
	}
	free := slices.DeleteFunc(l.inOrder(), func(name string) bool {
		return l.tasks[name].pending && l.now().Before(l.tasks[name].until)
	})
	if len(free) == 0 {
		return
	}
	name := free[l.rng.IntN(len(free))]
	t := l.tasks[name]
	t.delivery++
	t.pending, t.until = true, l.now().Add(leaseLength)
	if l.one(10) { // it is lost on the way
		return
	}
	if !w.table.Grant(name, l.seen(t.revision), t.delivery, l.now()) {
		sequence := t.revision.Sequence
		l.send(func() { l.giveBack(sequence, time.Second) })
		return
	}
	w.took[name] = t.revision
	w.idle[name] = l.mutant == TaskForgotten && l.rng.IntN(4) == 0
}

// round is what a worker does three times in the length of a lease.
func (l *Leases) round(w *worker) {
	due := w.table.Due(l.now())
	if l.mutant == ZombieRenews {
		due = w.table.All()
	}
	for _, one := range due {
		sent := l.now()
		arrived := l.send(func() {
			if t := l.at(one.Revision.Sequence); t != nil && t.pending {
				t.until = l.now().Add(leaseLength)
			}
		})
		if arrived && !l.one(10) { // the answer comes, whether or not the lease is still the worker's
			w.table.Renewed(one, sent)
		}
	}
	if l.one(5) { // the queue does not answer
		return
	}
	if l.mutant != ZombieRenews {
		w.table.Lapse(l.now())
	}
	for _, held := range w.table.All() {
		var revision lease.Revision
		if t := l.tasks[held.Task]; t != nil {
			revision = l.seen(t.revision)
		}
		w.table.Compare(held.Task, revision)
	}
	for _, other := range l.workers {
		if other == w || other.frozen > l.step || l.one(4) || l.mutant == ZombieRenews {
			continue
		}
		for _, held := range other.table.All() {
			if held.End == "" {
				w.table.Claim(held.Task, held.Revision, held.Delivery, w.name < other.name)
			}
		}
	}
}

// finish lets tasks end that are to end, each after its last cut.
func (l *Leases) finish(w *worker) {
	for _, held := range w.table.All() {
		if held.End == "" {
			continue
		}
		if w.ends[held.Task] == 0 {
			w.ends[held.Task] = l.step + l.rng.IntN(4)
		}
		if w.ends[held.Task] > l.step {
			continue
		}
		delete(w.ends, held.Task)
		answer := w.table.Ended(held.Task, false, false, l.now())
		if l.mutant == AckAtStop && answer.Kind == lease.GiveBack {
			answer.Kind = lease.Finish
		}
		switch answer.Kind {
		case lease.GiveBack:
			l.send(func() { l.giveBack(held.Revision.Sequence, answer.Delay) })
		case lease.Finish:
			l.send(func() {
				if t := l.tasks[held.Task]; t != nil && t.revision == held.Revision { // the worker has looked
					delete(l.tasks, held.Task)
				}
			})
		case lease.Silent:
		}
	}
}

// giveBack is a negative ack.
func (l *Leases) giveBack(sequence uint64, delay time.Duration) {
	if t := l.at(sequence); t != nil && t.pending {
		t.until = l.now().Add(delay)
	}
}

// judge returns what is wrong when the faults are over for long.
func (l *Leases) judge() (wrong []string) {
	runs := map[string]int{}
	for _, w := range l.workers {
		for _, held := range w.table.All() {
			t := l.tasks[held.Task]
			if t == nil || t.revision != w.took[held.Task] {
				wrong = append(wrong, fmt.Sprintf("%s runs task %s, which the queue does not have so", w.name, held.Task))
			}
			if !w.idle[held.Task] {
				runs[held.Task]++
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(l.applied)) {
		switch {
		case l.tasks[name] == nil:
			wrong = append(wrong, fmt.Sprintf("task %s is lost", name))
		case runs[name] != 1:
			wrong = append(wrong, fmt.Sprintf("task %s is run by %d workers", name, runs[name]))
		}
	}
	return wrong
}
