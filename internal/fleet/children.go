package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jetcapture/jetcapture/internal/lease"
	"github.com/jetcapture/jetcapture/internal/parallel"
	"github.com/nats-io/nats.go/jetstream"
)

// Children are the tasks that the holder of a task makes: of a pattern, those of its streams. The holder says again and
// again what there is to be, and each change names the revision that it replaces. If there are two holders, because one
// does not know yet that it has lost its lease, the later change is refused. One goroutine uses it.
type Children struct {
	fleet  *Fleet
	parent Task
	state  state // of the queue when tasks were read; zero after a change
	tasks  map[string]Task
}

// ErrReplaced says that a task is not in the queue any more, or has another revision: its holder is to end.
var ErrReplaced = errors.New("the fleet has not this task any more")

// Children returns the children of a task that a worker holds. Nothing is asked yet.
func (f *Fleet) Children(parent Task) *Children { return &Children{fleet: f, parent: parent} }

// Look reads the tasks of the fleet, if any has changed since the last time. It is ErrReplaced if the parent is not in
// the queue any more.
func (c *Children) Look(ctx context.Context) error {
	same, err := c.fleet.has(ctx, c.parent.Revision)
	if err != nil {
		return err
	}
	if !same {
		return fmt.Errorf("task %s: %w", c.parent.Name, ErrReplaced)
	}
	info, err := c.fleet.info(ctx)
	if err != nil {
		return err
	}
	now := stateOf(info)
	if c.tasks != nil && now == c.state {
		return nil
	}
	all, err := c.fleet.Tasks(ctx)
	if err != nil {
		return err
	}
	c.state, c.tasks = now, map[string]Task{}
	for _, t := range all {
		c.tasks[t.Name] = t
	}
	return nil
}

// stateOf is the state of a queue.
func stateOf(info *jetstream.StreamInfo) state {
	last := lease.Revision{Sequence: info.State.LastSeq, Stored: info.State.LastTime.UnixNano()}
	return state{info.Created.UTC(), last, info.State.Msgs}
}

// Names are those of the children, as of the last Look.
func (c *Children) Names() (names []string) {
	for name, t := range c.tasks {
		if c.owns(t) {
			names = append(names, name)
		}
	}
	return names
}

// owns reports whether a task is one of the children.
func (c *Children) owns(t Task) bool { return t.Parent == c.parent.Name && !t.Foreign }

// Get returns a child as of the last Look; one without a name if there is none.
func (c *Children) Get(name string) Task {
	if t := c.tasks[name]; c.owns(t) {
		return t
	}
	return Task{}
}

// TakenError says that a task of the name of a child is not one of the children: a person has made it, or another
// parent, which comes first by its name.
type TakenError struct{ By Task }

func (e *TakenError) Error() string {
	if e.By.Parent == "" {
		return fmt.Sprintf("task %s: the fleet has a capture of that name already", e.By.Name)
	}
	return fmt.Sprintf("task %s: it is one of %s already", e.By.Name, e.By.Parent)
}

// Put adds a child, or changes it. A task of that name which a person has made stays as it is, and so does one of a
// parent that comes first by its name: the error is a *TakenError. Of another parent it is taken over. ErrConflict says
// that the task is not as the last Look has shown it.
func (c *Children) Put(ctx context.Context, name string, body []byte) (Change, error) {
	had, found := c.tasks[name]
	t := Task{Name: name, Parent: c.parent.Name, Body: body}
	switch {
	case found && had.Foreign:
		return "", fmt.Errorf("task %s: a message of the fleet that is no task has its subject", name)
	case found && had.Parent < c.parent.Name: // none at all comes first
		return "", &TakenError{had}
	case found && had.Says(t):
		return Unchanged, nil
	}
	c.state = state{}
	return c.fleet.replace(ctx, had, t)
}

// removeTimeout bounds a call of Remove: without the permission there is no answer.
const removeTimeout = 5 * time.Second

// Remove removes children, whose workers make a last cut. Its error is the first of several, and says how many.
func (c *Children) Remove(ctx context.Context, names ...string) error {
	ctx, cancel := context.WithTimeout(ctx, removeTimeout)
	defer cancel()
	c.state = state{}
	failed := make([]error, len(names))
	_ = parallel.Each(ctx, requestsAtOnce, len(names), func(ctx context.Context, i int) error {
		if t := c.Get(names[i]); t.Name != "" {
			failed[i] = c.fleet.delete(ctx, t)
		}
		return nil // the others are removed all the same
	})
	failed = slices.DeleteFunc(failed, func(err error) bool { return err == nil })
	switch {
	case len(failed) == 0:
		return ctx.Err() // some may not have been tried
	case errors.Is(failed[0], context.DeadlineExceeded):
		return fmt.Errorf("%w (%d of %d tasks are not removed); the user needs the permission to publish "+
			"$JS.API.STREAM.MSG.DELETE.%s", failed[0], len(failed), len(names), c.fleet.Stream())
	}
	return fmt.Errorf("%w (%d of %d tasks are not removed)", failed[0], len(failed), len(names))
}

// RemoveChildren removes the tasks that the holder of a task has made and that are chosen, and returns their names.
func (f *Fleet) RemoveChildren(
	ctx context.Context, parent string, chosen func(child Task) bool,
) (names []string, err error) {
	all, err := f.Tasks(ctx)
	if err != nil {
		return nil, err
	}
	for _, t := range all {
		if t.Parent != parent || t.Foreign || !chosen(t) {
			continue
		}
		if err := f.delete(ctx, t); err != nil {
			return names, err
		}
		names = append(names, t.Name)
	}
	return names, nil
}
