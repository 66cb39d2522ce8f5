package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jetcapture/jetcapture/internal/lease"
	"github.com/jetcapture/jetcapture/internal/retry"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Member is what a worker says about itself.
type Member struct {
	ID      string `json:"worker"`
	Process string `json:"process"` // unique, also among workers of one name
	Host    string `json:"host"`
	Room    int    `json:"room"` // for so many tasks; 0 is no limit
	Drained bool   `json:"drained"`
	Tasks   []Held `json:"tasks"`
	More    bool   `json:"more,omitempty"` // tasks and failures that had no room in the answer before

	Failed []Failure `json:"failed,omitempty"` // what has failed here, if it was asked for with the status
}

// Held is a task that a worker runs.
type Held struct {
	Name     string          `json:"task"`
	Revision uint64          `json:"revision"` // the sequence of its message
	Stored   int64           `json:"stored"`   // when the stream took the message, in nanoseconds since 1970
	Delivery uint64          `json:"delivery"`
	Since    time.Time       `json:"since"`
	Ending   lease.Reason    `json:"ending,omitempty"`
	Parent   string          `json:"parent,omitempty"` // the task whose holder has made it
	Status   json.RawMessage `json:"status,omitempty"` // as its runner describes it
}

// The requests to workers. Each worker answers each of them with what it is. An order is for the worker that its body
// names.
const (
	workersSubject = "worker"
	drainSubject   = "drain"  // hand over what you have, and take nothing
	resumeSubject  = "resume" // take tasks again
)

// The waits for the answers of workers, of which nobody knows how many will come.
const (
	firstLook = time.Second
	quiet     = 250 * time.Millisecond // after each answer
	mostLook  = 3 * time.Second
)

// withStatus is the body of a request to workers that asks how their tasks are, too.
const withStatus = "status"

// Workers asks all workers about themselves, and how their tasks are if status says so. One that does not answer in
// time is left out.
func (f *Fleet) Workers(ctx context.Context, status bool) ([]Member, error) {
	body := ""
	if status {
		body = withStatus
	}
	return f.askWorkers(ctx, workersSubject, body)
}

// Drain has a worker hand over all that it has, and take nothing until Resume or its end.
func (f *Fleet) Drain(ctx context.Context, worker string) error {
	return f.order(ctx, drainSubject, worker)
}

// Resume ends a drain.
func (f *Fleet) Resume(ctx context.Context, worker string) error {
	return f.order(ctx, resumeSubject, worker)
}

// order sends an order to one worker, if it answers. To one that is frozen it would come later, when nobody expects it.
func (f *Fleet) order(ctx context.Context, subject, worker string) error {
	is := func(m Member) bool { return m.ID == worker }
	members, err := f.Workers(ctx, false)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(members, is) {
		return fmt.Errorf("worker %s does not answer, and nothing was sent to it; %s", worker, answering(members))
	}
	if members, err = f.askWorkers(ctx, subject, worker); err != nil {
		return err
	}
	if !slices.ContainsFunc(members, is) {
		return fmt.Errorf("worker %s has stopped answering: it may still get the order to %s, when it is back; "+
			"%s shows it then", worker, subject, f.Command("ls"))
	}
	return nil
}

// answering says which workers answer.
func answering(members []Member) string {
	if len(members) == 0 {
		return "no worker does"
	}
	var names []string
	for _, m := range members {
		names = append(names, m.ID)
	}
	slices.Sort(names)
	return "these answer: " + strings.Join(slices.Compact(names), ", ")
}

// askWorkers sends a request to all workers and collects their answers.
func (f *Fleet) askWorkers(ctx context.Context, subject, body string) (members []Member, err error) {
	ctx, cancel := context.WithTimeout(ctx, mostLook)
	defer cancel()
	inbox := f.nc.NewInbox()
	sub, err := f.nc.SubscribeSync(inbox)
	if err != nil {
		return nil, fmt.Errorf("ask the workers: %w", err)
	}
	defer func() { _ = sub.Unsubscribe() }() // the connection may be gone
	if err := f.nc.PublishRequest(f.subject(subject), inbox, []byte(body)); err != nil {
		return nil, fmt.Errorf("ask the workers: %w", err)
	}
	for wait := firstLook; ; wait = quiet {
		one, cancel := context.WithTimeout(ctx, wait)
		m, err := sub.NextMsgWithContext(one)
		cancel()
		switch {
		case errors.Is(err, context.DeadlineExceeded), errors.Is(err, nats.ErrNoResponders):
			return members, nil
		case err != nil:
			return members, fmt.Errorf("ask the workers: %w", err)
		}
		var member Member
		if json.Unmarshal(m.Data, &member) == nil && member.ID != "" {
			members = join(members, member)
		}
	}
}

// join adds an answer to those that came before it.
func join(members []Member, m Member) []Member {
	same := func(other Member) bool { return other.ID == m.ID && other.Process == m.Process && other.Host == m.Host }
	if i := slices.IndexFunc(members, same); m.More && i >= 0 {
		members[i].Tasks = append(members[i].Tasks, m.Tasks...)
		members[i].Failed = append(members[i].Failed, m.Failed...)
		return members
	}
	return append(members, m)
}

// answers are messages that say together what a member is, each of up to most bytes. A task that alone is larger has
// no status, and such a failure is left out.
func (m Member) answers(most int) (bodies [][]byte) {
	body, err := json.Marshal(m)
	switch {
	case err != nil:
		return nil
	case len(body) > most && len(m.Tasks)+len(m.Failed) > 1:
		first, second := m, m
		tasks, failed := (len(m.Tasks)+1)/2, len(m.Failed)/2 // not the same way: one of each are two halves
		first.Tasks, second.Tasks, second.More = m.Tasks[:tasks], m.Tasks[tasks:], true
		first.Failed, second.Failed = m.Failed[:failed], m.Failed[failed:]
		return append(first.answers(most), second.answers(most)...)
	case len(body) > most && len(m.Failed) == 1:
		m.Failed = nil
		return m.answers(most)
	case len(body) > most && len(m.Tasks) == 1 && m.Tasks[0].Status != nil:
		m.Tasks[0].Status = nil
		return m.answers(most)
	}
	return [][]byte{body}
}

// answer answers the requests to workers until stop.
func (w *Worker) answer() (stop func(), err error) {
	var subs []*nats.Subscription
	stop = func() {
		for _, sub := range subs {
			_ = sub.Unsubscribe() // the connection may be gone
		}
	}
	for subject, take := range map[string]func(m *nats.Msg){
		workersSubject: func(*nats.Msg) {},
		drainSubject:   func(m *nats.Msg) { w.drain(string(m.Data) == w.cfg.ID) },
		resumeSubject:  func(m *nats.Msg) { w.resume(string(m.Data) == w.cfg.ID) },
	} {
		warn := retry.Limiter{Every: time.Minute}
		sub, err := w.fleet.nc.Subscribe(w.fleet.subject(subject), func(m *nats.Msg) {
			take(m)
			for _, body := range w.member(string(m.Data) == withStatus).answers(int(w.fleet.nc.MaxPayload())) {
				if err := m.Respond(body); err != nil && warn.Ready(time.Now()) {
					w.log.Warn("cannot answer who asks about this worker, so others count without it", "bytes", len(body),
						"error", err)
				}
			}
		})
		if err != nil {
			stop()
			return nil, fmt.Errorf("answer requests to workers: %w", err)
		}
		subs = append(subs, sub)
	}
	return stop, nil
}

// drain begins a drain, if it is this worker's.
func (w *Worker) drain(mine bool) {
	if !mine {
		return
	}
	w.log.Info("drained: handing over all tasks, and taking none")
	w.endTasks(func(t *lease.Table) {
		w.drained = true
		t.Stop()
	})
}

// resume ends a drain, if it is this worker's.
func (w *Worker) resume(mine bool) {
	if !mine {
		return
	}
	w.log.Info("taking tasks again")
	w.mu.Lock()
	defer w.mu.Unlock()
	w.drained = false
}

// member is what the worker says about itself.
func (w *Worker) member(status bool) Member {
	m := w.holds()
	if !status {
		return m
	}
	for i := range m.Tasks {
		if about := w.cfg.Runner.Describe(m.Tasks[i].Name); about != nil {
			m.Tasks[i].Status, _ = json.Marshal(about) // without it, the rest is still told
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	m.Failed = w.failed.all()
	return m
}

// holds is what the worker holds.
func (w *Worker) holds() Member {
	w.mu.Lock()
	defer w.mu.Unlock()
	m := Member{ID: w.cfg.ID, Process: w.process, Host: w.cfg.Host, Room: w.cfg.Room, Drained: w.drained, Tasks: []Held{}}
	for _, l := range w.table.All() {
		m.Tasks = append(m.Tasks, Held{
			Name: l.Task, Revision: l.Revision.Sequence, Stored: l.Revision.Stored, Delivery: l.Delivery, Ending: l.End,
			Since: w.tasks[l.Task].began.UTC(), Parent: w.tasks[l.Task].task.Parent,
		})
	}
	return m
}

// isMissing reports whether an error says that there is no such task.
func isMissing(err error) bool { return errors.Is(err, jetstream.ErrMsgNotFound) }
