package fleet

import (
	"context"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/jetcapture/jetcapture/internal/lease"
	"github.com/jetcapture/jetcapture/internal/retry"
)

// nakAfter is the answer that gives a task back.
func nakAfter(delay time.Duration) string {
	if delay == 0 {
		return "-NAK"
	}
	return `-NAK {"delay": ` + strconv.FormatInt(delay.Nanoseconds(), 10) + `}`
}

// tell tells the queue about the lease of a task, and waits for its confirmation. Without one, the task comes to
// another worker when the lease has lapsed.
//
// The server takes the answer for one about the message that has the sequence now. In a stream that was made again
// that is another task, so the message is looked at first. Nothing closes the moment between look and answer.
func (w *Worker) tell(ctx context.Context, t Task, reply, answer string) {
	const tries = 3
	for range tries {
		same, err := w.has(ctx, t.Revision)
		if err == nil && !same {
			w.log.Info("the fleet has not this task any more, nothing is said about it", "task", t.Name)
			return
		}
		if err == nil && w.ask(ctx, reply, answer) == nil {
			return
		}
		_ = retry.Pause(ctx, rand.N(w.lease()/8)) // the tries are few
	}
	w.log.Warn("the fleet does not answer: a task goes on elsewhere only after its lease", "lease", w.lease().String())
}

// has reports whether the queue still has a revision.
func (w *Worker) has(ctx context.Context, r lease.Revision) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, min(w.lease()/3, mostWait))
	defer cancel()
	return w.fleet.has(ctx, r)
}

// ask sends an answer about a lease, and returns when the queue has taken it.
func (w *Worker) ask(ctx context.Context, reply, answer string) error {
	ctx, cancel := context.WithTimeout(ctx, min(w.lease()/3, mostWait))
	defer cancel()
	_, err := w.fleet.nc.RequestWithContext(ctx, reply, []byte(answer))
	return err
}
