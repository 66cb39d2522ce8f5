package main

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"

	"github.com/jetcapture/jetcapture/internal/fleet"
)

// leftOut are the streams that match a pattern, and that the last look has left without a capture of it. Its follower
// uses it.
type leftOut struct {
	why    map[string]error  // by stream
	beyond []string          // as too many, by name
	told   map[string]string // what was said last, by stream
}

func newLeftOut() leftOut { return leftOut{why: map[string]error{}, told: map[string]string{}} }

// begin forgets what the look before has left out.
func (l *leftOut) begin() {
	clear(l.why)
	l.beyond = nil
}

// add notes a stream. The next look tries it again.
func (l *leftOut) add(stream string, why error) { l.why[stream] = why }

// errTooMany is why a stream is left out that is one too many.
var errTooMany = errors.New("more streams match than --max-streams lets be captured; it is the first of those left out")

// tooMany notes a stream that is one too many.
func (l *leftOut) tooMany(stream string) {
	if l.beyond = append(l.beyond, stream); len(l.beyond) == 1 {
		l.why[stream] = errTooMany
	}
}

// conflicts reports whether somebody else was quicker to change the capture of a stream, so that another look shows how
// it is now.
func (l *leftOut) conflicts() bool {
	for _, err := range l.why {
		if errors.Is(err, fleet.ErrConflict) {
			return true
		}
	}
	return false
}

// tell says why streams are left out, each reason once as long as it lasts.
func (l *leftOut) tell(log *slog.Logger) {
	maps.DeleteFunc(l.told, func(stream, _ string) bool { return l.why[stream] == nil })
	for _, stream := range slices.Sorted(maps.Keys(l.why)) {
		if why := l.why[stream]; l.told[stream] != why.Error() {
			l.told[stream] = why.Error()
			log.Warn("a stream is left out", "stream", stream, "error", why)
		}
	}
}

// err is what a pattern for once has not done: streams that are captured nowhere.
func (l *leftOut) err() error {
	var all []error
	for _, stream := range slices.Sorted(maps.Keys(l.why)) {
		var taken *takenError
		why := l.why[stream]
		if !errors.Is(why, errTooMany) && !(errors.As(why, &taken) && taken.same) {
			all = append(all, fmt.Errorf("stream %s: %w", stream, why))
		}
	}
	if n := len(l.beyond); n > 0 {
		all = append(all, fmt.Errorf("--max-streams left out %s: give a larger one, or leave out streams with "+
			"--exclude-stream", counted(int64(n), "stream")))
	}
	return errors.Join(all...)
}

// takenError is why the capture of a stream of a pattern is not started: there is one of its name.
type takenError struct {
	capture string
	pattern string // that has made it; empty: it stands for itself in the file
	same    bool   // it does what the other one would: it has the same stream and place
}

func (e *takenError) Error() string {
	switch {
	case e.pattern != "":
		return fmt.Sprintf("%s matches it, too, and comes first by its name: leave it out of one of the two with "+
			"exclude_stream", e.pattern)
	case e.same:
		return fmt.Sprintf("it has a capture of its own, %s, which comes before patterns", e.capture)
	}
	return fmt.Sprintf("there is a capture of that name already, %s, of another stream or place: give that one another "+
		"name, or leave out the stream with exclude_stream", e.capture)
}

// errTaken is the error of a capture whose name another one has.
func errTaken(wanted, has *settings) error {
	if wanted.pattern == "" {
		return fmt.Errorf("capture %s: there is another one of that name in this process", wanted.capture.name())
	}
	same := wanted.capture.library.NATSStreamName == has.capture.library.NATSStreamName &&
		wanted.capture.output == has.capture.output && wanted.nats == has.nats
	return &takenError{has.capture.name(), has.pattern, same}
}
