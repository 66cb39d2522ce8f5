package fleet

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/internal/natstest"
)

// TestAWorkerAnswersInMessagesThatTheServerTakes: what is too large for one message comes in several, and nothing of it
// is missing.
func TestAWorkerAnswersInMessagesThatTheServerTakes(t *testing.T) {
	srv := natstest.Start(t, natstest.Configured(t, "max_payload: 1024"))
	var names []string
	for i := range 20 {
		names = append(names, fmt.Sprintf("capture-%02d", i))
	}
	f := begin(t, srv, names...)
	floor := newFloor()
	floor.work(t, srv.URL(), "w")
	natstest.Eventually(t, patience, "all tasks at the worker", func() bool { return floor.count("w") == len(names) })
	other, _ := floor.work(t, srv.URL(), "other", func(c *WorkerConfig) { c.Room = 1 })
	natstest.Eventually(t, patience, "the other worker knows all", func() bool {
		c := other.Counts()
		return c.Held == len(names) && c.Workers == 2
	})
	for _, status := range []bool{false, true} {
		members, err := f.Workers(t.Context(), status)
		if err != nil || len(members) != 2 {
			t.Fatalf("%d workers answer, %v; want 2", len(members), err)
		}
		held := map[string]bool{}
		for _, m := range members {
			for _, one := range m.Tasks {
				held[one.Name] = true
				if (one.Status != nil) != status {
					t.Errorf("the status of task %s is %s", one.Name, one.Status)
				}
			}
		}
		if len(held) != len(names) {
			t.Errorf("the workers say that they have %d tasks, want %d", len(held), len(names))
		}
	}
	if err := f.Drain(t.Context(), "w"); err != nil {
		t.Error(err)
	}
}

// TestAStatusThatNoMessageHolds: the task is answered without it.
func TestAStatusThatNoMessageHolds(t *testing.T) {
	m := Member{ID: "w", Tasks: []Held{{Name: "a", Status: fmt.Appendf(nil, `"%02000d"`, 1)}, {Name: "b"}}}
	bodies := m.answers(300)
	if len(bodies) != 2 || len(bodies[0]) > 300 {
		t.Errorf("the answers are %s", bodies)
	}
}

// TestAFrozenWorkerGetsNoOrder: it would come when the worker is back, and nobody expects it any more.
func TestAFrozenWorkerGetsNoOrder(t *testing.T) {
	srv := natstest.Start(t)
	f := begin(t, srv, "a")
	floor := newFloor()
	floor.work(t, srv.URL(), "w")
	floor.want(t, "a", "w:1")
	nc := natstest.Connect(t, srv.URL()) // a worker that takes what comes, and does not answer
	orders, err := nc.SubscribeSync(f.subject(drainSubject))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Drain(t.Context(), "frozen"); err == nil ||
		err.Error() != "worker frozen does not answer, and nothing was sent to it; these answer: w" {
		t.Errorf("the drain of a worker that is frozen: %v", err)
	}
	if n, _, err := orders.Pending(); err != nil || n != 0 {
		t.Errorf("%d orders were sent, %v", n, err)
	}
	if err := f.Drain(t.Context(), "w"); err != nil {
		t.Error(err)
	}
}

// TestTwoWorkersOfOneName: both say so, and share the tasks all the same.
func TestTwoWorkersOfOneName(t *testing.T) {
	srv := natstest.Start(t)
	begin(t, srv, "a", "b")
	floor := newFloor()
	var logs [2]lockedLog
	var workers [2]*Worker
	for i := range logs {
		log := slog.New(slog.NewTextHandler(&logs[i], nil))
		workers[i], _ = floor.work(t, srv.URL(), "w", func(c *WorkerConfig) { c.Log = log })
	}
	natstest.Eventually(t, patience, "two workers that know of each other", func() bool {
		one, other := workers[0].Counts(), workers[1].Counts()
		return one.Workers == 2 && other.Workers == 2 && one.Held == 2
	})
	for i := range logs {
		if !strings.Contains(logs[i].String(), "another worker has this name") {
			t.Errorf("worker %d logs\n%s", i, logs[i].String())
		}
	}
}

// TestWorkersThatStartTogetherKnowOfEachOther when they take the first task, also if the first one has looked around
// before the other one is there. So they share evenly.
func TestWorkersThatStartTogetherKnowOfEachOther(t *testing.T) {
	srv := natstest.Start(t)
	f := begin(t, srv, "a", "b", "c", "d", "e", "f")
	if _, err := f.Init(t.Context(), Config{Lease: 20 * time.Second}); err != nil {
		t.Fatal(err)
	}
	nc := natstest.Connect(t, srv.URL())
	looks, err := nc.SubscribeSync(f.subject(workersSubject))
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	floor := newFloor()
	apart := func(c *WorkerConfig) { c.Apart = 4 * time.Second }
	w, _ := floor.work(t, srv.URL(), "w", apart)
	if _, err := looks.NextMsgWithContext(natstest.Context(t)); err != nil {
		t.Fatal(err)
	}
	floor.work(t, srv.URL(), "x", apart)
	natstest.Eventually(t, patience, "task at the first worker", func() bool { return floor.count("w") > 0 })
	if n := w.Counts().Workers; n != 2 {
		t.Errorf("the first worker takes a task, and knows of %d workers", n)
	}
	natstest.Eventually(t, patience, "all tasks at work", func() bool { return floor.total() == 6 })
}
