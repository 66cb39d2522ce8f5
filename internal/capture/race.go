package capture

import "sync/atomic"

// race is what a Run knows of the race with the retention of its stream. The owner of the Run tells it, from any
// goroutine; the loop looks at it when it looks whether a cut is due.
type race struct {
	on  atomic.Bool // the stream will soon drop messages that are not read or not stored
	cut atomic.Bool // a cut is wanted now; cleared when a cut begins, and when one is stored
}

// Race says whether the stream will soon drop messages that are not read or not stored. While it will, a cut is due as
// soon as the spool is half full, so that reading has room while the cut is being stored. Any goroutine may call it.
func (r *Run) Race(on bool) { r.race.on.Store(on) }

// CutForRetention asks for a cut because the stream will soon drop the oldest message that is not stored. If a cut is
// being stored, the request is dropped when that is done: it may have been enough. Any goroutine may call it.
func (r *Run) CutForRetention() { r.race.cut.Store(true) }

// due reports whether the race asks for a cut of what is in the spool.
func (r *race) due(half func() bool) bool { return r.cut.Load() || r.on.Load() && half() }
