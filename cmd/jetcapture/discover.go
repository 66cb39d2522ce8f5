package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jetcapture/jetcapture/internal/fleet"
	"github.com/jetcapture/jetcapture/internal/retry"
	"github.com/nats-io/nats.go/jetstream"
	"go.yaml.in/yaml/v4"
)

// discover follows a pattern whose task this worker holds: it makes a task of the fleet for each stream that matches,
// and removes those of streams that are gone. Other workers may do the same at the same time.
func (t *taskRunner) discover(ctx context.Context, task fleet.Task, s *settings) error {
	captures := &taskCaptures{children: t.fleet.Children(task), pattern: task.Body, s: s, runner: t}
	f := newFollower(s, captures, t.group.r.log)
	f.since = task.Since
	defer f.close()
	defer t.following(task.Name, f)()
	if s.capture.library.Once {
		return t.discoverOnce(ctx, f)
	}
	err := f.look(ctx)
	if err != nil && !f.looked && ctx.Err() == nil && !errors.Is(err, fleet.ErrReplaced) {
		return err
	}
	f.complain(ctx, err)
	f.watch(ctx, t.group.r.streamsEvery)
	return t.endChildren(context.WithoutCancel(ctx), task.Name)
}

// discoverOnce makes the tasks of a pattern that is for once. It removes none: when the pattern is not in the fleet, it
// may be done, by another worker, and its captures are what is left to do.
func (t *taskRunner) discoverOnce(ctx context.Context, f *follower) error {
	for ctx.Err() == nil {
		err := f.look(ctx)
		switch {
		case ctx.Err() != nil: // it is stopped: the loop ends
		case err == nil && f.matching == 0:
			return errNoMatch(f.s)
		case err == nil:
			return f.left.err()
		case !errors.Is(err, fleet.ErrReplaced):
			return err
		}
		_ = retry.Pause(ctx, t.group.r.streamsEvery) // the worker is about to see that it is replaced
	}
	return nil
}

// endChildren removes the tasks of a pattern, if that has left the fleet: what this worker was about to add when
// somebody removed the pattern would stay. A task for once may be of a later revision of the pattern, which is done.
func (t *taskRunner) endChildren(ctx context.Context, pattern string) error {
	ctx, cancel := context.WithTimeout(ctx, followTimeout)
	defer cancel()
	_, err := t.fleet.Task(ctx, pattern)
	if !errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil // another worker follows it, or the fleet does not answer
	}
	names, err := t.fleet.RemoveChildren(ctx, pattern, func(child fleet.Task) bool { return !isForOnce(child.Body) })
	if len(names) > 0 {
		t.group.r.log.Info("the pattern has left the fleet, and its captures with it", "pattern", pattern,
			"captures", strings.Join(names, ", "))
	}
	return err
}

// taskCaptures are the captures of a pattern as tasks of a fleet.
type taskCaptures struct {
	children *fleet.Children
	pattern  []byte      // the body of its task
	s        *settings   // of the pattern
	runner   *taskRunner // has what a task is read with
}

// own implements streamCaptures.
func (c *taskCaptures) own(ctx context.Context) (map[string]bool, error) {
	if err := c.children.Look(ctx); err != nil {
		return nil, err
	}
	own := map[string]bool{}
	for _, name := range c.children.Names() {
		own[streamOf(c.children.Get(name))] = true
	}
	return own, nil
}

// start implements streamCaptures. A child that reads a stream from its beginning goes on so.
func (c *taskCaptures) start(ctx context.Context, stream string, appeared bool) error {
	had := c.children.Get(captureName(stream))
	body, err := streamTask(c.pattern, stream, appeared || had.Name != "" && isWhole(had.Body))
	if err == nil {
		_, err = c.children.Put(ctx, captureName(stream), body)
	}
	var taken *fleet.TakenError
	if errors.As(err, &taken) {
		return c.taken(stream, taken.By)
	}
	return err
}

// taken is the error of a stream, the name of whose capture has a task that this pattern has not made.
func (c *taskCaptures) taken(stream string, by fleet.Task) error {
	has, err := taskSettings(by, c.runner.nats, c.runner.getenv)
	if err != nil { // what it does is not known here
		return &takenError{capture: by.Name, pattern: by.Parent}
	}
	has.pattern = by.Parent
	return errTaken(c.s.of(stream, false), has)
}

// end implements streamCaptures.
func (c *taskCaptures) end(ctx context.Context, streams []string) error {
	var names []string
	for _, stream := range streams {
		names = append(names, captureName(stream))
	}
	return c.children.Remove(ctx, names...)
}

// hasPattern reports whether options, as they stand in a file, stand for the streams that match.
func hasPattern(options []*yaml.Node) bool {
	name, _ := textOf(options, "stream_name")
	subject, _ := textOf(options, "stream_subject")
	optIn, _ := textOf(options, "stream_opt_in")
	on, err := strconv.ParseBool(optIn)
	return strings.Contains(name, "*") || subject != "" || err == nil && on
}

// textOf is the text of an option, if it is among them.
func textOf(options []*yaml.Node, key string) (text string, found bool) {
	for i := 0; i+1 < len(options); i += 2 {
		if options[i].Value == key {
			return options[i+1].Value, true
		}
	}
	return "", false
}

// streamTask is the body of the task of one stream of a pattern, of which body is the task. With whole, the capture
// begins with the first message of the stream, whatever the pattern says.
func streamTask(body []byte, stream string, whole bool) ([]byte, error) {
	options, err := taskOptions(body)
	if err != nil {
		return nil, err
	}
	own := []*yaml.Node{scalarNode("stream_name"), scalarNode(strings.ReplaceAll(stream, "$", "$$"))}
	not := []string{"stream_name"}
	for _, o := range new(streamSettings).options() {
		not = append(not, o.key())
	}
	if whole {
		not = append(not, "start")
	}
	for i := 0; i+1 < len(options); i += 2 {
		if !slices.Contains(not, options[i].Value) {
			own = append(own, options[i], options[i+1])
		}
	}
	return yaml.Marshal(mapping(scalarNode(capturesKey), mapping(scalarNode(captureName(stream)), mapping(own...))))
}

// streamOf is the stream of a task that streamTask has made. One that was changed by hand may say another stream, or
// nothing that makes sense: then its name counts.
func streamOf(child fleet.Task) string {
	options, _ := taskOptions(child.Body)
	name, _ := textOf(options, "stream_name")
	if stream := strings.ReplaceAll(name, "$$", "$"); captureName(stream) == child.Name {
		return stream
	}
	return child.Name
}

// isWhole reports whether a task says that its capture begins with the first message.
func isWhole(body []byte) bool {
	options, err := taskOptions(body)
	_, starts := textOf(options, "start")
	return err == nil && !starts
}

// isForOnce reports whether a task may say that its capture is for once: a variable may say so as well.
func isForOnce(body []byte) bool {
	options, _ := taskOptions(body) // none of what is no task
	text, found := textOf(options, "once")
	on, err := strconv.ParseBool(text)
	return found && (on || err != nil)
}

// taskOptions are the options of the one capture of a task, keys and values by turns.
func taskOptions(body []byte) ([]*yaml.Node, error) {
	document, err := oneDocument(body)
	if err != nil {
		return nil, err
	}
	at := document.Content[0]
	for range 2 { // captures, and the name of the one
		if at.Kind != yaml.MappingNode || len(at.Content) != 2 {
			return nil, fmt.Errorf("line %d: a task is to have one capture", at.Line)
		}
		at = at.Content[1]
	}
	return at.Content, nil
}
