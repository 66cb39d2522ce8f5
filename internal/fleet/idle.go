package fleet

import (
	"context"
	"time"

	"github.com/jetcapture/jetcapture/internal/retry"
)

// settle looks how many tasks and workers there are. Workers that are started together begin a moment apart; the second
// look sees them all, so that the first worker does not take what is for the others.
func (w *Worker) settle(ctx context.Context) {
	_ = w.round(ctx) // after an error, the next one finds out
	if retry.Pause(ctx, min(w.cfg.Apart, w.lease()/4)) == nil {
		_ = w.round(ctx)
	}
}

// standBy logs why the worker has no task, and reports whether it did: that tasks fail is logged once a minute.
func (w *Worker) standBy(say *retry.Limiter) bool {
	w.mu.Lock()
	tasks, others, failed := w.view.tasks, w.view.others(), len(w.failed)
	w.mu.Unlock()
	switch {
	case others >= tasks:
		w.log.Info("standing by: other processes have all tasks; takes over from one that is silent for the lease",
			"lease", w.lease().String())
	case say.Ready(time.Now()):
		w.log.Info("no task to take now: some wait, having failed or lost their worker",
			"tasks", tasks, "with_others", others, "failed_here", failed, "see", w.fleet.Command("ls"))
	default:
		return false
	}
	return true
}

// isIdle is standsBy for one that does not hold the lock.
func (w *Worker) isIdle() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.standsBy()
}

// standsBy reports whether the worker runs nothing, although there are tasks and it may take them. The caller holds the
// lock.
func (w *Worker) standsBy() bool {
	return !w.drained && w.table.Len() == 0 && w.view.tasks > 0
}
