package lease

import (
	"testing"
	"time"
)

var start = time.Date(2026, 11, 28, 10, 0, 0, 0, time.UTC)

// seven and eight are revisions of a task. other is of a queue that was made again.
var seven, eight, other = Revision{7, 100}, Revision{8, 200}, Revision{7, 300}

// at is a time so many seconds after start.
func at(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }

// table returns a table with leases of 30 s on tasks, all granted at start.
func table(t *testing.T, tasks ...string) *Table {
	t.Helper()
	table := &Table{Length: 30 * time.Second}
	for _, task := range tasks {
		if !table.Grant(task, seven, 1, start) {
			t.Fatalf("task %s is not started", task)
		}
	}
	return table
}

func TestALeaseThatWasNotRenewedIsNeitherRenewedNorGivenBack(t *testing.T) {
	table := table(t, "a")
	if due := table.Due(at(29)); len(due) != 1 {
		t.Fatalf("after 29 s %d leases are due, want 1", len(due))
	}
	if due := table.Due(at(30)); len(due) != 0 {
		t.Fatalf("a lease of 30 s is renewed after 30 s")
	}
	if answer := table.Ended("a", false, false, at(30)); answer.Kind != Silent {
		t.Errorf("a task that another worker may have is answered with %v", answer)
	}
}

func TestARenewalCountsFromWhenItWasSent(t *testing.T) {
	table := table(t, "a")
	table.Renewed(table.Get("a"), at(10))
	if until := table.Get("a").Until; !until.Equal(at(40)) {
		t.Errorf("the lease lasts until %v, want %v", until, at(40))
	}
	table.Renewed(Lease{Task: "a", Revision: seven, Delivery: 0}, at(20))
	if until := table.Get("a").Until; !until.Equal(at(40)) {
		t.Errorf("the confirmation of an earlier lease has made it last until %v", until)
	}
}

func TestWhatATaskEndsWith(t *testing.T) {
	back, silent := Answer{Kind: GiveBack}, Answer{}
	claim := func(delivery uint64, first bool) func(t *Table) {
		return func(t *Table) { t.Claim("a", seven, delivery, first) }
	}
	for _, c := range []struct {
		name     string
		end      func(t *Table)
		finished bool
		failed   bool
		want     Answer
	}{
		{"a stop hands over at once", (*Table).Stop, false, false, back},
		{"a task that is done leaves", func(*Table) {}, true, false, Answer{Kind: Finish}},
		{"a failure waits", func(*Table) {}, false, true, Answer{GiveBack, time.Second}},
		{"removed", func(t *Table) { t.Compare("a", Revision{}) }, false, false, silent},
		{"changed", func(t *Table) { t.Compare("a", eight) }, false, false, silent},
		{"another queue", func(t *Table) { t.Compare("a", other) }, true, false, silent},
		{"claimed in another queue", func(t *Table) { t.Claim("a", other, 2, true) }, false, false, back},
		{"the same", func(t *Table) { t.Compare("a", seven) }, false, false, back},
		{"taken", claim(2, true), false, false, silent},
		{"claimed by an earlier grant", claim(0, false), false, false, back},
		{"claimed by an equal grant, and not first", claim(1, false), false, false, silent},
		{"claimed by an equal grant, and first", claim(1, true), false, false, back},
		{"taken while it stops", func(t *Table) { t.Stop(); t.Claim("a", seven, 2, true) }, false, false, silent},
		{"lapsed", func(t *Table) { t.Lapse(at(31)) }, false, false, silent},
	} {
		t.Run(c.name, func(t *testing.T) {
			table := table(t, "a")
			c.end(table)
			if got := table.Ended("a", c.finished, c.failed, at(5)); got != c.want {
				t.Errorf("the queue is told %v, want %v", got, c.want)
			}
			if table.Len() != 0 {
				t.Error("the lease is still there")
			}
		})
	}
}

func TestATaskThatFailsAgainAndAgainWaitsLonger(t *testing.T) {
	for delivery, want := range map[uint64]time.Duration{
		1: time.Second, 2: 2 * time.Second, 5: 16 * time.Second, 9: 256 * time.Second,
		10: 5 * time.Minute, 1e9: 5 * time.Minute,
	} {
		table := &Table{Length: time.Hour}
		table.Grant("a", seven, delivery, start)
		if got := table.Ended("a", false, true, at(1)); got != (Answer{GiveBack, want}) {
			t.Errorf("after grant %d it is told %v, want a pause of %v", delivery, got, want)
		}
	}
	table := &Table{Length: time.Hour}
	table.Grant("a", seven, 10, start)
	if got := table.Ended("a", false, true, at(301)); got.Delay != time.Second {
		t.Errorf("a task that had run for 5 minutes waits %v, want 1s", got.Delay)
	}
}

func TestATaskIsNotStartedTwice(t *testing.T) {
	table := table(t, "a")
	if table.Grant("a", seven, 2, at(40)) {
		t.Error("a task that runs is started again")
	}
	if table.Get("a").End != "" {
		t.Error("the same revision ends the task")
	}
	for _, revision := range []Revision{eight, other} {
		if table.Grant("a", revision, 1, at(1)) {
			t.Errorf("revision %v is started beside the old one", revision)
		}
		if got := table.Get("a").End; got != Changed {
			t.Errorf("revision %v ends the task as %q, want %q", revision, got, Changed)
		}
		table.Ended("a", false, false, at(1))
		table.Grant("a", seven, 3, at(1))
	}
}

func TestShare(t *testing.T) {
	for _, c := range []struct{ tasks, workers, want int }{{0, 0, 0}, {5, 0, 5}, {5, 2, 3}, {6, 3, 2}, {1, 4, 1}} {
		if got := Share(c.tasks, c.workers); got != c.want {
			t.Errorf("the share of %d tasks among %d workers is %d, want %d", c.tasks, c.workers, got, c.want)
		}
	}
}

func TestOnlyAWorkerWithMoreThanItsShareAndOneMovesATask(t *testing.T) {
	table := table(t, "a", "b", "c", "d")
	if table.Move(3) {
		t.Error("a task is moved with 4 at a share of 3")
	}
	table.held["b"].Since = at(5)
	if !table.Move(2) || table.Get("b").End != Moved {
		t.Error("the task that was granted last is not moved with 4 at a share of 2")
	}
	if table.Move(1) {
		t.Error("a second task is moved while the first one is ending")
	}
	if got := table.Ended("b", false, false, at(6)); got.Kind != GiveBack {
		t.Errorf("a task that is moved is answered with %v", got)
	}
}
