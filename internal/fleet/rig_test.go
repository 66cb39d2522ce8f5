package fleet

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, natstest.IgnoreServer()...) }

// leaseLength is that of the tests. patience is for everything that must happen in the end.
const (
	leaseLength = time.Second
	patience    = 60 * time.Second
)

// floor is where all workers of a test run their tasks.
type floor struct {
	mu     sync.Mutex
	runs   map[string][]string // by task: the workers that run it, with the body
	starts map[string]int
	act    func(ctx context.Context, t Task) error // nil: until ctx ends
}

func newFloor() *floor { return &floor{runs: map[string][]string{}, starts: map[string]int{}} }

// on is the runner of a worker.
func (f *floor) on(worker string) Runner { return &runner{f, worker} }

type runner struct {
	floor  *floor
	worker string
}

func (r *runner) Run(ctx context.Context, t Task) error {
	f, me := r.floor, r.worker+":"+string(t.Body)
	f.mu.Lock()
	f.runs[t.Name] = append(f.runs[t.Name], me)
	f.starts[t.Name]++
	act := f.act
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.runs[t.Name] = slices.DeleteFunc(f.runs[t.Name], func(one string) bool { return one == me })
	}()
	if act != nil {
		return act(ctx, t)
	}
	<-ctx.Done()
	return nil
}

func (r *runner) Describe(string) any { return map[string]int{"lag": 3} }

// running are the workers that run a task, each with the body of its task.
func (f *floor) running(task string) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.runs[task])
}

// count is how many tasks a worker runs.
func (f *floor) count(worker string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, runs := range f.runs {
		for _, one := range runs {
			if strings.HasPrefix(one, worker+":") {
				n++
			}
		}
	}
	return n
}

// total is how many tasks run, those counted twice that two workers run.
func (f *floor) total() (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, runs := range f.runs {
		n += len(runs)
	}
	return n
}

// want waits until a task is run by exactly these.
func (f *floor) want(t *testing.T, task string, want ...string) {
	t.Helper()
	natstest.Eventually(t, patience, fmt.Sprintf("task %s at %v", task, want), func() bool {
		return slices.Equal(f.running(task), want)
	})
}

// started is how often a task was started.
func (f *floor) started(task string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.starts[task]
}

// connect returns the fleet without a name over a connection of its own.
func connect(t *testing.T, url string) *Fleet {
	t.Helper()
	f, err := New(natstest.Connect(t, url), "", "")
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// begin makes a fleet with tasks, each with its name as its body.
func begin(t *testing.T, srv *natstest.Server, tasks ...string) *Fleet {
	t.Helper()
	f := connect(t, srv.URL())
	if _, err := f.Init(t.Context(), Config{Lease: leaseLength}); err != nil {
		t.Fatal(err)
	}
	for _, name := range tasks {
		apply(t, f, name, "1")
	}
	return f
}

// apply applies a task.
func apply(t *testing.T, f *Fleet, name, body string) Change {
	t.Helper()
	change, err := f.Apply(t.Context(), Task{Name: name, Body: []byte(body)})
	if err != nil {
		t.Fatal(err)
	}
	return change
}

// work starts a worker. stop stops it and waits for its end.
func (f *floor) work(t *testing.T, url, id string, change ...func(*WorkerConfig)) (w *Worker, stop func()) {
	t.Helper()
	cfg := WorkerConfig{ID: id, Runner: f.on(id), Log: slog.New(slog.DiscardHandler), MoveEvery: time.Hour}
	for _, one := range change {
		one(&cfg)
	}
	nc := natstest.Connect(t, url, nats.Name(id))
	of, err := New(nc, "", "")
	if err != nil {
		t.Fatal(err)
	}
	w = NewWorker(of, cfg)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("worker %s: %v", id, err)
			}
		})
	}
	t.Cleanup(stop)
	return w, stop
}
