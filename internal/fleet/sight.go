package fleet

import (
	"context"
	"time"
)

// Sight is a fleet as a worker has seen it last.
type Sight struct {
	Stream  string
	Lease   time.Duration
	At      time.Time // zero: it has not seen it yet
	Tasks   int
	Members []Member // this worker first, as it is now
	Untaken []Task   // that nobody has
}

// watching is how long a worker looks closely after somebody has asked for a Sight.
const watching = time.Minute

// Sight returns the fleet as the worker has seen it last. It asks nobody: but from now on, for a while, the worker asks
// the others in its rounds how their tasks are, and which tasks nobody has. Any goroutine may call it.
func (w *Worker) Sight() Sight {
	w.watched.Store(time.Now().UnixNano())
	me := w.member(true)
	w.mu.Lock()
	defer w.mu.Unlock()
	v := &w.view
	return Sight{
		Stream: w.fleet.Stream(), Lease: w.lease(), At: v.at, Tasks: v.tasks, Members: append([]Member{me}, v.members...),
		Untaken: v.untaken,
	}
}

// isWatched reports whether somebody has asked for a Sight lately.
func (w *Worker) isWatched(now time.Time) bool {
	return now.Sub(time.Unix(0, w.watched.Load())) < watching
}

// untaken returns the tasks that no worker has.
func (w *Worker) untaken(ctx context.Context, members []Member) (untaken []Task, err error) {
	return w.fleet.tasks(ctx, w.unheld(members))
}
