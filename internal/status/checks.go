package status

import (
	"fmt"
	"time"

	"github.com/jetcapture/jetcapture"
)

// Check is one thing that a probe looks at.
type Check struct {
	Name string
	Fail string // why it fails; empty if it does not
}

const (
	pulseLimit = time.Minute      // without a sign of life while messages are read
	codeLimit  = 10 * time.Minute // for one batch in the decoder or a writer
	awayLimit  = 2 * time.Minute  // that server or store may be away while a capture is ready
)

// Live looks whether the captures move. It does not fail because of the server or the store: a restart does not mend
// them, and throws away what was read.
func Live(all []Running, now time.Time) (checks []Check) {
	for _, r := range all {
		s, c := &r.Stats, Check{Name: r.Capture + " moves"}
		switch quiet, in := now.Sub(s.Pulse), now.Sub(s.Since); {
		case r.Ended:
		case s.State == jetcapture.StateReading && quiet > pulseLimit:
			c.Fail = fmt.Sprintf("no sign of life for %s", Short(quiet))
		case (s.State == jetcapture.StateDecoder || s.State == jetcapture.StateWriter) && in > codeLimit:
			c.Fail = fmt.Sprintf("%s for %s", s.State, Short(in))
		}
		checks = append(checks, c)
	}
	return checks
}

// Started looks whether each capture has entered its log, has proved its store, and reads.
func Started(all []Running) (checks []Check) {
	for _, r := range all {
		c := Check{Name: r.Capture + " reads"}
		if r.Stats.ReadSince.IsZero() && !r.Ended {
			c.Fail = "reading has not begun: " + string(r.Stats.State)
		}
		checks = append(checks, c)
	}
	return checks
}

// Ready looks whether each capture has started, and whether its server and its store were there lately. A lag does not
// count: that is for an alert.
func Ready(all []Running, now time.Time) (checks []Check) {
	checks = Started(all)
	for _, r := range all {
		s := &r.Stats
		ended := Check{Name: r.Capture + " runs"}
		if r.Ended && r.Err != nil {
			ended.Fail = "it has failed"
		}
		server := Check{Name: r.Capture + " server"}
		if seen := latest(s.Stream.SeenAt, s.CaughtUp, s.Began); !s.Connected && !r.Ended && now.Sub(seen) > awayLimit {
			server.Fail = fmt.Sprintf("no connection, last heard of %s ago", Short(now.Sub(seen)))
		}
		store := Check{Name: r.Capture + " store"}
		if !r.Ended && !s.StoreFailing.IsZero() && now.Sub(s.StoreFailing) > awayLimit {
			store.Fail = fmt.Sprintf("its operations have been failing for %s", ago(now, s.StoreFailing))
		} else if silent := r.storeSilent(now); silent > 0 {
			store.Fail = fmt.Sprintf("nothing was stored for %s of the cut that is being stored", Short(silent))
		}
		checks = append(checks, ended, server, store)
	}
	return checks
}

// storeSilent is how long nothing was stored of the cut that is being stored, if that is longer than the store may be
// away. A store that gives no answer fails late: its client waits for minutes, and tries again by itself.
func (r *Running) storeSilent(now time.Time) time.Duration {
	if silent := r.Stats.StoreSilence(now); !r.Ended && silent > awayLimit {
		return silent
	}
	return 0
}

// latest is the latest of some times.
func latest(times ...time.Time) (l time.Time) {
	for _, t := range times {
		if t.After(l) {
			l = t
		}
	}
	return l
}
