package status

import (
	"fmt"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/jetcapture/jetcapture"
)

// foresee fills in what comes next.
func (r *Running) foresee(c *Capture, now time.Time) {
	s := &r.Stats
	if at := windowEnd(s); !at.IsZero() {
		c.WindowEnds = &at
	}
	if st := s.Storing; st.Cut > 0 {
		c.Storing = &Storing{Cut: st.Cut, Files: st.Files, Of: st.Of, Read: st.Read, ReadTo: st.ReadTo}
		c.Next = storing(st)
		return
	}
	serverNow := now.Add(-s.Stream.ClockOffset)
	switch {
	case s.ReadSince.IsZero() || c.Waiting != "":
	case s.OldestTime.IsZero():
		c.Next = "everything is stored"
	case c.WindowEnds == nil:
	case c.WindowEnds.After(serverNow):
		c.Next = "the window ends in " + Short(c.WindowEnds.Sub(serverNow))
	default:
		c.Next = "a window has ended, its cut is due"
	}
}

// windowEnd is when the window of the oldest message ends that is not stored; zero if there is none. Windows are
// counted from the Unix epoch.
func windowEnd(s *jetcapture.Stats) time.Time {
	if s.OldestTime.IsZero() || s.Window <= 0 {
		return time.Time{}
	}
	at := s.OldestTime.UnixNano()
	return time.Unix(0, at-at%int64(s.Window)+int64(s.Window)).UTC()
}

// storing says how far a cut is.
func storing(s jetcapture.Storing) string {
	if s.ReadTo > 0 && s.Read < s.ReadTo {
		return fmt.Sprintf("cut %s is read again: %s of %s sequences", humanize.Comma(int64(s.Cut)),
			humanize.Comma(int64(s.Read)), humanize.Comma(int64(s.ReadTo)))
	}
	return fmt.Sprintf("cut %s is stored: %s of %s files", humanize.Comma(int64(s.Cut)), humanize.Comma(int64(s.Files)),
		humanize.Comma(int64(s.Of)))
}

// largestOpen are the largest open files.
func largestOpen(blocks []jetcapture.OpenBlock) (all []Open) {
	if blocks == nil {
		return nil
	}
	all = []Open{}
	for _, b := range blocks {
		key := b.Key
		if key == nil {
			key = []string{}
		}
		all = append(all, Open{Key: key, Dead: b.Dead, Window: b.Window, Messages: b.Messages, Bytes: b.Bytes})
	}
	return all
}
