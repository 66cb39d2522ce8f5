package fleet

import (
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jetcapture/jetcapture/internal/lease"
)

// Failure is what a worker remembers of a task that has failed there, and that it has given back.
type Failure struct {
	Name     string    `json:"task"`
	Revision uint64    `json:"revision"`
	Stored   int64     `json:"stored"`
	Times    int       `json:"times"` // at this worker
	Error    string    `json:"error"` // the last one, cut if it is long
	At       time.Time `json:"at"`    // of the last one
	Again    time.Time `json:"again"` // when the queue grants it again, to any worker
}

// of is the revision that has failed.
func (f *Failure) of() lease.Revision { return lease.Revision{Sequence: f.Revision, Stored: f.Stored} }

// The limits of what a worker remembers of a failure. When the task has run for longWell since, it is forgotten.
const (
	mostError = 400 // bytes
	longWell  = 5 * time.Minute
)

// failures are those of a worker, by task.
type failures map[string]Failure

// add notes that a task has failed, and is tried again after a pause.
func (f failures) add(t Task, err error, pause time.Duration) {
	was, now := f[t.Name], time.Now().UTC()
	if was.of() != t.Revision {
		was.Times = 0
	}
	f[t.Name] = Failure{
		Name: t.Name, Revision: t.Revision.Sequence, Stored: t.Revision.Stored, Times: was.Times + 1,
		Error: shortError(err), At: now, Again: now.Add(pause),
	}
}

// compare forgets a task whose revision in the queue is another one.
func (f failures) compare(task string, revision lease.Revision) {
	if one, found := f[task]; found && one.of() != revision {
		delete(f, task)
	}
}

// runs notes for how long a task has run, at any worker.
func (f failures) runs(task string, long time.Duration) {
	if long > longWell {
		delete(f, task)
	}
}

// all returns the failures in the order of their tasks.
func (f failures) all() (all []Failure) {
	for _, name := range slices.Sorted(maps.Keys(f)) {
		all = append(all, f[name])
	}
	return all
}

// shortError is an error as one line that fits into an answer.
func shortError(err error) string {
	text := strings.ReplaceAll(err.Error(), "\n", "; ")
	if len(text) <= mostError {
		return text
	}
	end := mostError
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "…"
}
