package reader

import "time"

const (
	defaultRequestTimeout = 5 * time.Second
	ackConfirmation       = 5 * time.Second
)

// SecondLook is the time between the two looks that prove a rollback. In eight partitions, a leader that was cut off
// from its peers answered with old numbers for 16 to 20 s.
const SecondLook = 30 * time.Second

// Timing holds the intervals of a reader. Zero values mean the defaults, which the comments give. Tests shorten them.
type Timing struct {
	Expires    time.Duration // of a pull; 30 s
	Heartbeat  time.Duration // idle heartbeat of a pull, at most half of Expires; 5 s
	Tick       time.Duration // how often a waiting reader looks at the clock and the connection; 250 ms
	SecondLook time.Duration // between the two looks that prove a rollback; SecondLook
	Retry      time.Duration // between two tries to reach a stream that is gone or cannot be reached; 1 s
	Warn       time.Duration // least time between two warnings of the same trouble; 1 min
	Glance     time.Duration // between two looks at the retention of the stream; 10 s
	StandBy    time.Duration // mean time between two requests of a reader that stands by; 1 s
	Watch      time.Duration // before a consumer that could not be asked is asked again; 1 min, then twice as long
}

// withDefaults fills in what is zero.
func (t Timing) withDefaults() Timing {
	set := func(d *time.Duration, def time.Duration) {
		if *d <= 0 {
			*d = def
		}
	}
	set(&t.Expires, 30*time.Second)
	set(&t.Heartbeat, 5*time.Second)
	set(&t.Tick, 250*time.Millisecond)
	set(&t.SecondLook, SecondLook)
	set(&t.Retry, time.Second)
	set(&t.Warn, time.Minute)
	set(&t.Glance, 10*time.Second)
	set(&t.StandBy, time.Second)
	set(&t.Watch, time.Minute)
	t.Heartbeat = min(t.Heartbeat, t.Expires/2)
	return t
}

// SetTimeout sets how long a request may take before it counts as unanswered. The default is 5 s. Call it before the
// source is used.
func (s *Source) SetTimeout(d time.Duration) { s.timeout = d }

// SetRoom makes the readers of the source share room for their pulls with those of other sources. Call it before the
// source is used.
func (s *Source) SetRoom(r Room) { s.room = r }
