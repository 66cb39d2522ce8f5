package fleet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/internal/natstest"
)

// names are the names of n tasks.
func names(n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf("task-%d", i))
	}
	return all
}

func TestAWorkerTakesAllAndHandsOverWhenItStops(t *testing.T) {
	srv, floor := natstest.Start(t), newFloor()
	begin(t, srv, names(5)...)
	_, stop := floor.work(t, srv.URL(), "a")
	natstest.Eventually(t, patience, "5 tasks at a", func() bool { return floor.count("a") == 5 })
	floor.work(t, srv.URL(), "b")
	stop()
	stopped := time.Now()
	natstest.Eventually(t, patience, "5 tasks at b", func() bool { return floor.count("b") == 5 })
	t.Logf("handed over within %v, the lease is %v", time.Since(stopped), leaseLength)
	if n := floor.total(); n != 5 {
		t.Errorf("%d tasks run, want 5", n)
	}
}

func TestTasksAreSharedByThoseThatCome(t *testing.T) {
	srv, floor := natstest.Start(t), newFloor()
	begin(t, srv, names(6)...)
	often := func(c *WorkerConfig) { c.MoveEvery = time.Millisecond }
	floor.work(t, srv.URL(), "a", often)
	natstest.Eventually(t, patience, "6 tasks at a", func() bool { return floor.count("a") == 6 })
	floor.work(t, srv.URL(), "b", often)
	natstest.Eventually(t, patience, "4 tasks at a, one more than its share, and 2 at b", func() bool {
		return floor.count("a") == 4 && floor.count("b") == 2
	})
}

func TestAWorkerTakesNoMoreThanItHasRoomFor(t *testing.T) {
	srv, floor := natstest.Start(t), newFloor()
	begin(t, srv, names(3)...)
	w, _ := floor.work(t, srv.URL(), "a", func(c *WorkerConfig) { c.Room = 2 })
	natstest.Eventually(t, patience, "2 tasks at a", func() bool { return floor.count("a") == 2 })
	want := Counts{Tasks: 3, Held: 2, Workers: 1}
	natstest.Eventually(t, patience, "a count of 2 of 3", func() bool { return w.Counts() == want })
	floor.work(t, srv.URL(), "b")
	natstest.Eventually(t, patience, "1 task at b", func() bool { return floor.count("b") == 1 })
}

// TestSomeTasksTakeNoRoom: a worker that is full takes them, and leaves the others where they are.
func TestSomeTasksTakeNoRoom(t *testing.T) {
	srv, floor := natstest.Start(t), newFloor()
	f := begin(t, srv, append([]string{"free 1"}, names(4)...)...)
	floor.work(t, srv.URL(), "a", func(c *WorkerConfig) {
		c.Room, c.NoRoom = 2, func(task string) bool { return strings.HasPrefix(task, "free ") }
	})
	natstest.Eventually(t, patience, "3 tasks at a", func() bool { return floor.count("a") == 3 })
	apply(t, f, "free 2", "1")
	floor.want(t, "free 2", "a:1")
	floor.want(t, "free 1", "a:1")
	if n := floor.total(); n != 4 {
		t.Errorf("%d tasks run, want 2 and those that take no room", n)
	}
	floor.work(t, srv.URL(), "b")
	natstest.Eventually(t, patience, "2 tasks at b", func() bool { return floor.count("b") == 2 })
}

func TestAWorkerThatIsCutOffLosesItsTasksAndDropsThemWhenItIsBack(t *testing.T) {
	srv, floor := natstest.Start(t), newFloor()
	begin(t, srv, names(3)...)
	proxy := natstest.NewProxy(t, srv.Addr())
	floor.work(t, proxy.URL(), "cut-off")
	natstest.Eventually(t, patience, "3 tasks", func() bool { return floor.count("cut-off") == 3 })
	floor.work(t, srv.URL(), "b")
	proxy.Stall()
	natstest.Eventually(t, patience, "3 tasks at b", func() bool { return floor.count("b") == 3 })
	if n := floor.count("cut-off"); n != 3 {
		t.Errorf("a worker that the fleet does not answer runs %d tasks, want 3: they go on", n)
	}
	proxy.Resume()
	natstest.Eventually(t, patience, "end of the tasks that were lost", func() bool { return floor.count("cut-off") == 0 })
	if n := floor.count("b"); n != 3 {
		t.Errorf("b runs %d tasks after the other has come back, want 3", n)
	}
}

func TestAWorkerLeavesAServerThroughWhichTheFleetDoesNotAnswer(t *testing.T) {
	srv, floor := natstest.Start(t), newFloor()
	begin(t, srv, names(3)...)
	deaf, other := natstest.NewProxy(t, srv.Addr()), natstest.NewProxy(t, srv.Addr())
	other.Refuse()
	quickly := func(c *WorkerConfig) { c.Unanswered = leaseLength }
	floor.work(t, deaf.URL()+","+other.URL(), "a", quickly)
	natstest.Eventually(t, patience, "3 tasks", func() bool { return floor.count("a") == 3 })
	deaf.Stall()
	other.Resume()
	natstest.Eventually(t, patience, "3 tasks that were taken again", func() bool {
		return floor.count("a") == 3 && floor.started("task-0") > 1
	})
}

func TestTasksGoOnWhileTheFleetIsAway(t *testing.T) {
	srv, floor := natstest.Start(t), newFloor()
	begin(t, srv, names(3)...)
	floor.work(t, srv.URL(), "a")
	natstest.Eventually(t, patience, "3 tasks", func() bool { return floor.count("a") == 3 })
	srv.Stop()
	<-time.After(2 * leaseLength)
	if n := floor.count("a"); n != 3 {
		t.Errorf("%d tasks run while the server is away, want 3", n)
	}
	srv.Restart()
	floor.work(t, srv.URL(), "b")
	natstest.Eventually(t, patience, "3 tasks, each once, some started again", func() bool {
		return floor.total() == 3 && floor.started("task-0") > 1
	})
}

func TestATaskIsChangedAndRemoved(t *testing.T) {
	srv, floor := natstest.Start(t), newFloor()
	f := begin(t, srv, "orders", "jobs")
	floor.work(t, srv.URL(), "a")
	floor.want(t, "orders", "a:1")
	apply(t, f, "orders", "2")
	floor.want(t, "orders", "a:2")
	if err := f.Remove(t.Context(), "orders"); err != nil {
		t.Fatal(err)
	}
	floor.want(t, "orders")
	floor.want(t, "jobs", "a:1")
	if floor.started("jobs") != 1 {
		t.Errorf("the other task was started %d times, want once", floor.started("jobs"))
	}
	apply(t, f, "orders", "3")
	floor.want(t, "orders", "a:3")
}

func TestATaskThatIsDoneLeavesTheFleet(t *testing.T) {
	srv, floor := natstest.Start(t), newFloor()
	floor.act = func(context.Context, Task) error { return nil }
	f := begin(t, srv, "slice")
	floor.work(t, srv.URL(), "a")
	natstest.Eventually(t, patience, "empty fleet", func() bool {
		tasks, err := f.Tasks(t.Context())
		return err == nil && len(tasks) == 0
	})
	if n := floor.started("slice"); n != 1 {
		t.Errorf("it was started %d times, want once", n)
	}
}

func TestATaskThatFailsIsTriedAgain(t *testing.T) {
	srv, floor := natstest.Start(t), newFloor()
	fails := make(chan struct{}, 1)
	fails <- struct{}{}
	floor.act = func(ctx context.Context, _ Task) error {
		select {
		case <-fails:
			return errors.New("the disk is full")
		case <-ctx.Done():
			return nil
		}
	}
	begin(t, srv, "orders")
	floor.work(t, srv.URL(), "a")
	natstest.Eventually(t, patience, "second start", func() bool { return floor.started("orders") == 2 })
}

func TestADrainedWorkerHandsOverAndTakesNothingUntilItResumes(t *testing.T) {
	srv, floor := natstest.Start(t), newFloor()
	f := begin(t, srv, names(3)...)
	floor.work(t, srv.URL(), "a")
	natstest.Eventually(t, patience, "3 tasks at a", func() bool { return floor.count("a") == 3 })
	if err := f.Drain(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	natstest.Eventually(t, patience, "nothing at a", func() bool { return floor.count("a") == 0 })
	_, stop := floor.work(t, srv.URL(), "b")
	natstest.Eventually(t, patience, "3 tasks at b", func() bool { return floor.count("b") == 3 })
	members, err := f.Workers(t.Context(), true)
	if err != nil || len(members) != 2 {
		t.Fatalf("the workers are %v, %v; want two", members, err)
	}
	for _, m := range members {
		if m.Drained != (m.ID == "a") {
			t.Errorf("worker %s says that drained is %v", m.ID, m.Drained)
		}
		if m.ID == "b" && (len(m.Tasks) != 3 || string(m.Tasks[0].Status) != `{"lag":3}`) {
			t.Errorf("b says that it has %v", m.Tasks)
		}
	}
	if err := f.Resume(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	stop()
	natstest.Eventually(t, patience, "3 tasks at a again", func() bool { return floor.count("a") == 3 })
	if err := f.Drain(t.Context(), "nobody"); err == nil {
		t.Error("a worker that does not exist is drained")
	}
}

func TestAnotherLeaseReachesTheWorkers(t *testing.T) {
	srv, floor := natstest.Start(t), newFloor()
	f := begin(t, srv, names(2)...)
	w, _ := floor.work(t, srv.URL(), "a")
	natstest.Eventually(t, patience, "2 tasks at a", func() bool { return floor.count("a") == 2 })
	if _, err := f.Init(t.Context(), Config{Lease: 3 * time.Second}); err != nil {
		t.Fatal(err)
	}
	natstest.Eventually(t, patience, "a lease of 3 s", func() bool { return w.lease() == 3*time.Second })
	if n := floor.started("task-0"); n != 1 {
		t.Errorf("the task was started %d times, want once", n)
	}
}

func TestAWorkerThatStartsWhileTheFleetIsAwayWaits(t *testing.T) {
	srv, floor := natstest.Start(t), newFloor()
	begin(t, srv, names(2)...)
	proxy := natstest.NewProxy(t, srv.Addr())
	nc := natstest.Connect(t, proxy.URL())
	of, err := New(nc, "", "")
	if err != nil {
		t.Fatal(err)
	}
	log := &lines{}
	w := NewWorker(of, WorkerConfig{ID: "a", Runner: floor.on("a"), Log: slog.New(slog.NewTextHandler(log, nil))})
	proxy.Stall()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	natstest.Eventually(t, patience, "first try", func() bool { return log.has("does not answer yet") })
	proxy.Resume()
	natstest.Eventually(t, patience, "2 tasks at a", func() bool { return floor.count("a") == 2 })
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// lines is a log. Any goroutine may use it.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) has(part string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.text.String(), part)
}
