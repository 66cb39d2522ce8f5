package fleet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/internal/lease"
	"github.com/jetcapture/jetcapture/internal/natstest"
)

// failing is what workers say of tasks that have failed.
func failing(t *testing.T, f *Fleet) (all []Failure) {
	t.Helper()
	members, err := f.Workers(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range members {
		all = append(all, m.Failed...)
	}
	return all
}

// TestATaskThatFailsSaysSo: who asks the workers learns how often, why, and when it is tried again, until the task is
// changed. A worker with nothing else to do does not say that others have it.
func TestATaskThatFailsSaysSo(t *testing.T) {
	srv := natstest.Start(t)
	f := begin(t, srv, "orders")
	floor := newFloor()
	floor.act = func(ctx context.Context, task Task) error {
		if string(task.Body) == "1" {
			return errors.New("no such\nstream")
		}
		<-ctx.Done()
		return nil
	}
	var log lockedLog
	floor.work(t, srv.URL(), "w", func(c *WorkerConfig) { c.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	natstest.Eventually(t, patience, "a task that has failed twice", func() bool {
		all := failing(t, f)
		return len(all) == 1 && all[0].Times >= 2
	})
	one := failing(t, f)[0]
	if one.Name != "orders" || one.Error != "no such; stream" || one.Again.Sub(one.At) < time.Second {
		t.Errorf("the worker says %+v", one)
	}
	natstest.Eventually(t, patience, "word of why it takes no task", func() bool {
		return strings.Contains(log.String(), "no task to take now")
	})
	if text := log.String(); strings.Contains(text, "other processes have all tasks") {
		t.Errorf("the log is\n%s", text)
	}
	apply(t, f, "orders", "2")
	floor.want(t, "orders", "w:2")
	natstest.Eventually(t, patience, "the failure forgotten", func() bool { return len(failing(t, f)) == 0 })
}

// TestAFailureIsForgotten when the task has run for long, at whichever worker.
func TestAFailureIsForgotten(t *testing.T) {
	f := failures{}
	task := Task{Name: "a", Revision: lease.Revision{Sequence: 1, Stored: 2}}
	f.add(task, errors.New(strings.Repeat("ä", mostError)), time.Second)
	f.runs("a", time.Minute)
	f.compare("a", task.Revision)
	all := f.all()
	if len(all) != 1 || len(all[0].Error) > mostError+len("…") || strings.ContainsRune(all[0].Error, '\uFFFD') {
		t.Errorf("it remembers %v", all)
	}
	if f.runs("a", longWell+time.Second); len(f) != 0 {
		t.Errorf("it remembers %v", f)
	}
}

// TestFailuresThatNoMessageHolds come in several messages, and one that is too large by itself does not come.
func TestFailuresThatNoMessageHolds(t *testing.T) {
	m := Member{ID: "w", Tasks: []Held{{Name: "a"}}}
	for i := range 9 {
		m.Failed = append(m.Failed, Failure{Name: fmt.Sprint("f", i), Error: strings.Repeat("x", 100)})
	}
	m.Failed[4].Error = strings.Repeat("x", 1000)
	bodies := m.answers(600)
	all := string(bytes.Join(bodies, nil))
	if n := strings.Count(all, `"times"`); len(bodies) < 3 || n != 8 || strings.Count(all, `"revision"`) != n+1 {
		t.Errorf("the answers are %d, with %d failures: %s", len(bodies), n, all)
	}
}

// lockedLog is a log that is read while it is written.
type lockedLog struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
