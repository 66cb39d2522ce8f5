package status

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/internal/urls"
)

// Running is a capture of this process.
type Running struct {
	Capture  string // name in the archive
	Stream   string
	Output   string // the place, without credentials
	Consumer string // durable consumer; empty if an ephemeral one is used
	Stats    jetcapture.Stats
	Largest  []jetcapture.OpenBlock // the largest open blocks; nil if they are not known
	Ended    bool                   // Run has returned
	Err      error                  // what it returned
}

// Of returns the status of a capture at the local time now.
func (r *Running) Of(now time.Time) Capture {
	s := &r.Stats
	c := Capture{
		Capture: r.Capture, Stream: r.Stream, Output: r.Output, Instance: s.Instance,
		State: string(s.State), Since: known(s.Since), Waiting: waiting(s.State),
		Source: source(r), Archive: archive(s, now), Headroom: headroom(s, now),
		Accounting: Accounting{
			Messages: s.Messages, Bytes: s.Bytes, Rows: s.Rows, Files: s.Blocks, FileBytes: s.BytesStored, Dead: s.Dead,
			Skipped: s.Skipped, Lost: maps.Clone(s.LostBy), Absent: s.Absent, Unwitnessed: s.Unwitnessed,
		},
		Resources: Resources{
			Memory: s.Memory, MemoryLimit: s.MemoryLimit, Spool: s.Spooled, SpoolLimit: s.SpoolLimit,
		},
		LargestOpen: largestOpen(r.Largest), RecentCuts: recentCuts(s), Problems: []string{}, Notes: []string{},
	}
	if !r.Ended {
		r.foresee(&c, now)
	}
	if c.Accounting.Lost == nil {
		c.Accounting.Lost = map[string]int64{}
	}
	r.judge(&c, now)
	return c
}

// source describes the stream.
func source(r *Running) Source {
	s, st := &r.Stats, &r.Stats.Stream
	reader := "ephemeral"
	if r.Consumer != "" {
		reader = "durable"
	}
	return Source{
		Connected: s.Connected, Server: s.Server, FirstSeq: st.FirstSeq, LastSeq: st.LastSeq, Messages: st.Messages,
		Bytes: st.Bytes, Retention: st.Retention, MaxAge: st.MaxAge.Seconds(), MaxMsgs: st.MaxMessages,
		MaxBytes: st.MaxBytes, Reader: reader, Consumer: r.Consumer, Lag: s.Lag, ReadSeq: s.LastSeq, Rate: st.Rate,
	}
}

// archive describes where the archive is.
func archive(s *jetcapture.Stats, now time.Time) Archive {
	fresh := s.Freshness(now).Seconds()
	return Archive{
		Cut: s.Cut, CutTime: known(s.CutTime), StoredSeq: s.StoredSeq, StoredThrough: known(s.StoredThrough()),
		Freshness: &fresh, Window: s.Window.Seconds(), OpenBlocks: s.OpenBlocks, LastError: urls.ShowText(s.StoreError),
		LastSuccess: known(s.StoreOK), Retries: s.Retries,
	}
}

// headroom describes when messages will be dropped.
func headroom(s *jetcapture.Stats, now time.Time) (h Headroom) {
	unread, unstored := s.Headroom(now)
	first, limit := unread.Least()
	h.Unread, h.Limit = seconds(first), limit
	second, limit := unstored.Least()
	h.Unstored = seconds(second)
	if second < first {
		h.Limit = limit
	}
	return h
}

// seconds is a time in seconds; nil if it never comes.
func seconds(d time.Duration) *float64 {
	if d == jetcapture.Never {
		return nil
	}
	s := d.Seconds()
	return &s
}

// known is a time in UTC; nil if it is not known.
func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// waiting says what a state waits for.
func waiting(s jetcapture.State) string {
	after, found := strings.CutPrefix(string(s), "waiting for ")
	if !found {
		return ""
	}
	return after
}

// recentCuts are the newest cuts, the newest first.
func recentCuts(s *jetcapture.Stats) []Cut {
	cuts := []Cut{}
	for _, c := range slices.Backward(s.Recent) {
		cuts = append(cuts, Cut{
			N: c.N, Reason: c.Reason, From: c.From, To: c.To, Files: c.Blocks, Messages: c.Messages, Bytes: c.Bytes,
			Took: c.Took.Seconds(), At: c.At.UTC(),
		})
	}
	return cuts
}

// windows is how many windows old a message may be before it counts as late. A cut comes one window and its grace after
// the first message of the window.
const windows = 3

// judge fills in health, problems and notes.
func (r *Running) judge(c *Capture, now time.Time) {
	s := &r.Stats
	for _, p := range r.problems(now) {
		if c.Health.Code == OK || p.code.Urgency() < c.Health.Code.Urgency() {
			c.Health.Code = p.code
		}
		c.Problems = append(c.Problems, p.text)
	}
	switch {
	case c.Health.Code != OK:
	case r.Ended:
		c.Health.Code = Ended
	case s.ReadSince.IsZero():
		c.Health.Code = Starting
	}
	c.Health.Text = c.Health.Code.String()
	c.Notes = append(c.Notes, notes(s)...)
}

// problem is something that an operator should mend.
type problem struct {
	code Code
	text string
}

// problems are all that a running capture has.
func (r *Running) problems(now time.Time) (all []problem) {
	s := &r.Stats
	add := func(code Code, format string, args ...any) {
		all = append(all, problem{code, fmt.Sprintf(format, args...)})
	}
	if r.Ended {
		if r.Err != nil {
			add(Failed, "the capture has ended: %s", urls.ShowText(r.Err.Error()))
		}
		return append(all, losses(s)...)
	}
	unread, unstored := s.RetentionRace(now)
	if unread || unstored {
		all = append(all, race(r, now, unread))
	}
	if !s.StoreFailing.IsZero() {
		add(StoreAway, "store operations have been failing for %s: %s. They are tried again; what is read waits in memory "+
			"and on disk, and then in the stream", ago(now, s.StoreFailing), urls.ShowText(s.StoreError))
	} else if silent := r.storeSilent(now); silent > 0 {
		add(StoreAway, "the store does not seem to answer: a cut is being stored, and nothing of it was stored for %s. What "+
			"is read waits in memory and on disk, and then in the stream", Short(silent))
	}
	if !s.Connected {
		add(SourceAway, "there is no connection to the server; it is made again as soon as the server answers")
	}
	if late := windows * s.Window; !s.ReadSince.IsZero() && s.Window > 0 && s.Freshness(now) > late {
		add(CatchingUp, "the oldest message that is not stored is %s old; with windows of %s it should be stored after %s",
			Short(s.Freshness(now)), Short(s.Window), Short(s.Window+jetcapture.DefaultGrace))
	}
	return append(all, losses(s)...)
}

// race says when messages will be dropped, and what helps.
func race(r *Running, now time.Time, unread bool) problem {
	ahead, held := r.Stats.Headroom(now)
	what, h := "stored", held
	if unread {
		what, h = "read", ahead
	}
	left, limit := h.Least()
	edit := map[string]string{"age": "--max-age", "messages": "--max-msgs", "bytes": "--max-bytes"}[limit]
	when := "in " + Short(left)
	if left <= 0 {
		when = "now"
	}
	return problem{Race, fmt.Sprintf("the stream drops the oldest message that is not %s %s, because of its limit of %s: "+
		"raise the limit (nats stream edit %s %s=...), or find out what holds up the capture",
		what, when, limit, r.Stream, edit)}
}

// losses are what is gone.
func losses(s *jetcapture.Stats) (all []problem) {
	if s.Lost > 0 {
		var by []string
		for _, reason := range slices.Sorted(maps.Keys(s.LostBy)) {
			by = append(by, fmt.Sprintf("%d %s", s.LostBy[reason], reason))
		}
		all = append(all, problem{Losses, fmt.Sprintf("messages were gone from the stream before they were stored (%s): "+
			"they are recorded in the cut log; see the log lines of this process for their sequences", strings.Join(by, ", "))})
	}
	if s.Unwitnessed > 0 {
		all = append(all, problem{Losses, fmt.Sprintf("the consumer has passed over %d messages, which were fetched from "+
			"the stream itself: find out who edits or resets it, and compare the replicas of the stream", s.Unwitnessed)})
	}
	return all
}

// notes are what an operator should know.
func notes(s *jetcapture.Stats) (all []string) {
	add := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	if s.Incarnations > 0 {
		add("the stream was replaced, restored or rolled back %d times since the start", s.Incarnations)
	}
	if s.Dead > 0 {
		add("%d messages could not be decoded or written, and are kept below _deadletter", s.Dead)
	}
	if s.SpoolLimit > 0 && s.Spooled > s.SpoolLimit/10*8 {
		add("the spool is nearly full; then files are stored early, and reading waits")
	}
	const clock = 30 * time.Second
	if off := s.Stream.ClockOffset; off.Abs() > clock {
		add("the clock of this machine differs from the server's by %s", Short(off.Abs()))
	}
	if text := s.Stream.Unpredictable(); text != "" {
		add("%s", text)
	}
	if s.Stream.RefusesNew {
		add("the stream refuses messages when it is full: a capture that stands still stops its publishers")
	}
	return all
}

// ago is how long something has been so.
func ago(now, since time.Time) string { return Short(now.Sub(since)) }

// Short is a duration for people: 5 d 3 h, 2 h 5 m, 3 m 20 s, 12 s.
func Short(d time.Duration) string {
	d = max(d, 0).Round(time.Second)
	days, hours := d/(24*time.Hour), d%(24*time.Hour)/time.Hour
	minutes, secs := d%time.Hour/time.Minute, d%time.Minute/time.Second
	switch {
	case days > 0:
		return fmt.Sprintf("%d d %d h", days, hours)
	case hours > 0:
		return fmt.Sprintf("%d h %d m", hours, minutes)
	case minutes > 0:
		return fmt.Sprintf("%d m %d s", minutes, secs)
	}
	return fmt.Sprintf("%d s", secs)
}
