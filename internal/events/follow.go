package events

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/retry"
)

// Sink takes events in their order.
type Sink interface {
	// Last returns the position of the last event that the sink has. found is false if it does not know one.
	Last(ctx context.Context) (last Position, found bool, err error)
	// Put delivers the event after the last one. ErrMoved says that another process has delivered events meanwhile.
	Put(ctx context.Context, e Event) error
}

// ErrMoved is the error of a Put whose event is not the one after the last: Last tells where to go on.
var ErrMoved = errors.New("another process has told it already")

// The pauses of a follower.
const (
	pollEvery  = 15 * time.Second // for cuts of other processes; our own wake it
	retryFirst = time.Second
	retryMost  = time.Minute
)

// Follower brings the events of one capture to one sink, beside the capture. Whatever becomes of the sink, the capture
// does not wait.
type Follower struct {
	Log     *cutlog.Log
	Capture string // name, escaped
	Archive string // the place, without secrets
	Sink    Sink
	Logger  *slog.Logger
	Wake    <-chan struct{} // a cut is done; may be nil
	// Told is called after each try to deliver an event, with its error. It may be nil.
	Told func(e *Event, err error)

	projection Projection
	before     cutlog.Head // the cut in front of the next one; zero: none, or not read
	last       Position    // the last event that the sink has
	placed     bool        // projection, before and last are known
	finished   bool        // Run has brought everything to the sink
}

// Run follows the log until ctx ends. When drain is closed it returns as soon as the sink has everything that the log
// holds.
func (f *Follower) Run(ctx context.Context, drain <-chan struct{}) {
	backoff := retry.Backoff{First: retryFirst, Max: retryMost}
	told := retry.Limiter{Every: time.Minute}
	positioned := false
	for ctx.Err() == nil {
		var err error
		if !positioned {
			err = f.position(ctx)
		}
		if positioned = err == nil; positioned {
			f.placed = true
			err = f.catchUp(ctx)
		}
		wait := pollEvery
		switch {
		case err == nil:
			backoff = retry.Backoff{First: retryFirst, Max: retryMost}
			if isClosed(drain) && f.drained(ctx) {
				f.finished = true
				return
			}
		case errors.Is(err, ErrMoved):
			positioned = false
			continue
		default:
			positioned, wait = false, backoff.Next()
			if ctx.Err() == nil && told.Ready(time.Now()) {
				f.Logger.Warn("events cannot be told, trying again", "error", err)
			}
		}
		f.pause(ctx, wait, drain)
	}
}

// pause waits for a cut, for some time, or for the end.
func (f *Follower) pause(ctx context.Context, wait time.Duration, drain <-chan struct{}) {
	t := time.NewTimer(wait)
	defer t.Stop()
	wake := f.Wake
	if wait != pollEvery { // after an error, a cut is no reason to try earlier
		wake = nil
	}
	if isClosed(drain) {
		drain = nil
	}
	select {
	case <-ctx.Done():
	case <-t.C:
	case <-wake:
	case <-drain:
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// drained reports whether nothing more can come of the log as it is.
func (f *Follower) drained(ctx context.Context) bool {
	_, ok, err := f.Log.Next(ctx, f.before)
	return err == nil && !ok
}

// position finds out where the sink is, and reads the cut in front of the next one.
func (f *Follower) position(ctx context.Context) error {
	last, found, err := f.Sink.Last(ctx)
	if err != nil {
		return err
	}
	if !found {
		return f.begin(ctx)
	}
	f.last = last
	f.projection = Projection{Capture: f.Capture, Archive: f.Archive, through: last.Through}
	f.before = cutlog.Head{}
	if last.N > 1 {
		f.before, err = f.Log.At(ctx, last.N-1)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the last event is of cut %d, which this archive does not have: another archive has a capture of "+
			"the same name: %w", last.N, err)
	}
	return err
}

// begin is the position of a sink that has no event. It begins with a log from its beginning if that is young, else
// with the newest cut: nobody wants the events of years.
func (f *Follower) begin(ctx context.Context) error {
	const young = 100 // cuts
	head, err := f.Log.Head(ctx)
	if err != nil {
		return err
	}
	f.last, f.before = Position{}, cutlog.Head{}
	f.projection = Projection{Capture: f.Capture, Archive: f.Archive}
	if head.N <= young {
		return nil
	}
	f.before, err = f.Log.At(ctx, head.N-1)
	f.last = Position{N: head.N, K: -1}
	f.Logger.Info("the sink of events has none of this capture, it gets those from the newest cut on", "cut", head.N)
	return err
}

// catchUp brings everything to the sink that the log holds.
func (f *Follower) catchUp(ctx context.Context) error {
	for {
		next, ok, err := f.Log.Next(ctx, f.before)
		if err != nil || !ok || next.Done == nil {
			return err
		}
		through := f.projection.through
		for _, e := range f.projection.Cut(f.before, next) {
			if !e.after(f.last) {
				continue
			}
			err := f.Sink.Put(ctx, e)
			if f.Told != nil {
				f.Told(&e, err)
			}
			if err != nil {
				f.projection.through = through // the cut is told again, from the next event on
				return err
			}
			f.last = e.Position
		}
		f.before = next
	}
}
