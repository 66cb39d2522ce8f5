package engine

import (
	"math"
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
func planDue(c Collected) bool {
	return c.PlanBytes() >= min(MaxPlanBytes, planBase+planEach*c.blocks())
}

// emptyCutEvery is how often a cut without messages may be made. It only moves the position past sequences proved
// absent.
const emptyCutEvery = time.Hour

// Pace decides where windows end and when a cut is due. Its callers pass in the time, from one clock with a monotonic
// part. The owner of the open blocks uses it, from one goroutine at a time.
type Pace struct {
	MaxAge  time.Duration // window length
	Grace   time.Duration // how long a silent stream is given after the end of a window
	MaxIdle time.Duration // 0: never

	end        int64     // of the newest window that a message was read of, nanoseconds since the Unix epoch
	late       bool      // a message of an older window lies behind the boundary
	silenced   int64     // end of the last window that the clock has closed
	highest    int64     // highest message timestamp read, nanoseconds since the Unix epoch
	lastAt     time.Time // when a message was last read
	caughtUp   bool      // the stream had nothing more then
	lastWindow time.Time // when the last cut of reason window was made
	lastCut    time.Time // when the last cut was made
}

// Due is a cut that has to be made.
type Due struct {
	Reason cutlog.Reason
	Ended  bool // it ends at the boundary; otherwise it takes everything that was read
}

// Start begins the measuring of time at now.
func (p *Pace) Start(now time.Time) {
	p.lastCut, p.lastAt = now, now
	p.end, p.silenced = math.MinInt64, math.MinInt64
}

// Begins notes the timestamp of a message that is about to be taken. It reports whether the message is of a later
// window than all before it, so that the boundary lies just before it.
func (p *Pace) Begins(timestamp int64) bool {
	if timestamp < p.end {
		p.late = p.late || timestamp < p.end-int64(p.MaxAge)
		return false
	}
	p.late = false
	p.end = WindowStart(timestamp, p.MaxAge) + int64(p.MaxAge)
	return true
}

// Read notes a batch of n messages: their highest timestamp, and whether the stream has nothing beyond them.
func (p *Pace) Read(now time.Time, n int, highest int64, caughtUp bool) {
	if n > 0 {
		p.lastAt = now
		p.highest = max(p.highest, highest)
	}
	p.caughtUp = caughtUp
}

// Pressure says which limits around a cut are reached.
type Pressure struct {
	Spool     bool // the spool is over its limit
	Half      bool // closed parts hold half of the spool
	Acks      bool // AckWait or MaxAckPending is near
	Flush     bool // somebody has asked for a cut
	Retention bool // the stream will soon drop messages that are not read or not stored
}

// Due says whether a cut must be made now, and which.
func (p *Pace) Due(now time.Time, c Collected, pr Pressure) (Due, bool) {
	switch {
	case !c.Moved():
		return Due{}, false
	case c.Empty():
		return Due{Reason: cutlog.ReasonIdle}, now.Sub(p.lastCut) >= emptyCutEvery
	case pr.Flush:
		return Due{Reason: cutlog.ReasonFlush}, true
	case pr.Spool, pr.Acks:
		return c.Relieve(cutlog.ReasonPressure), true
	case pr.Retention:
		return c.Relieve(cutlog.ReasonRetention), true
	case c.AllClosed():
		return Due{Reason: cutlog.ReasonFull}, true
	case pr.Half, planDue(c):
		return c.Relieve(cutlog.ReasonFull), true
	case c.Ended != nil && len(c.Ended.Blocks) > 0 && p.paced(now, p.MaxAge/2):
		return Due{Reason: cutlog.ReasonWindow, Ended: true}, true
	case c.blocks() > 0 && p.silent(now):
		return Due{Reason: cutlog.ReasonWindow}, true
	case p.late && now.Sub(p.lastCut) >= p.MaxAge+p.Grace:
		return Due{Reason: cutlog.ReasonWindow}, true
	case p.MaxIdle > 0 && now.Sub(p.lastAt) >= p.MaxIdle:
		return Due{Reason: cutlog.ReasonIdle}, true
	}
	return Due{}, false
}

// Cut notes that a cut was made now.
func (p *Pace) Cut(now time.Time, d Due) {
	p.lastCut = now
	if d.Reason == cutlog.ReasonWindow {
		p.lastWindow = now
	}
	if d.Ended {
		return
	}
	if d.Reason == cutlog.ReasonWindow {
		p.silenced = p.end
	}
	if p.late {
		// The clock of the stream may have been far ahead. Then no window would end before that time has come.
		p.end, p.highest, p.late = math.MinInt64, 0, false
	}
}

// paced reports whether the last cut for a window was made at least some time ago. A steady stream ends its windows
// MaxAge apart; in a backfill, which ends them faster, one cut takes many.
func (p *Pace) paced(now time.Time, apart time.Duration) bool {
	return p.lastWindow.IsZero() || now.Sub(p.lastWindow) >= apart
}

// silent reports whether the clock closes the newest window, because no later message has shown its end. While the
// capture is caught up, the time of the stream goes on by our clock from the highest timestamp read. During a backfill
// it does not, as messages of the window may follow. What comes of a closed window after all waits for the next cut.
func (p *Pace) silent(now time.Time) bool {
	if !p.caughtUp {
		return false
	}
	streamTime := p.highest + int64(now.Sub(p.lastAt))
	return streamTime >= p.end+int64(p.Grace) && (p.silenced != p.end || p.paced(now, p.MaxAge))
}
