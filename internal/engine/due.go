package engine

import (
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
)

// MaxPlanBytes is where reading has to wait until the cut before is stored: a record, and so a plan, may have 64 MiB.
const MaxPlanBytes = 56 << 20

// A cut is due when its plan has planBase bytes and planEach more for each block: the sequences of its messages are in memory, where they must not grow with
// the length of a backfill. Where the keys of neighbours differ, a message takes about three bytes of the plan. With very many keys a plan may
// be larger, so that files do not get small; the keys take more memory than their sequences then.
const (
	planBase = 8 << 20
	planEach = 8 << 10
)

// planDue reports whether the plan of c should not grow any more.
func planDue(c *Cut) bool {
	return c.PlanBytes() >= min(MaxPlanBytes, planBase+planEach*len(c.Blocks))
}

// emptyCutEvery is how often a cut without a message may be made, only to move the position past proved absence.
const emptyCutEvery = time.Hour

// Pace decides when a cut is due. Instants are those of one process's clock and compared by their monotonic part.
type Pace struct {
	MaxAge  time.Duration // window length
	Grace   time.Duration
	MaxIdle time.Duration // 0: never

	highest    int64     // highest message timestamp read, nanoseconds since the Unix epoch
	lastAt     time.Time // when a message was last read
	caughtUp   bool
	lastWindow time.Time // when the last cut of reason window was due
	lastCut    time.Time
}

// Start begins the measuring of time at now.
func (p *Pace) Start(now time.Time) { p.lastCut, p.lastAt = now, now }

// Read notes a batch: the highest timestamp of its n messages, and whether the stream holds none beyond it.
func (p *Pace) Read(now time.Time, n int, highest int64, caughtUp bool) {
	if n > 0 {
		p.lastAt = now
		p.highest = max(p.highest, highest)
	}
	p.caughtUp = caughtUp
}

// StreamTime is the clock of windows: the highest timestamp read, and while caught up the time that has passed since, so that the last
// window of a stream that fell silent closes, and a backfill does not close windows whose messages are still to come.
func (p *Pace) StreamTime(now time.Time) int64 {
	if !p.caughtUp || p.highest == 0 {
		return p.highest
	}
	return p.highest + int64(now.Sub(p.lastAt))
}

// Pressure is what the surroundings of a cut say about its size.
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
		// Counted from when it was due, so that windows do not creep by the time that noticing takes.
		p.lastWindow = now
		if late := -p.sinceEnd(now, c); p.caughtUp && late > 0 && late < p.Grace {
			p.lastWindow = now.Add(-late)
		}
	}
	p.lastCut = now
}

// windowDue returns how long it is until the oldest open window is due, negative when it is.
func (p *Pace) windowDue(now time.Time, c *Cut) time.Duration {
	wait := p.sinceEnd(now, c)
	if !p.lastWindow.IsZero() {
		wait = max(wait, p.MaxAge-now.Sub(p.lastWindow))
	}
	return wait
}

// sinceEnd returns how long it is in stream time until the grace of the oldest open window has passed.
func (p *Pace) sinceEnd(now time.Time, c *Cut) time.Duration {
	return time.Duration(c.oldest + int64(p.MaxAge) + int64(p.Grace) - p.StreamTime(now))
}
