package status

import (
	"errors"
	"fmt"
	"time"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/cutlog"
)

// Stored is a capture as its archive knows it, with what its stream says if that was asked. No process of it need run.
type Stored struct {
	Capture string
	Output  string // the place, without credentials
	Head    cutlog.Head
	Err     error         // why the log cannot be read; nil if it can
	Stale   time.Duration // how old the newest cut may be; 0: any age
	Source  *Asked        // nil: the stream was not asked
}

// Asked is what a stream says.
type Asked struct {
	Err     error // why it says nothing; nil if it does
	Server  string
	Created time.Time // when the stream was created
	Stream  jetcapture.StreamStats
	// Oldest is the first message that is not stored: its timestamp and sequence. Zero if there is none.
	Oldest    time.Time
	OldestSeq uint64
}

// Of returns the status of the capture at the local time now.
func (st *Stored) Of(now time.Time) Capture {
	s := st.stats()
	r := Running{Capture: st.Capture, Output: st.Output, Stats: s}
	if p := st.Head.Plan; p != nil {
		r.Stream = p.Stream.Name
	}
	c := r.Of(now)
	c.State, c.Since, c.Problems, c.Notes, c.Health = "archive", nil, []string{}, []string{}, Health{}
	c.Source.Reader, c.Archive.StoredThrough, c.Next, c.WindowEnds = "", nil, "", nil
	switch {
	case st.Source == nil || st.Source.Err != nil:
		c.Archive.Freshness = nil
	default:
		c.Archive.StoredThrough = known(st.Source.Oldest)
	}
	if p := st.Head.Plan; p != nil {
		c.Incarnation = p.Incarnation
	}
	for _, p := range st.problems(&r, now) {
		if c.Health.Code == OK || p.code.Urgency() < c.Health.Code.Urgency() {
			c.Health.Code = p.code
		}
		c.Problems = append(c.Problems, p.text)
	}
	c.Health.Text = c.Health.Code.String()
	if text := s.Stream.Unpredictable(); text != "" {
		c.Notes = append(c.Notes, text)
	}
	return c
}

// stats are what the counters of a capture would say that has just begun.
func (st *Stored) stats() (s jetcapture.Stats) {
	s.Archive = st.Output
	if p := st.Head.Plan; p != nil {
		s.Cut, s.CutTime, s.StoredSeq, s.LastSeq = st.Head.N, p.Time, p.To, p.To
		s.Window, _ = time.ParseDuration(p.Settings[cutlog.SettingMaxAge]) // a plan without blocks may lack it: not known
	}
	if a := st.Source; a != nil && a.Err == nil {
		s.Connected, s.Server, s.Stream = true, a.Server, a.Stream
		s.OldestTime, s.OldestSeq, s.LastTime = a.Oldest, a.OldestSeq, a.Oldest
		if a.OldestSeq > 0 {
			s.Lag = a.Stream.LastSeq - min(a.OldestSeq-1, a.Stream.LastSeq)
			s.Unread = s.Lag
		}
	}
	return s
}

// problems are all that the archive and the stream show.
func (st *Stored) problems(r *Running, now time.Time) (all []problem) {
	add := func(code Code, format string, args ...any) {
		all = append(all, problem{code, fmt.Sprintf(format, args...)})
	}
	var corrupt *cutlog.CorruptError
	p, s := st.Head.Plan, &r.Stats
	switch {
	case errors.As(st.Err, &corrupt):
		add(DamagedLog, "%v", st.Err)
	case st.Err != nil:
		add(Failed, "the log cannot be read: %v", st.Err)
	case p == nil:
		add(Starting, "the log is empty: a capture was begun here and has not stored anything")
	}
	if p == nil {
		return all
	}
	age, late := now.Sub(p.Time), windows*s.Window
	if st.Head.Done == nil && age > max(late, time.Minute) {
		add(CatchingUp, "cut %d was planned %s ago and is not finished: a capture that starts finishes it", p.N, Short(age))
	}
	if st.Stale > 0 && age > st.Stale {
		add(CatchingUp, "the newest cut was made %s ago, longer than %s", Short(age), Short(st.Stale))
	}
	if st.Source == nil {
		return all
	}
	return append(all, st.streamProblems(r, now)...)
}

// streamProblems are those that the stream shows.
func (st *Stored) streamProblems(r *Running, now time.Time) (all []problem) {
	add := func(code Code, format string, args ...any) {
		all = append(all, problem{code, fmt.Sprintf(format, args...)})
	}
	a, p, s := st.Source, st.Head.Plan, &r.Stats
	switch {
	case a.Err != nil:
		add(SourceAway, "the stream cannot be asked: %v", a.Err)
		return all
	case a.Created.Before(p.Stream.Created):
		add(OtherStream, "the stream of this server was created at %s, and the capture is at a newer one: "+
			"this is another server", a.Created.UTC().Format(time.RFC3339))
		return all
	case !a.Created.Equal(p.Stream.Created):
		add(OtherStream, "the stream was created again at %s, and no capture has stored anything of it yet",
			a.Created.UTC().Format(time.RFC3339))
		return all
	}
	unread, unstored := s.RetentionRace(now)
	if unread || unstored {
		all = append(all, race(r, now, false))
	}
	if late := windows * s.Window; s.Window > 0 && s.Freshness(now) > late {
		add(CatchingUp, "the oldest message that is not stored is %s old, with windows of %s: look whether the capture runs",
			Short(s.Freshness(now)), Short(s.Window))
	}
	return all
}
