package capture

import (
	"time"

	"github.com/jetcapture/jetcapture/internal/engine"
)

// restEvery is how often a loop looks at the clock that has nothing to do. A process may have a thousand of them.
const restEvery = 10 * time.Second

// clock ticks for a loop: every tickEvery while something happens, later while nothing does. The loop owns it.
type clock struct {
	*time.Timer
	slow bool // the next tick is later than in tickEvery
}

func newClock() *clock { return &clock{Timer: time.NewTimer(tickEvery)} }

// next lets the next tick come after d.
func (c *clock) next(d time.Duration) {
	c.slow = d > tickEvery
	c.Reset(d)
}

// hurry lets the next tick come soon, because something has happened.
func (c *clock) hurry() {
	if c.slow {
		c.next(tickEvery)
	}
}

// calm returns how long the loop need not look at the clock, if no batch comes: until about half of the time that a cut
// is away, and not at all while something is under way.

func (l *loop) calm(now time.Time) time.Duration {
	if len(l.feed.out) > 0 || l.storing != nil || l.postponed != nil || l.planFull || l.spool.Over() ||
		len(l.flushes.waiting) > 0 {
		return tickEvery
	}
	d := restEvery
	for d > tickEvery && l.dueAt(now.Add(d)) {
		d /= 2
	}
	return max(d, tickEvery)
}

// dueAt reports whether a cut is due at a time if nothing comes until then.
func (l *loop) dueAt(t time.Time) bool {
	c := l.collected()
	if !c.Moved() {
		return false
	}
	_, acks := l.rd.AcksNear(t)
	_, due := l.pace.Due(t, c, engine.Pressure{Acks: acks})
	return due
}
