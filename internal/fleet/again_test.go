package fleet

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/internal/natstest"
)

// makeAgain deletes the stream of a fleet and makes it again, with these tasks, whose bodies are "2".
func makeAgain(t *testing.T, f *Fleet, tasks ...string) {
	t.Helper()
	if err := f.js.DeleteStream(t.Context(), f.Stream()); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Init(t.Context(), Config{Lease: leaseLength}); err != nil {
		t.Fatal(err)
	}
	for _, name := range tasks {
		apply(t, f, name, "2")
	}
}

// TestATaskThatIsDoneSaysNothingToAStreamThatWasMadeAgain: the ack of the old task would end the one that has its
// sequence now.
func TestATaskThatIsDoneSaysNothingToAStreamThatWasMadeAgain(t *testing.T) {
	srv, floor := natstest.Start(t), newFloor()
	done := make(chan struct{})
	floor.act = func(_ context.Context, task Task) error {
		if task.Name == "slice" {
			<-done // it is not stopped, so it ends as one that is done
		}
		return nil
	}
	f := connect(t, srv.URL())
	// The lease is so long that no round comes between.
	if _, err := f.Init(t.Context(), Config{Lease: 5 * time.Minute}); err != nil {
		t.Fatal(err)
	}
	apply(t, f, "slice", "1")
	log := &lines{}
	_, stop := floor.work(t, srv.URL(), "a", func(c *WorkerConfig) {
		c.Room, c.Log = 1, slog.New(slog.NewTextHandler(log, nil))
	})
	floor.want(t, "slice", "a:1")
	makeAgain(t, f, "orders")
	floor.mu.Lock()
	floor.act = nil
	floor.mu.Unlock()
	close(done)
	floor.want(t, "orders", "a:2")
	stop()
	if !log.has("nothing is said about it") {
		t.Error("the worker has answered for a task of the old stream")
	}
	if task, err := f.Task(t.Context(), "orders"); err != nil || string(task.Body) != "2" {
		t.Errorf("the new task is %v, %v", task, err)
	}
}

func TestWorkersDropTheTasksOfAStreamThatWasMadeAgain(t *testing.T) {
	srv, floor := natstest.Start(t), newFloor()
	f := begin(t, srv, "orders", "jobs")
	floor.work(t, srv.URL(), "a")
	floor.want(t, "orders", "a:1")
	floor.want(t, "jobs", "a:1")
	makeAgain(t, f, "orders", "jobs") // with the sequences that they had before
	floor.want(t, "orders", "a:2")
	floor.want(t, "jobs", "a:2")
	if tasks, err := f.Tasks(t.Context()); err != nil || len(tasks) != 2 {
		t.Errorf("the fleet has %v, %v; want both tasks", tasks, err)
	}
}

func TestAForeignMessageDoesNotEndARound(t *testing.T) {
	srv, floor := natstest.Start(t), newFloor()
	f := begin(t, srv, "orders", "jobs")
	log := &lines{}
	floor.work(t, srv.URL(), "a", func(c *WorkerConfig) { c.Log = slog.New(slog.NewTextHandler(log, nil)) })
	floor.want(t, "orders", "a:1")
	floor.want(t, "jobs", "a:1")
	if _, err := f.js.Publish(t.Context(), f.subjectOf("orders"), []byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := f.Remove(t.Context(), "jobs"); err != nil {
		t.Fatal(err)
	}
	floor.want(t, "jobs")
	floor.want(t, "orders") // its task was replaced
	natstest.Eventually(t, patience, "the advice", func() bool { return log.has("jetcapture fleet rm") })
	if log.has("does not answer") {
		t.Error("the fleet is said not to answer")
	}
	apply(t, f, "orders", "2")
	floor.want(t, "orders", "a:2")
}
