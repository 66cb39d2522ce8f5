package fleet

import (
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/nats-io/nats.go/jetstream"
)

func TestInitMayBeRepeatedAndChangesTheLease(t *testing.T) {
	f := connect(t, natstest.Start(t).URL())
	if _, err := f.Open(t.Context()); err == nil || !strings.Contains(err.Error(), "jetcapture fleet init") {
		t.Errorf("opened before it was made: %v", err)
	}
	if m, err := f.Init(t.Context(), Config{}); err != nil || !m.Created || m.Replicas != 1 || m.Lease != DefaultLease {
		t.Fatalf("made: %v, %v", m, err)
	}
	apply(t, f, "orders", "1")
	if _, err := f.Init(t.Context(), Config{Lease: 7 * time.Second}); err != nil {
		t.Fatal(err)
	}
	if m, err := f.Init(t.Context(), Config{Replicas: 1}); err != nil || m.Created || m.Lease != 7*time.Second {
		t.Errorf("without a lease, it makes %v, %v", m, err)
	}
	if length, err := f.Open(t.Context()); err != nil || length != 7*time.Second {
		t.Errorf("the lease is %v, %v; want 7s", length, err)
	}
	if tasks, err := f.Tasks(t.Context()); err != nil || len(tasks) != 1 {
		t.Errorf("after the second init there are the tasks %v, %v; want one", tasks, err)
	}
}

// TestInitInACluster: a new fleet has three replicas, and one that is there keeps its own.
func TestInitInACluster(t *testing.T) {
	f := connect(t, natstest.StartCluster(t, 3).URL())
	for _, want := range []Made{{Config{3, DefaultLease}, true}, {Config{3, DefaultLease}, false}} {
		created := false // by any attempt: they fail while the leader does not know all servers
		natstest.Eventually(t, patience, fmt.Sprintf("a fleet %v", want.Config), func() bool {
			m, err := f.Init(t.Context(), Config{})
			created = created || m.Created
			return err == nil && m.Config == want.Config
		})
		if created != want.Created {
			t.Errorf("it says that it has made the fleet: %v, want %v", created, want.Created)
		}
	}
}

// TestInitLeavesAStreamAsItsOwnerHasMadeIt: the storage cannot be changed, and the rest is wanted.
func TestInitLeavesAStreamAsItsOwnerHasMadeIt(t *testing.T) {
	f := connect(t, natstest.Start(t).URL())
	made, err := f.js.CreateStream(t.Context(), jetstream.StreamConfig{
		Name: f.Stream(), Subjects: []string{f.subject("task") + ".*"}, Retention: jetstream.WorkQueuePolicy,
		MaxMsgsPerSubject: 1, MaxBytes: 1 << 20, Discard: jetstream.DiscardNew,
		Storage: jetstream.MemoryStorage, Metadata: map[string]string{"team": "a"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if m, err := f.Init(t.Context(), Config{Lease: leaseLength}); err != nil || m.Created || m.Lease != leaseLength {
		t.Errorf("init: %v, %v", m, err)
	}
	if now, err := f.info(t.Context()); err != nil || !reflect.DeepEqual(now.Config, made.CachedInfo().Config) {
		t.Errorf("it was %+v and is %+v, %v", made.CachedInfo().Config, now, err)
	}
}

func TestInitOfAStreamWithoutItsConsumerMakesNoStream(t *testing.T) {
	f := begin(t, natstest.Start(t))
	if err := f.js.DeleteConsumer(t.Context(), f.Stream(), consumer); err != nil {
		t.Fatal(err)
	}
	if m, err := f.Init(t.Context(), Config{Lease: leaseLength}); err != nil || m.Created {
		t.Errorf("a stream that was there is made: %v, %v", m, err)
	}
	if _, err := f.Open(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestAForeignMessageIsListedReplacedAndRemoved(t *testing.T) {
	f := begin(t, natstest.Start(t), "a b", "orders")
	for _, token := range []string{"a%20b", "x%y", "orders"} {
		if _, err := f.js.Publish(t.Context(), f.subject("task")+"."+token, []byte("1")); err != nil {
			t.Fatal(err)
		}
	}
	if got := apply(t, f, "orders", "1"); got != Changed {
		t.Errorf("a task in the place of a foreign message is %s, want changed", got)
	}
	tasks, err := f.Tasks(t.Context())
	if err != nil || len(tasks) != 3 || tasks[0].Name != "a%20b" || !tasks[0].Foreign || tasks[1].Foreign {
		t.Fatalf("the tasks are %v, %v; want orders between two foreign messages", tasks, err)
	}
	for _, name := range []string{"a b", "x%y"} {
		if err := f.Remove(t.Context(), name); err != nil {
			t.Error(err)
		}
	}
	apply(t, f, "a b", "1")
	if err := f.Remove(t.Context(), "a%20b"); err == nil {
		t.Error("a task is removed by the end of its subject")
	}
}

func TestAStreamThatIsNotAFleetIsRefused(t *testing.T) {
	for name, cfg := range map[string]jetstream.StreamConfig{
		"limits":        {},
		"other subject": {Retention: jetstream.WorkQueuePolicy, Subjects: []string{"x"}, MaxMsgsPerSubject: 1},
		"all messages":  {Retention: jetstream.WorkQueuePolicy},
		"max-age":       {Retention: jetstream.WorkQueuePolicy, MaxMsgsPerSubject: 1, MaxAge: time.Hour},
		"max-msgs":      {Retention: jetstream.WorkQueuePolicy, MaxMsgsPerSubject: 1, MaxMsgs: 3},
		"max-bytes":     {Retention: jetstream.WorkQueuePolicy, MaxMsgsPerSubject: 1, MaxBytes: 1024},
	} {
		t.Run(name, func(t *testing.T) {
			srv := natstest.Start(t)
			cfg.Name = "JETCAPTURE_FLEET"
			if cfg.Subjects == nil {
				cfg.Subjects = []string{"jetcapture.task.*"}
			}
			natstest.CreateStream(t, srv.Connect(), cfg)
			f := connect(t, srv.URL())
			if _, err := f.Init(t.Context(), Config{}); err == nil {
				t.Error("init takes it for a fleet")
			}
			if _, err := f.Open(t.Context()); err == nil {
				t.Error("a worker takes it for a fleet")
			}
		})
	}
}

// TestAStreamThatIsLimitedLaterLosesNoTask: nothing is added to it, not by a pattern either, and workers warn.
func TestAStreamThatIsLimitedLaterLosesNoTask(t *testing.T) {
	srv, floor, log := natstest.Start(t), newFloor(), &lines{}
	f := begin(t, srv, "a", "b")
	floor.work(t, srv.URL(), "w", func(c *WorkerConfig) { c.Log = slog.New(slog.NewTextHandler(log, nil)) })
	floor.want(t, "a", "w:1")
	cfg, _, err := f.config(Config{})
	if err != nil {
		t.Fatal(err)
	}
	cfg.MaxMsgs = 2
	if _, err := f.js.UpdateStream(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	natstest.Eventually(t, patience, "a warning", func() bool {
		return log.has("tasks may vanish from the fleet") && log.has("max-msgs")
	})
	parent, err := f.Task(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	children := f.Children(parent)
	if err := children.Look(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := children.Put(t.Context(), "child", nil); err == nil || !strings.Contains(err.Error(), "max-msgs") {
		t.Errorf("a pattern adds a task to a full stream: %v", err)
	}
	if _, err := f.Open(t.Context()); err == nil || !strings.Contains(err.Error(), "--discard new") {
		t.Errorf("a limited stream is opened: %v", err)
	}
	if tasks, err := f.Tasks(t.Context()); err != nil || len(tasks) != 2 || floor.total() != 2 {
		t.Errorf("the tasks are %v, %v, %d run; want both", tasks, err, floor.total())
	}
}

// TestAFullStreamThatRefusesTasks: an account may require max-bytes. Then one more task is an error, and a changed one
// takes the place of the old one. A second Init leaves the limit.
func TestAFullStreamThatRefusesTasks(t *testing.T) {
	srv := natstest.Start(t)
	f := connect(t, srv.URL())
	cfg, _, err := f.config(Config{})
	if err != nil {
		t.Fatal(err)
	}
	cfg.MaxBytes, cfg.Discard = 2048, jetstream.DiscardNew
	natstest.CreateStream(t, srv.Connect(), cfg)
	if _, err := f.Init(t.Context(), Config{Lease: leaseLength}); err != nil {
		t.Fatal(err)
	}
	body := strings.Repeat("x", 1200)
	apply(t, f, "a", "1"+body)
	if _, err := f.Apply(t.Context(), Task{Name: "b", Body: []byte(body)}); err == nil ||
		!strings.Contains(err.Error(), "task b: ") || !strings.Contains(err.Error(), "maximum bytes exceeded") {
		t.Errorf("a task for which there is no room: %v", err)
	}
	if change := apply(t, f, "a", "2"); change != Changed {
		t.Errorf("a task in the place of the old one is %s", change)
	}
	if tasks, err := f.Tasks(t.Context()); err != nil || len(tasks) != 1 || string(tasks[0].Body) != "2" {
		t.Errorf("the tasks are %v, %v; want the changed one", tasks, err)
	}
}

func TestTasks(t *testing.T) {
	f := begin(t, natstest.Start(t))
	long := strings.Repeat("x", 200)
	names := []string{"ORDERS", "a b.*>/ö", "orders.eu", long}
	for _, name := range names {
		if got := apply(t, f, name, "1"); got != Added {
			t.Errorf("%q is %s, want added", name, got)
		}
	}
	if got := apply(t, f, "ORDERS", "1"); got != Unchanged {
		t.Errorf("the same body is %s", got)
	}
	if got := apply(t, f, "ORDERS", "2"); got != Changed {
		t.Errorf("another body is %s", got)
	}
	tasks, err := f.Tasks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, task := range tasks {
		got = append(got, task.Name)
	}
	if strings.Join(got, ",") != strings.Join(names, ",") || string(tasks[0].Body) != "2" {
		t.Errorf("the tasks are %q, ORDERS has body %s", got, tasks[0].Body)
	}
	if err := f.Remove(t.Context(), long); err != nil {
		t.Error(err)
	}
	if err := f.Remove(t.Context(), long); err == nil {
		t.Error("a task that is gone is removed again")
	}
	if _, err := f.Task(t.Context(), long); !errors.Is(err, jetstream.ErrMsgNotFound) {
		t.Errorf("the removed task: %v", err)
	}
}

func TestOfTwoChangesAtOnceOneIsRefused(t *testing.T) {
	f := begin(t, natstest.Start(t), "orders")
	seen, err := f.Task(t.Context(), "orders")
	if err != nil {
		t.Fatal(err)
	}
	apply(t, f, "orders", "2")
	if _, err := f.replace(t.Context(), seen, Task{Name: "orders", Body: []byte("3")}); !errors.Is(err, ErrConflict) {
		t.Errorf("a change of what another has changed: %v, want a conflict", err)
	}
	if _, err := f.replace(t.Context(), Task{}, Task{Name: "orders"}); !errors.Is(err, ErrConflict) {
		t.Errorf("a task that another has added is added: %v, want a conflict", err)
	}
	if task, err := f.Task(t.Context(), "orders"); err != nil || string(task.Body) != "2" {
		t.Errorf("the task is %s, %v; want the first change", task.Body, err)
	}
}

func TestFleetsOfSeveralNamesShareAnAccount(t *testing.T) {
	nc := natstest.Start(t).Connect()
	for _, name := range []string{"", "blue", "green"} {
		f, err := New(nc, "", name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Init(t.Context(), Config{}); err != nil {
			t.Fatal(err)
		}
		apply(t, f, "orders", name)
	}
	f, err := New(nc, "", "blue")
	if err != nil {
		t.Fatal(err)
	}
	if task, err := f.Task(t.Context(), "orders"); err != nil || string(task.Body) != "blue" {
		t.Errorf("fleet blue has the task %v, %v", task, err)
	}
	if _, err := New(nc, "", "a.b"); err == nil {
		t.Error("a name with a dot is accepted")
	}
}

// TestRemoveSeen: what somebody else has removed or changed meanwhile is no error, and a change stays.
func TestRemoveSeen(t *testing.T) {
	f := begin(t, natstest.Start(t), "gone", "changed", "same")
	seen, err := f.Tasks(t.Context())
	if err != nil || len(seen) != 3 {
		t.Fatalf("there are the tasks %v, %v", seen, err)
	}
	if err := f.Remove(t.Context(), "gone"); err != nil {
		t.Fatal(err)
	}
	apply(t, f, "changed", "2")
	for _, task := range seen {
		if err := f.RemoveSeen(t.Context(), task); err != nil {
			t.Error(err)
		}
	}
	if left, err := f.Tasks(t.Context()); err != nil || len(left) != 1 || left[0].Name != "changed" {
		t.Errorf("left are %v, %v", left, err)
	}
}
