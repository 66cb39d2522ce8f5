package engine

import (
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
)

// MaxPlanBytes is the plan size at which reading pauses until the previous cut is stored. A record is limited to 64
// MiB.
const MaxPlanBytes = 56 << 20

// A cut is due when its plan has planBase bytes, and planEach more for each block. The sequences of a cut are in
// memory, so they must not grow with the length of a backfill. Where neighbouring messages have different keys, each
// takes about three bytes of the plan. With very many keys a plan may be larger, so that files do not get small; the
// keys take more memory than their sequences then.
const (
	planBase = 8 << 20
	planEach = 8 << 10
)

// planDue reports whether the plan of c should not grow further.
func planDue(c *Cut) bool {
	return c.PlanBytes() >= min(MaxPlanBytes, planBase+planEach*len(c.Blocks))
}

// emptyCutEvery is how often a cut without messages may be made. It only moves the position past sequences proved
// absent.
const emptyCutEvery = time.Hour

// Pace decides when a cut is due. Its callers pass in the time, from one clock with a monotonic part. The owner of
// the open blocks uses it, from one goroutine at a time.
type Pace struct {
	MaxAge  time.Duration // window length
	Grace   time.Duration
	MaxIdle time.Duration // 0: never

	highest    int64     // highest message timestamp read, nanoseconds since the Unix epoch
	lastAt     time.Time // when a message was last read
	caughtUp   bool      // the stream had nothing more then
	lastWindow time.Time // when the last cut of reason window was due
	lastCut    time.Time // when the last cut was made
}

// Start begins the measuring of time at now.
func (p *Pace) Start(now time.Time) { p.lastCut, p.lastAt = now, now }

// Read notes a batch of n messages: their highest timestamp, and whether the stream has nothing beyond them.
func (p *Pace) Read(now time.Time, n int, highest int64, caughtUp bool) {
	if n > 0 {
		p.lastAt = now
		p.highest = max(p.highest, highest)
	}
	p.caughtUp = caughtUp
}

// StreamTime is the clock of windows: the highest timestamp read. While the capture is caught up, the time since then
// is added, so that the last window of a stream that fell silent closes. During a backfill it is not, as messages of
// the window may follow.
func (p *Pace) StreamTime(now time.Time) int64 {
	if !p.caughtUp || p.highest == 0 {
		return p.highest
	}
	return p.highest + int64(now.Sub(p.lastAt))
}

// Pressure says which limits around a cut are reached.
type Pressure struct {
	Spool bool // the spool is over its limit
	Half  bool // closed parts hold half of the spool
	Acks  bool // AckWait or MaxAckPending is near
}

// Due says whether c must be cut now, and why.
func (p *Pace) Due(now time.Time, c *Cut, pr Pressure) (cutlog.Reason, bool) {
	switch {
	case !c.Moved():
		return "", false
	case c.Empty():
		return cutlog.ReasonIdle, now.Sub(p.lastCut) >= emptyCutEvery
	case pr.Spool, pr.Acks:
		return cutlog.ReasonPressure, true
	case pr.Half, c.AllClosed(), planDue(c):
		return cutlog.ReasonFull, true
	case len(c.Blocks) > 0 && p.windowDue(now, c) <= 0:
		return cutlog.ReasonWindow, true
	case p.MaxIdle > 0 && now.Sub(p.lastAt) >= p.MaxIdle:
		return cutlog.ReasonIdle, true
	}
	return "", false
}

// Cut notes that a cut was made now.
func (p *Pace) Cut(now time.Time, reason cutlog.Reason, c *Cut) {
	if reason == cutlog.ReasonWindow {
		// The next window counts from when this one was due, not from when the tick noticed it, or windows would creep.
		p.lastWindow = now
		if late := -p.untilEnd(now, c); p.caughtUp && late > 0 && late < p.Grace {
			p.lastWindow = now.Add(-late)
		}
	}
	p.lastCut = now
}

// windowDue returns the time until the oldest open window is due. It is negative when the window is overdue.
func (p *Pace) windowDue(now time.Time, c *Cut) time.Duration {
	wait := p.untilEnd(now, c)
	if !p.lastWindow.IsZero() {
		wait = max(wait, p.MaxAge-now.Sub(p.lastWindow))
	}
	return wait
}

// untilEnd returns the stream time until the oldest open window and its grace have passed.
func (p *Pace) untilEnd(now time.Time, c *Cut) time.Duration {
	return time.Duration(c.oldest + int64(p.MaxAge) + int64(p.Grace) - p.StreamTime(now))
}
