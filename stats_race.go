package jetcapture

import (
	"log/slog"
	"time"
)

// The bounds under which a headroom is a race with the retention of the stream. Of a limit that keeps messages for a
// short time only, a quarter of that time is the bound: even a capture that is never behind has no more than that time.
const (
	unreadBound   = time.Hour
	unstoredBound = 10 * time.Minute
)

// RetentionRace reports whether the stream will soon drop the oldest message that is not read, or the oldest one that
// is not stored. now is the local time.
func (s *Stats) RetentionRace(now time.Time) (unread, unstored bool) {
	kept := s.Stream.kept()
	ahead, held := s.Headroom(now)
	return ahead.within(kept, unreadBound), held.within(kept, unstoredBound)
}

// raceWarner logs when a race with the retention begins, and when it is over. One goroutine uses it.
type raceWarner struct {
	log   *slog.Logger
	stats func() Stats
	told  bool
}

// look looks whether there is a race now.
func (w *raceWarner) look(now time.Time) {
	s := w.stats()
	unread, unstored := s.RetentionRace(now)
	if is := unread || unstored; is == w.told {
		return
	}
	w.told = !w.told
	ahead, held := s.Headroom(now)
	if !w.told {
		w.log.Info("the stream keeps what is not stored long enough again")
		return
	}
	what, h := "stored", held
	if unread {
		what, h = "read", ahead
	}
	left, limit := h.Least()
	w.log.Warn("the stream will soon drop messages: raise its limit, or find out what holds up the capture",
		"not", what, "limit", limit, "in", max(left, 0).Round(time.Second), "lag", s.Lag, "unstored_age", s.Freshness(now))
}

// within reports whether a headroom is shorter than the bound, or than a quarter of the time that a limit keeps a
// message.
func (h Headroom) within(kept Headroom, bound time.Duration) bool {
	return h.Age < min(bound, kept.Age/4) || h.Messages < min(bound, kept.Messages/4) ||
		h.Bytes < min(bound, kept.Bytes/4)
}

// kept is how long the limits of the stream keep a message at the present rate.
func (st *StreamStats) kept() Headroom {
	h := Headroom{Never, Never, Never}
	if st.MaxAge > 0 {
		h.Age = st.MaxAge
	}
	if st.Rate <= 0 || st.RefusesNew {
		return h
	}
	if st.MaxMessages > 0 {
		h.Messages = seconds(float64(st.MaxMessages) / st.Rate)
	}
	if st.MaxBytes > 0 && st.Messages > 0 {
		h.Bytes = seconds(float64(st.MaxBytes) / (st.Rate * float64(st.Bytes) / float64(st.Messages)))
	}
	return h
}

// Unpredictable says why the stream may drop messages that Headroom does not foresee; empty if nothing is known of that
// kind.
func (st *StreamStats) Unpredictable() string {
	if st.MaxPerSubject > 0 {
		return "the stream keeps the newest messages of each subject only: what is published quickly to one subject may " +
			"be gone before it is read"
	}
	return ""
}
