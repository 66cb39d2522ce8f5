package fleet

import (
	"context"
	"strings"
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/lease"
)

// room reports whether the worker can take any task, whether it has less than its share, and how long it waits until it
// looks for tasks if not. One that has just moved a task leaves it to others.
func (w *Worker) room() (room, below bool, wait time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	wait = min(lookWait, w.lease()/4)
	if time.Since(w.view.moved) < w.lease() {
		wait = w.lease() / 4
	}
	return !w.drained && w.hasRoom(), w.table.Len() < lease.Share(w.view.tasks, w.view.workers), wait
}

// hasRoom reports whether there is room for one more task. The caller holds the lock.
func (w *Worker) hasRoom() bool {
	if w.cfg.Room == 0 {
		return true
	}
	n := 0
	for name := range w.tasks {
		if !w.takesNoRoom(name) {
			n++
		}
	}
	return n < w.cfg.Room
}

// fits reports whether the worker has the room for a task, or has the task already. The caller holds the lock.
func (w *Worker) fits(task string) bool {
	return w.takesNoRoom(task) || w.tasks[task] != nil || w.hasRoom()
}

func (w *Worker) takesNoRoom(task string) bool { return w.cfg.NoRoom != nil && w.cfg.NoRoom(task) }

// seeking is what a worker that is full does for tasks that take no room and that nobody has. The queue gives what it
// likes, so it pulls as often as there are tasks that nobody has, and gives the others back.
type seeking struct {
	left int       // pulls
	last time.Time // when it began
}

// seeks reports whether a worker that is full pulls all the same. It begins to seek once in a lease at most.
func (w *Worker) seeks(ctx context.Context) bool {
	s := &w.seeking
	if s.left > 0 {
		s.left--
		return true
	}
	if w.cfg.NoRoom == nil || time.Since(s.last) < w.lease() {
		return false
	}
	s.last = time.Now()
	ctx, cancel := context.WithTimeout(ctx, min(w.lease()/3, mostWait))
	defer cancel()
	s.left = w.sought(ctx)
	return s.left > 0
}

// sought is how many tasks nobody has, as far as this worker knows. It is 0 if none of them takes no room.
func (w *Worker) sought(ctx context.Context) int {
	w.mu.Lock()
	members, may := w.view.members, !w.drained && w.view.held < w.view.tasks
	w.mu.Unlock()
	if !may {
		return 0
	}
	subjects, err := w.fleet.subjects(ctx, w.unheld(members))
	if err != nil { // the rounds say so
		return 0
	}
	for _, subject := range subjects {
		token := strings.TrimPrefix(subject, w.fleet.subject("task")+".")
		name, err := cutlog.UnescapeSegment(strings.ReplaceAll(token, "%2E", "."))
		if err == nil && w.takesNoRoom(name) {
			return len(subjects)
		}
	}
	return 0
}

// unheld returns what tells whether a task, by its subject, is one that neither this worker nor any of the members has.
func (w *Worker) unheld(members []Member) func(subject string) bool {
	held := map[string]bool{}
	for _, m := range append([]Member{w.holds()}, members...) {
		for _, t := range m.Tasks {
			held[w.fleet.subjectOf(t.Name)] = true
		}
	}
	return func(subject string) bool { return !held[subject] }
}
