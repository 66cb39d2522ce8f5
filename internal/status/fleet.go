package status

import (
	"time"

	"github.com/dustin/go-humanize"
)

// Fleet is a fleet as its list has it, or as one of its workers has seen it last. As JSON it is for scripts: fields are
// added, never renamed.
type Fleet struct {
	Stream string  `json:"stream"`
	Lease  float64 `json:"lease_s"`
	// Worker is the one that says so, State how it is, and Seen when the fleet has answered it last. A list has none of
	// them.
	Worker  string        `json:"worker,omitempty"`
	State   WorkerState   `json:"state,omitempty"`
	Seen    *time.Time    `json:"seen,omitempty"`
	Total   int           `json:"total"` // of the tasks; a worker may not know yet which those are that nobody has
	Tasks   []FleetTask   `json:"tasks"`
	Workers []FleetWorker `json:"workers"`
}

// WorkerState is how a worker is.
type WorkerState string

// The states of a worker.
const (
	Waiting WorkerState = "waiting for the fleet" // which has not answered yet, or which nobody has made
	Idle    WorkerState = "idle"                  // the fleet has no captures
	Standby WorkerState = "standby"               // it has none: others have them, or they have failed and wait
	Drained WorkerState = "drained"
	Working WorkerState = "working"
)

// FleetTask is a capture or a pattern, and the worker that has it, if one does.
type FleetTask struct {
	Name     string      `json:"task"`
	Revision uint64      `json:"revision"`
	Worker   string      `json:"worker"`
	Since    *time.Time  `json:"since"`
	Delivery uint64      `json:"delivery"`
	Ending   string      `json:"ending,omitempty"`
	Status   *TaskStatus `json:"status,omitempty"`  // null: its worker has not said
	Pattern  string      `json:"pattern,omitempty"` // the task of the pattern that has made it
	Foreign  bool        `json:"foreign,omitempty"` // a message that is no task
	Failed   *Failing    `json:"failed,omitempty"`  // it has failed, and has not run well for a while since
}

// Failing is a capture that fails and is tried again.
type Failing struct {
	Times int       `json:"times"` // as far as the workers that run now remember
	Error string    `json:"error"` // the last one
	At    time.Time `json:"at"`
	Again time.Time `json:"again"` // when any worker may try it again
}

// Fails says when a task that has failed is tried again, and why it has failed. It is empty for one that has not.
func (t *FleetTask) Fails(now time.Time) string {
	if t.Failed == nil {
		return ""
	}
	again := "as soon as a worker has room"
	if wait := t.Failed.Again.Sub(now); t.Worker != "" {
		again = "now"
	} else if wait > 0 {
		again = "in " + Short(max(wait, time.Second))
	}
	return "tried again " + again + ": " + t.Failed.Error
}

// TaskStatus is how a task is. A worker may have a thousand of them in one message.
type TaskStatus struct {
	State   string `json:"state"`
	Lag     uint64 `json:"lag"`
	Streams *int64 `json:"streams,omitempty"` // of a pattern: how many have a capture
}

// FleetWorker is a worker.
type FleetWorker struct {
	Name    string `json:"worker"`
	Host    string `json:"host"`
	Room    int    `json:"room"` // 0: no limit
	Drained bool   `json:"drained"`
	Tasks   int    `json:"tasks"`
}

// Held is how many tasks have a worker.
func (f *Fleet) Held() (n int) {
	for i := range f.Tasks {
		if f.Tasks[i].Worker != "" {
			n++
		}
	}
	return n
}

// Says is the state of a task in words.
func (t *FleetTask) Says() string {
	switch {
	case t.Foreign:
		return "is no capture: jetcapture fleet rm"
	case t.Worker == "" && t.Failed != nil && t.Failed.Times == 1:
		return "has failed once"
	case t.Worker == "" && t.Failed != nil:
		return "fails, " + humanize.Comma(int64(t.Failed.Times)) + " times"
	case t.Worker == "":
		return "waits for a worker"
	case t.Ending != "":
		return "ending (" + t.Ending + ")"
	case t.Status == nil:
		return "-"
	case t.Status.Streams != nil && *t.Status.Streams == 1:
		return "follows 1 stream"
	case t.Status.Streams != nil:
		return "follows " + humanize.Comma(*t.Status.Streams) + " streams"
	}
	return t.Status.State
}
