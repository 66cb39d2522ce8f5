package fleet

import (
	"slices"
	"testing"

	"github.com/jetcapture/jetcapture/internal/natstest"
)

// TestSight: a worker that somebody watches learns how the tasks of others are, and which nobody has; one that nobody
// watches does not ask.
func TestSight(t *testing.T) {
	srv := natstest.Start(t)
	begin(t, srv, "a", "b", "c")
	fl := newFloor()
	w, _ := fl.work(t, srv.URL(), "w", func(c *WorkerConfig) { c.Room = 1 })
	other, _ := fl.work(t, srv.URL(), "other", func(c *WorkerConfig) { c.Room = 1 })
	natstest.Eventually(t, patience, "a task that nobody has", func() bool { return w.Counts().Held == 2 })
	natstest.Eventually(t, patience, "all of the fleet", func() bool {
		s := w.Sight()
		if len(s.Members) != 2 || len(s.Untaken) != 1 {
			return false
		}
		names := []string{s.Untaken[0].Name}
		for _, m := range s.Members {
			for _, task := range m.Tasks {
				if names = append(names, task.Name); string(task.Status) != `{"lag":3}` {
					return false
				}
			}
		}
		slices.Sort(names)
		return slices.Equal(names, []string{"a", "b", "c"}) && s.Tasks == 3 && s.Lease == leaseLength && !s.At.IsZero()
	})
	other.mu.Lock()
	defer other.mu.Unlock()
	for _, m := range other.view.members {
		if other.view.untaken != nil || m.Tasks[0].Status != nil {
			t.Errorf("a worker that nobody watches has asked for %+v, %v", m, other.view.untaken)
		}
	}
}
