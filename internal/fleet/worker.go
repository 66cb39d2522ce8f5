package fleet

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jetcapture/jetcapture/internal/lease"
	"github.com/jetcapture/jetcapture/internal/natsconn"
	"github.com/jetcapture/jetcapture/internal/retry"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Runner runs tasks. The tasks of a worker run side by side, each in a goroutine of its own.
type Runner interface {
	// Run runs a task until ctx ends; then it stores what was read and returns. If it returns nil before, the task is
	// done for good, and leaves the fleet. After an error, the task is tried again, by this worker or another one.
	Run(ctx context.Context, t Task) error
	// Describe says how a task is that runs, as JSON. It is called from any goroutine. Nil: nothing is known.
	Describe(task string) any
}

// WorkerConfig says how a worker works.
type WorkerConfig struct {
	ID     string // its name among the workers; of two with the same, both warn
	Host   string // for people
	Room   int    // for so many tasks; 0 is no limit
	Runner Runner
	Log    *slog.Logger
	// NoRoom reports whether a task of a name takes no room. Nil: each takes some.
	NoRoom func(task string) bool

	// How often at most it moves a task to a worker with less to do, and how long after the loss of a worker it does not.
	// 0 is a minute, and five.
	MoveEvery, Calm time.Duration
	// Unanswered is for how long at least the queue does not answer before the worker connects to another server. It is
	// longer than JetStream takes to elect a leader. 0 is ten seconds.
	Unanswered time.Duration
	// Apart is how long a worker waits at its start for others that are started with it, up to a quarter of the lease.
	// 0 is a second.
	Apart time.Duration
}

// Worker pulls tasks and runs them. Run may be called once.
type Worker struct {
	fleet    *Fleet
	cfg      WorkerConfig
	process  string // unique
	log      *slog.Logger
	length   atomic.Int64 // of a lease, a time.Duration
	consumer jetstream.Consumer
	clock    clock
	roaming  *natsconn.Roaming // its goroutine is first that of Run, then the one that renews
	unsuited retry.Limiter     // of warnings, as twins is; its goroutine is the one of rounds
	twins    retry.Limiter
	seeking  seeking       // its goroutine is the one of pulls
	found    bool          // the last look has found a task: there may be more. Its goroutine is that of pulls
	freed    chan struct{} // holds one after a task has ended
	watched  atomic.Int64  // when somebody has asked for a Sight, in nanoseconds since 1970
	running  sync.WaitGroup

	mu      sync.Mutex // guards what follows
	table   lease.Table
	tasks   map[string]*running
	failed  failures
	view    view
	drained bool // it hands over what it has, and takes nothing
}

// running is a task that runs.
type running struct {
	task  Task
	reply string // where the queue is told about the lease
	stop  context.CancelFunc
	began time.Time // for people
}

// NewWorker returns a worker of a fleet that exists.
func NewWorker(f *Fleet, cfg WorkerConfig) *Worker {
	if cfg.MoveEvery == 0 {
		cfg.MoveEvery = time.Minute
	}
	if cfg.Calm == 0 {
		cfg.Calm = 5 * time.Minute
	}
	if cfg.Unanswered == 0 {
		cfg.Unanswered = 10 * time.Second
	}
	if cfg.Apart == 0 {
		cfg.Apart = time.Second
	}
	log := cfg.Log.With("worker", cfg.ID)
	return &Worker{
		fleet: f, cfg: cfg, process: rand.Text(), log: log, roaming: natsconn.NewRoaming(f.nc, log),
		freed: make(chan struct{}, 1), tasks: map[string]*running{}, failed: failures{},
		unsuited: retry.Limiter{Every: time.Minute}, twins: retry.Limiter{Every: time.Minute},
	}
}

// Run pulls tasks and runs them until ctx ends. Then it lets each make its last cut, hands it over, and returns. Its
// error says why it could not begin.
func (w *Worker) Run(ctx context.Context) error {
	if err := w.open(ctx); err != nil || ctx.Err() != nil {
		return err
	}
	stopAnswering, err := w.answer()
	if err != nil {
		return err
	}
	defer stopAnswering()
	w.log.Info("working for the fleet", "stream", w.fleet.Stream(), "lease", w.lease().String())

	w.settle(ctx)
	// Leases are renewed until the last cut is stored.
	renewing, stopRenewing := context.WithCancel(context.WithoutCancel(ctx))
	var renews, pulls sync.WaitGroup
	renews.Go(func() { w.renewAll(renewing) })
	pulls.Go(func() { w.pullAll(ctx, renewing) })
	<-ctx.Done()
	pulls.Wait()
	w.endTasks(func(t *lease.Table) { t.Stop() })
	w.running.Wait()
	stopRenewing()
	renews.Wait()
	return nil
}

// open looks at the fleet until it answers, for a minute: a cluster may be electing a leader. For one that nobody has
// made it waits as long as it takes: the parts of an installation start in any order.
func (w *Worker) open(ctx context.Context) error {
	const patience = time.Minute
	pause := retry.Backoff{First: lookWait, Max: mostWait}
	told := false
	for began := time.Now(); ctx.Err() == nil; {
		length, err := w.fleet.Open(ctx)
		if err == nil {
			w.consumer, err = w.fleet.js.Consumer(ctx, w.fleet.Stream(), consumer)
		}
		switch {
		case err == nil:
			w.setLease(length)
			return nil
		case errors.Is(err, ErrNoFleet):
			if !told {
				w.log.Warn("waiting until somebody makes the fleet", "error", err)
			}
			told, began = true, time.Now()
		case ctx.Err() == nil && (!isUnanswered(err) || time.Since(began) > patience):
			return err
		default:
			w.log.Warn("the fleet does not answer yet, trying again", "error", err)
			w.roaming.Unanswered(time.Now(), w.cfg.Unanswered)
		}
		_ = retry.Pause(ctx, pause.Next()) // the loop sees that ctx has ended
	}
	return nil // stopped before anything began
}

// isUnanswered reports whether an error says that nobody has answered, or that a leader is being elected.
func isUnanswered(err error) bool {
	var api *jetstream.APIError
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrTimeout) ||
		errors.Is(err, nats.ErrNoResponders) || errors.Is(err, nats.ErrDisconnected) ||
		errors.Is(err, jetstream.ErrJetStreamNotEnabled) || errors.As(err, &api) && api.Code == 503
}

// lease is the length of a lease.
func (w *Worker) lease() time.Duration { return time.Duration(w.length.Load()) }

// setLease takes the length of a lease from the queue.
func (w *Worker) setLease(length time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.table.Length = length
	w.length.Store(int64(length))
}

// pullAll takes tasks until ctx ends. Tasks run under work.
func (w *Worker) pullAll(ctx, work context.Context) {
	const firstPause = 100 * time.Millisecond
	pause := retry.Backoff{First: firstPause, Max: w.lease()}
	warn, say := retry.Limiter{Every: time.Minute}, retry.Limiter{Every: time.Minute}
	idle := false
	for ctx.Err() == nil {
		m, err := w.pull(ctx)
		switch {
		case ctx.Err() != nil && m == nil:
			return
		case err != nil:
			if warn.Ready(time.Now()) {
				w.log.Warn("cannot pull tasks, trying again; what runs goes on", "error", err)
			}
			_ = retry.Pause(ctx, pause.Next()) // the loop sees that ctx has ended
		case m != nil:
			w.accept(work, m)
			idle = false
			pause, warn = retry.Backoff{First: firstPause, Max: w.lease()}, retry.Limiter{Every: time.Minute}
		case !idle && w.isIdle():
			idle = w.standBy(&say)
		}
	}
}

// The waits of pulls.
const (
	mostWait = 5 * time.Second        // that a pull lies at the server, at most
	lookWait = 500 * time.Millisecond // between two looks of a worker that has its share
)

// pull returns a task that was granted now, or nil if there was none for a while. A worker that has less than its share
// waits at the server. One that has its share looks from time to time for what nobody else takes, so that it comes
// last.
func (w *Worker) pull(ctx context.Context) (jetstream.Msg, error) {
	if room, below, wait := w.room(); w.seeking.left == 0 && (!room || !below && !w.found) {
		select {
		case <-ctx.Done():
		case <-w.freed:
		case <-time.After(wait):
		}
	}
	room, below, _ := w.room()
	if ctx.Err() != nil || !room && !w.seeks(ctx) {
		return nil, nil
	}
	w.found = false
	var batch jetstream.MessageBatch
	var err error
	if room && below {
		wait, cancel := context.WithTimeout(ctx, min(w.lease(), mostWait))
		defer cancel()
		batch, err = w.consumer.Fetch(1, jetstream.FetchContext(wait))
	} else {
		batch, err = w.consumer.FetchNoWait(1)
	}
	if err != nil {
		return nil, err
	}
	m := <-batch.Messages()
	if m == nil {
		w.seeking.left = 0
	}
	w.found = m != nil && !below // what a worker below its share gets, others may want, too
	if err := batch.Error(); m == nil && !isNothing(err) {
		return nil, err
	}
	return m, nil
}

// isNothing reports whether an error of a pull says that there is no task.
func isNothing(err error) bool {
	return err == nil || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) ||
		errors.Is(err, jetstream.ErrNoMessages)
}

// accept starts a task that was granted, if it does not run here already.
func (w *Worker) accept(work context.Context, m jetstream.Msg) {
	meta, err := m.Metadata()
	if err != nil {
		w.log.Error("a message of the fleet cannot be given back", "subject", m.Subject(), "error", err)
		return
	}
	is := lease.Revision{Sequence: meta.Sequence.Stream, Stored: meta.Timestamp.UnixNano()}
	t := w.fleet.taskOf(m.Subject(), m.Headers(), is, m.Data())
	if t.Foreign {
		w.log.Error("a message of the fleet is no task: remove it, or apply the task that it has replaced", "name", t.Name,
			"subject", m.Subject(), "revision", is.Sequence, "remove", w.fleet.Command("rm "+t.Name))
		w.tell(work, t, m.Reply(), nakAfter(time.Minute))
		return
	}
	w.mu.Lock()
	if !w.drained && !w.fits(t.Name) { // of a pull that seeks
		w.mu.Unlock()
		w.tell(work, t, m.Reply(), nakAfter(w.lease()/4))
		return
	}
	if w.drained || !w.table.Grant(t.Name, t.Revision, meta.NumDelivered, w.clock.now()) {
		w.stopEnding()
		w.mu.Unlock()
		w.tell(work, t, m.Reply(), nakAfter(min(time.Second, w.lease()/4)))
		return
	}
	ctx, stop := context.WithCancel(work)
	r := &running{task: t, reply: m.Reply(), stop: stop, began: time.Now()}
	w.tasks[t.Name] = r
	w.mu.Unlock()
	w.log.Info("took a task", "task", t.Name, "revision", t.Revision.Sequence, "delivery", meta.NumDelivered)
	w.running.Go(func() { w.run(ctx, work, r) })
}

// run runs a task, and tells the queue what has become of it.
func (w *Worker) run(ctx, work context.Context, r *running) {
	err := w.cfg.Runner.Run(ctx, r.task)
	asked := ctx.Err() != nil
	r.stop()
	w.mu.Lock()
	why := w.table.Get(r.task.Name).End
	answer := w.table.Ended(r.task.Name, err == nil && !asked, err != nil && !asked, w.clock.now())
	delete(w.tasks, r.task.Name)
	if err != nil && !asked {
		w.failed.add(r.task, err, answer.Delay)
	}
	w.mu.Unlock()

	log := w.log.With("task", r.task.Name, "revision", r.task.Revision.Sequence)
	switch {
	case err != nil && asked:
		log.Warn("a task has not ended well here, it goes on elsewhere", "why", why, "error", err)
	case err != nil && answer.Kind == lease.Silent:
		log.Error("a task has failed, after its lease was lost", "error", err)
	case err != nil:
		log.Error("a task has failed", "again_in", answer.Delay.String(), "error", err)
	case !asked:
		log.Info("a task is done, it leaves the fleet")
	default:
		log.Info("a task has ended here", "why", why)
	}
	switch answer.Kind {
	case lease.GiveBack:
		w.tell(work, r.task, r.reply, nakAfter(answer.Delay))
	case lease.Finish:
		w.tell(work, r.task, r.reply, "+ACK")
	case lease.Silent:
	}
	select {
	case w.freed <- struct{}{}:
	default:
	}
}

// endTasks has a decision made, and stops the tasks that it ends.
func (w *Worker) endTasks(decide func(t *lease.Table)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	decide(&w.table)
	w.stopEnding()
}

// stopEnding stops the tasks that are to end. The caller holds the lock.
func (w *Worker) stopEnding() {
	for _, l := range w.table.All() {
		if r := w.tasks[l.Task]; r != nil && l.End != "" {
			r.stop()
		}
	}
}
