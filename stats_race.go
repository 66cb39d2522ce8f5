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

// cutForRetention reports whether what is open should be stored now: a process that dies would lose it, as the stream
// will soon drop it. Such cuts are a tenth of the bound apart, so that files do not get too small in a race that lasts.
func (s *Stats) cutForRetention(now time.Time) bool {
	if _, unstored := s.RetentionRace(now); !unstored || s.OldestSeq == 0 {
		return false
	}
	n := len(s.Recent)
	return n == 0 || now.Sub(s.Recent[n-1].At) >= s.Stream.unstoredBound()/10
}

// unstoredBound is the bound for what is not stored, by the limit that drops messages first.
func (st *StreamStats) unstoredBound() time.Duration {
	kept, _ := st.kept().Least()
	return min(unstoredBound, kept/4)
}

// raceGuard does what can be done about a race with the retention: it logs when one begins and when it is over, and
// tells the run, which then stores earlier. It never touches the stream. One goroutine uses it.
type raceGuard struct {
	log *slog.Logger
	run interface { // a capture.Run
		Race(on bool)
		CutForRetention()
	}
	told  danger    // the worst that was told of the race that is on
	quiet time.Time // until when a race that seems to be over may come back
}

// danger is what a race is about.
type danger int

const (
	noDanger       danger = iota
	unstoredDanger        // what is not stored
	unreadDanger          // what is not read
)

// longestQuiet is the longest time without a race after which a race is over.
const longestQuiet = time.Hour

// look looks whether there is a race now. It returns whether there is, and when to look again. Where windows are longer
// than the stream keeps messages, only early cuts keep a race away, and it comes back at the latest when the stream
// drops what comes now; until then it is not told to be over.
func (g *raceGuard) look(s *Stats, now time.Time) (again time.Duration, race bool) {
	is := noDanger
	switch unread, unstored := s.RetentionRace(now); {
	case unread:
		is = unreadDanger
	case unstored:
		is = unstoredDanger
	}
	if kept, _ := s.Stream.kept().Least(); is != noDanger && s.Window > kept-s.Stream.unstoredBound() {
		g.quiet = now.Add(min(kept, longestQuiet))
	}
	if is > g.told || is == noDanger && g.told != noDanger && now.After(g.quiet) {
		g.told = is
		g.run.Race(is != noDanger)
		g.tell(s, now)
	}
	if s.cutForRetention(now) {
		g.run.CutForRetention()
	}
	return s.Stream.lookAgain(), is != noDanger
}

// lookAgain is when to look again whether there is a race: ten times within the bound. A process may have a thousand
// captures, so it is rare where the stream keeps messages for long.
func (st *StreamStats) lookAgain() time.Duration {
	most := watchEvery
	if st.MaxMessages > 0 || st.MaxBytes > 0 { // the rate may grow
		most = watchRace
	}
	return min(max(st.unstoredBound()/10, time.Second), most)
}

// tell logs that a race has begun, or is over.
func (g *raceGuard) tell(s *Stats, now time.Time) {
	if g.told == noDanger {
		g.log.Info("the stream keeps what is not stored long enough again")
		return
	}
	ahead, held := s.Headroom(now)
	what, h := "stored", held
	if g.told == unreadDanger {
		what, h = "read", ahead
	}
	left, limit := h.Least()
	g.log.Warn("the stream will soon drop messages: raise its limit, or find out what holds up the capture",
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
