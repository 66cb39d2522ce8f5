package fleet

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/lease"
	"github.com/jetcapture/jetcapture/internal/parallel"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Task is one capture of a fleet.
type Task struct {
	Name     string         // of the capture
	Revision lease.Revision // its message; zero before it is applied
	Body     []byte         // what its runner knows to read
	Parent   string         // the task whose holder has made it; empty if a person has
	Since    time.Time      // when the queue took its first revision, by its own clock
	Foreign  bool           // it is no task: a message without its name; Name is the end of its subject
}

// The headers of a task. Its subject has its name escaped, and shortened if it is long.
const (
	nameHeader   = "Jetcapture-Task"
	parentHeader = "Jetcapture-Parent"
	sinceHeader  = "Jetcapture-Since" // in nanoseconds since 1970; a first revision has none
)

// validToken is what may be the end of a task's subject.
var validToken = regexp.MustCompile(`^[^.*>\s]+$`)

// requestsAtOnce is how many requests of one kind are under way at the same time.
const requestsAtOnce = 64

// Change is what Apply has done.
type Change string

// The changes.
const (
	Added     Change = "added"
	Changed   Change = "changed"
	Unchanged Change = "unchanged"
)

// ErrConflict says that another process has changed a task meanwhile.
var ErrConflict = errors.New("another process has changed the task meanwhile: look at it, and do it again")

// ErrNoTask says that a task is not there that is to be removed.
var ErrNoTask = errors.New("there is no task")

// subjectOf is the subject of a task. The name is one token.
func (f *Fleet) subjectOf(name string) string {
	return f.subject("task") + "." + strings.ReplaceAll(cutlog.EscapeSegment(name), ".", "%2E")
}

// taskOf is the task of a message. Anybody who may can publish to the subjects of tasks, so a message may be no task.
func (f *Fleet) taskOf(subject string, header nats.Header, is lease.Revision, body []byte) Task {
	t := Task{Name: header.Get(nameHeader), Parent: header.Get(parentHeader), Revision: is, Body: body}
	since, err := strconv.ParseInt(header.Get(sinceHeader), 10, 64)
	if err != nil {
		since = is.Stored
	}
	t.Since = time.Unix(0, since).UTC()
	if t.Name == "" || f.subjectOf(t.Name) != subject {
		t.Name, t.Foreign = strings.TrimPrefix(subject, f.subject("task")+"."), true
	}
	return t
}

// Task returns a task. It is jetstream.ErrMsgNotFound if there is none.
func (f *Fleet) Task(ctx context.Context, name string) (Task, error) {
	return f.last(ctx, f.subjectOf(name))
}

// last returns the task of a subject.
func (f *Fleet) last(ctx context.Context, subject string) (Task, error) {
	stream, err := f.handle(ctx)
	if err != nil {
		return Task{}, err
	}
	m, err := stream.GetLastMsgForSubject(ctx, subject)
	if err != nil {
		return Task{}, fmt.Errorf("task %s: %w", subject, err)
	}
	return f.taskOf(m.Subject, m.Header, lease.Revision{Sequence: m.Sequence, Stored: m.Time.UnixNano()}, m.Data), nil
}

// has reports whether the stream still has the message of a revision.
func (f *Fleet) has(ctx context.Context, r lease.Revision) (bool, error) {
	stream, err := f.handle(ctx)
	if err != nil {
		return false, err
	}
	m, err := stream.GetMsg(ctx, r.Sequence)
	switch {
	case isMissing(err):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("look at message %d of stream %s: %w", r.Sequence, f.Stream(), err)
	}
	return m.Time.UnixNano() == r.Stored, nil
}

// Tasks returns all tasks by their names, and the foreign messages among them.
func (f *Fleet) Tasks(ctx context.Context) ([]Task, error) {
	return f.tasks(ctx, func(string) bool { return true })
}

// tasks returns the tasks of the subjects that are chosen.
func (f *Fleet) tasks(ctx context.Context, chosen func(subject string) bool) ([]Task, error) {
	subjects, err := f.subjects(ctx, chosen)
	if err != nil {
		return nil, err
	}
	tasks := make([]Task, len(subjects))
	err = parallel.Each(ctx, requestsAtOnce, len(subjects), func(ctx context.Context, i int) (err error) {
		if tasks[i], err = f.last(ctx, subjects[i]); errors.Is(err, jetstream.ErrMsgNotFound) {
			return nil // it was removed meanwhile
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	tasks = slices.DeleteFunc(tasks, func(t Task) bool { return t.Name == "" })
	slices.SortFunc(tasks, func(a, b Task) int { return cmp.Compare(a.Name, b.Name) })
	return tasks, nil
}

// subjects returns the subjects of tasks that are chosen.
func (f *Fleet) subjects(ctx context.Context, chosen func(subject string) bool) ([]string, error) {
	stream, err := f.handle(ctx)
	if err != nil {
		return nil, err
	}
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter(f.subject("task")+".*"))
	if err != nil {
		return nil, fmt.Errorf("list the tasks in stream %s: %w", f.Stream(), err)
	}
	subjects := make([]string, 0, len(info.State.Subjects))
	for subject := range info.State.Subjects {
		if chosen(subject) {
			subjects = append(subjects, subject)
		}
	}
	return subjects, nil
}

// Says reports whether a task of the queue says what another one says.
func (t Task) Says(other Task) bool {
	return !t.Foreign && t.Parent == other.Parent && bytes.Equal(t.Body, other.Body)
}

// Apply adds a task, or changes the body of an existing one. It is ErrConflict if another process does the same at the
// same time.
func (f *Fleet) Apply(ctx context.Context, t Task) (Change, error) {
	have, err := f.Task(ctx, t.Name)
	switch {
	case err != nil && !errors.Is(err, jetstream.ErrMsgNotFound):
		return "", err
	case err == nil && have.Name != t.Name && !have.Foreign: // a name that is shortened
		return "", fmt.Errorf("task %s: its subject is that of %s; give one of them another name", t.Name, have.Name)
	case err == nil && have.Says(t):
		return Unchanged, nil
	}
	return f.replace(ctx, have, t)
}

// replace puts a task in the place of the one that the fleet had, whose revision is zero if it had none. It adds none
// to a stream that would remove another one for it, as far as the last look at the stream has shown.
func (f *Fleet) replace(ctx context.Context, had, t Task) (Change, error) {
	stream, err := f.handle(ctx)
	if err == nil && had.Revision.Sequence == 0 {
		err = f.suits(stream.CachedInfo().Config)
	}
	if err != nil {
		return "", fmt.Errorf("task %s: %w", t.Name, err)
	}
	m := &nats.Msg{Subject: f.subjectOf(t.Name), Header: nats.Header{nameHeader: {t.Name}}, Data: t.Body}
	if t.Parent != "" {
		m.Header.Set(parentHeader, t.Parent)
	}
	if had.Revision.Sequence != 0 && !had.Foreign {
		m.Header.Set(sinceHeader, strconv.FormatInt(had.Since.UnixNano(), 10))
	}
	_, err = f.js.PublishMsg(ctx, m, jetstream.WithExpectLastSequencePerSubject(had.Revision.Sequence),
		jetstream.WithExpectStream(f.Stream()))
	var api *jetstream.APIError
	switch {
	case errors.As(err, &api) && (api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence ||
		api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant):
		return "", fmt.Errorf("task %s: %w", t.Name, ErrConflict)
	case err != nil:
		return "", fmt.Errorf("task %s: %w", t.Name, err)
	case had.Revision.Sequence == 0:
		return Added, nil
	}
	return Changed, nil
}

// Remove removes a task, or the foreign message of a name. Its worker makes a last cut when it sees that, a third of a
// lease later at most.
func (f *Fleet) Remove(ctx context.Context, name string) error {
	have, err := f.Task(ctx, name)
	if isMissing(err) && validToken.MatchString(name) { // a foreign message may have a subject that no name gives
		if have, err = f.last(ctx, f.subject("task")+"."+name); err == nil && !have.Foreign {
			err = jetstream.ErrMsgNotFound
		}
	}
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return fmt.Errorf("%w %s", ErrNoTask, name)
	}
	if err != nil {
		return err
	}
	return f.delete(ctx, have)
}

// RemoveSeen removes a task as Tasks has returned it. It does nothing if the queue has another revision of it by now,
// or none.
func (f *Fleet) RemoveSeen(ctx context.Context, t Task) error { return f.delete(ctx, t) }

// delete removes a revision of a task. It does nothing if the queue has another one meanwhile.
func (f *Fleet) delete(ctx context.Context, t Task) error {
	stream, err := f.handle(ctx)
	if err == nil {
		err = stream.DeleteMsg(ctx, t.Revision.Sequence)
	}
	if err == nil {
		return nil
	}
	if there, look := f.has(ctx, t.Revision); look == nil && !there {
		return nil
	}
	return fmt.Errorf("remove task %s: %w", t.Name, err)
}

// Subjects returns how a stream of the account is configured, and how many messages of each subject it holds.
func (f *Fleet) Subjects(
	ctx context.Context, stream string,
) (cfg jetstream.StreamConfig, held map[string]uint64, err error) {
	s, err := f.js.Stream(ctx, stream)
	if err != nil {
		return cfg, nil, fmt.Errorf("look at stream %s: %w", stream, err)
	}
	info, err := s.Info(ctx, jetstream.WithSubjectFilter(">"))
	if err != nil {
		return cfg, nil, fmt.Errorf("list the subjects of stream %s: %w", stream, err)
	}
	return info.Config, info.State.Subjects, nil
}
