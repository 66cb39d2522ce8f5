package fleet

import (
	"context"
	"time"

	"github.com/jetcapture/jetcapture/internal/lease"
	"github.com/jetcapture/jetcapture/internal/parallel"
	"github.com/jetcapture/jetcapture/internal/retry"
)

// view is what a worker knows of the fleet.
type view struct {
	tasks, held int // in the queue; at workers that say so
	workers     int // that answer, this one included
	at          time.Time
	lost        time.Time // when a worker was seen no more
	moved       time.Time // when a task was moved
	state       state
	members     []Member // the others, as they have answered
	untaken     []Task   // that nobody has, as far as somebody watches
}

// others is how many tasks the other workers have.
func (v *view) others() int {
	held := map[string]bool{}
	for _, m := range v.members {
		for _, one := range m.Tasks {
			held[one.Name] = true
		}
	}
	return len(held)
}

// state changes when a task is added, changed or removed, also in a stream that was made again or rolled back.
type state struct {
	created  time.Time
	last     lease.Revision
	messages uint64
}

// renewAll renews the leases, and looks at the fleet, three times in the length of a lease until ctx ends.
func (w *Worker) renewAll(ctx context.Context) {
	length := w.lease()
	tick := time.NewTicker(length / 3)
	defer tick.Stop()
	warn := retry.Limiter{Every: time.Minute}
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := w.round(ctx)
		if err != nil && ctx.Err() == nil && warn.Ready(time.Now()) {
			w.log.Warn("the fleet does not answer, what runs goes on", "error", err)
		}
		if isUnanswered(err) {
			w.roaming.Unanswered(time.Now(), max(w.cfg.Unanswered, w.lease()))
		} else {
			w.roaming.Answered()
		}
		if w.lease() != length {
			length = w.lease()
			tick.Reset(length / 3)
			w.log.Info("the fleet has another lease", "lease", length.String())
		}
	}
}

// round renews each lease, and ends what should not run here any more.
func (w *Worker) round(ctx context.Context) error {
	w.renew(ctx)
	ctx, cancel := context.WithTimeout(ctx, w.lease())
	defer cancel()
	now, err := w.look(ctx)
	if err != nil {
		return err
	}
	w.endTasks(func(t *lease.Table) { t.Lapse(w.clock.now()) })
	if err := w.compare(ctx, now); err != nil {
		return err
	}
	watched := w.isWatched(now.at)
	members, err := w.fleet.Workers(ctx, watched)
	if err != nil {
		return err
	}
	if watched {
		if now.untaken, err = w.untaken(ctx, members); err != nil {
			return err
		}
	}
	w.endTasks(func(t *lease.Table) { w.weigh(t, now, members) })
	return nil
}

// renew renews the leases that the worker holds.
func (w *Worker) renew(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, w.lease()/3)
	defer cancel()
	w.mu.Lock()
	due := w.table.Due(w.clock.now())
	replies := make([]string, len(due))
	for i, l := range due {
		replies[i] = w.tasks[l.Task].reply
	}
	w.mu.Unlock()
	_ = parallel.Each(ctx, requestsAtOnce, len(due), func(ctx context.Context, i int) error {
		w.mu.Lock()
		sent := w.clock.now()
		w.mu.Unlock()
		if !sent.Before(due[i].Until) { // this process was frozen meanwhile
			return nil
		}
		if w.ask(ctx, replies[i], "+WPI") == nil {
			w.mu.Lock()
			w.table.Renewed(due[i], sent)
			w.mu.Unlock()
		}
		return nil // the others are renewed all the same
	})
}

// look asks how the queue is.
func (w *Worker) look(ctx context.Context) (v view, err error) {
	info, err := w.fleet.info(ctx)
	if err != nil {
		return v, err
	}
	c, err := w.consumer.Info(ctx)
	if err != nil {
		return v, err
	}
	w.setLease(c.Config.AckWait)
	if err := w.fleet.suits(info.Config); err != nil && w.unsuited.Ready(time.Now()) {
		w.log.Warn("tasks may vanish from the fleet; what runs goes on", "error", err)
	}
	return view{tasks: int(info.State.Msgs), at: time.Now(), state: stateOf(info)}, nil
}

// compare looks whether the tasks that run are still those of the queue. It asks only if something has changed there.
func (w *Worker) compare(ctx context.Context, now view) error {
	w.mu.Lock()
	same, names := w.view.state == now.state, w.remembered()
	w.mu.Unlock()
	if same {
		return nil
	}
	revisions := make([]lease.Revision, len(names))
	err := parallel.Each(ctx, requestsAtOnce, len(names), func(ctx context.Context, i int) error {
		t, err := w.fleet.Task(ctx, names[i])
		if isMissing(err) {
			return nil
		}
		revisions[i] = t.Revision
		return err
	})
	if err != nil {
		return err
	}
	w.endTasks(func(t *lease.Table) {
		for i, name := range names {
			t.Compare(name, revisions[i])
			w.failed.compare(name, revisions[i])
		}
	})
	return nil
}

// remembered are the tasks that the worker holds, and those that have failed here. The caller holds the lock.
func (w *Worker) remembered() (names []string) {
	for _, l := range w.table.All() {
		names = append(names, l.Task)
	}
	for name := range w.failed {
		if w.table.Get(name).Task == "" {
			names = append(names, name)
		}
	}
	return names
}

// weigh takes what the workers say about themselves: it ends what another one runs by a later grant, and moves a task
// if this one has too many. The caller holds the lock.
func (w *Worker) weigh(t *lease.Table, now view, members []Member) {
	held := map[string]bool{}
	for _, l := range t.All() {
		held[l.Task] = true
		w.failed.runs(l.Task, now.at.Sub(w.tasks[l.Task].began))
	}
	now.workers, now.lost, now.moved = 1, w.view.lost, w.view.moved
	for _, m := range members {
		if m.ID == w.cfg.ID && m.Process == w.process {
			continue
		}
		if m.ID == w.cfg.ID && w.twins.Ready(now.at) {
			w.log.Warn("another worker has this name, too: drain and lists mix up the two; give each its own with --worker",
				"host", m.Host)
		}
		now.members = append(now.members, m)
		if !m.Drained {
			now.workers++
		}
		for _, one := range m.Tasks {
			held[one.Name] = true
			w.failed.runs(one.Name, now.at.Sub(one.Since))
			if one.Ending == "" {
				first := w.cfg.ID+w.process < m.ID+m.Process
				t.Claim(one.Name, lease.Revision{Sequence: one.Revision, Stored: one.Stored}, one.Delivery, first)
			}
		}
	}
	now.held = len(held)
	if now.workers < w.view.workers {
		now.lost = now.at
	}
	calm := now.at.Sub(now.lost) >= w.cfg.Calm && now.at.Sub(now.moved) >= w.cfg.MoveEvery
	if calm && !w.drained && t.Move(lease.Share(now.tasks, now.workers)) {
		now.moved = now.at
		w.log.Info("moving a task to a worker with less to do", "tasks", now.tasks, "workers", now.workers)
	}
	w.view = now
}

// Counts are the numbers of a fleet, as a worker has seen them last.
type Counts struct {
	Tasks, Held, Workers int
	Standby              int // 1 if the worker runs nothing, although there are tasks and it may take them
}

// Counts returns the numbers of the fleet. It may be called from any goroutine.
func (w *Worker) Counts() Counts {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := Counts{Tasks: w.view.tasks, Held: w.view.held, Workers: w.view.workers}
	if w.standsBy() {
		c.Standby = 1
	}
	return c
}
