package fleet

import "time"

// clock is the time by which a worker judges its leases. It goes on while the process is frozen, and while the machine
// sleeps, and it never goes back. The zero value is ready; its caller holds a lock.
type clock struct{ last, at time.Time }

// now returns the time. Its start means nothing.
func (c *clock) now() time.Time {
	t := time.Now()
	if c.last.IsZero() {
		c.last, c.at = t, t.Round(0)
	}
	// The monotonic clock stops while the machine sleeps, and the other one may be set back.
	passed := max(t.Sub(c.last), t.Round(0).Sub(c.last.Round(0)), 0)
	c.last, c.at = t, c.at.Add(passed)
	return c.at
}
