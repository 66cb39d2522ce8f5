package capture

import "sync/atomic"

// race is what a Run hears of the race with the retention of its stream. Any goroutine tells it, and the loop looks at
// it when it looks whether a cut is due.
type race struct {
	on  atomic.Bool   // the stream will soon drop messages that are not read or not stored
	cut chan struct{} // a cut is wanted now; has room for one
}

func newRace() *race { return &race{cut: make(chan struct{}, 1)} }

// Race says whether the stream will soon drop messages that are not read or not stored. While it will, a cut is due as
// soon as the spool is half full, so that reading has room while the cut is being stored. Any goroutine may call it.
func (r *Run) Race(on bool) { r.race.on.Store(on) }

// CutForRetention asks for a cut because the stream will soon drop the oldest message that is not stored. If a cut is
// being stored, the request is dropped when that is done: it may have been enough. Any goroutine may call it.
func (r *Run) CutForRetention() {
	select {
	case r.race.cut <- struct{}{}:
	default: // the loop has not taken the last request yet
	}
}

// asked reports whether a cut was asked for since the last call.
func (r *race) asked() bool {
	select {
	case <-r.cut:
		return true
	default:
		return false
	}
}

// retention reports whether the retention of the stream asks for a cut.
func (l *loop) retention() bool {
	l.mustCut = l.mustCut || l.race.asked()
	return l.mustCut || l.race.on.Load() && l.spool.Half()
}

// relieved forgets a request for a cut, when one begins, and when one is stored.
func (l *loop) relieved() {
	l.race.asked()
	l.mustCut = false
}
