package jetcapture

import (
	"bytes"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jetcapture/jetcapture/internal/capture"
	"github.com/jetcapture/jetcapture/internal/reader"
)

// at is an event with messages of some ages, whose sequences count from first.
func at(first, pending uint64, ages ...time.Duration) capture.Taken {
	e := capture.Taken{Pending: pending, Blocks: 1, Ordered: true}
	for i, age := range ages {
		e.Messages = append(e.Messages, reader.Message{Seq: first + uint64(i), Time: time.Now().Add(-age).UnixNano()})
	}
	return e
}

// TestFreshness follows the oldest message that is not stored through a run.
func TestFreshness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var c counters
		for _, step := range []struct {
			what  string
			event capture.Event
			want  time.Duration
			seq   uint64
		}{
			{"nothing is known", capture.Began{}, 0, 0},
			{"an archive", capture.Entered{Archive: "a"}, 0, 0},
			{"the stream has more than is stored", capture.StreamSeen{Info: reader.StreamInfo{
				FirstSeq: 1, FirstTime: start.Add(-time.Hour), LastSeq: 9,
			}}, time.Hour, 0},
			{"not before the anchor", capture.Positioned{Stored: 2, Time: start.Add(-30 * time.Minute)}, 30 * time.Minute, 0},
			{"timestamps may go back", at(3, 5, 20*time.Minute, 25*time.Minute), 25 * time.Minute, 4},
			{"a cut is being stored", capture.Detached{}, 25 * time.Minute, 4},
			{"the next one is open", at(5, 0, 10*time.Minute), 25 * time.Minute, 4},
			{"a redo stores others", capture.CutDone{Redone: true}, 25 * time.Minute, 4},
			{"the cut is stored", capture.CutDone{To: 4}, 10 * time.Minute, 5},
			{"it is read again", capture.Repositioned{Cause: capture.CauseBehind}, 10 * time.Minute, 5},
			{"and no other one is missed", at(5, 3, 9*time.Minute), 9 * time.Minute, 5},
			{"the last one", capture.Detached{}, 9 * time.Minute, 5},
			{"what is unread came after the last one that was read", capture.CutDone{To: 5}, 0, 0},
			{"messages that were left out", capture.Taken{Messages: at(6, 0, time.Minute).Messages}, 0, 0},
		} {
			if c.s.Reasons == nil {
				c.begin(start)
			}
			c.count(step.event)
			s := c.snapshot()
			if got := s.Freshness(time.Now()); got != step.want || s.OldestSeq != step.seq {
				t.Errorf("%s: freshness %v of sequence %d, want %v of %d", step.what, got, s.OldestSeq, step.want, step.seq)
			}
		}
		s := c.snapshot()
		if got := s.StoredThrough(); !got.Equal(start) {
			t.Errorf("everything is stored through %v, want %v, when nothing was unread", got, start)
		}
		<-time.After(time.Minute)
		c.count(capture.StreamSeen{Info: reader.StreamInfo{LastSeq: s.Stream.LastSeq}})
		s = c.snapshot()
		if got, want := s.StoredThrough(), start.Add(time.Minute); !got.Equal(want) {
			t.Errorf("after a silent minute, everything is stored through %v, want %v", got, want)
		}
		c.count(capture.StreamSeen{Info: reader.StreamInfo{LastSeq: s.Stream.LastSeq + 2}})
		if s = c.snapshot(); s.Unread != 2 {
			t.Errorf("%d messages are unread, want 2 that the reader has not heard of", s.Unread)
		}
	})
}

// TestFreshnessByTheServersClock: timestamps are the server's, so the local clock must not count.
func TestFreshnessByTheServersClock(t *testing.T) {
	now := time.Now()
	s := Stats{OldestTime: now.Add(-time.Minute)}
	s.Stream.ClockOffset = -time.Hour // the local clock is behind
	if got, want := s.Freshness(now), 61*time.Minute; got != want {
		t.Errorf("freshness %v, want %v", got, want)
	}
	s.Stream.ClockOffset = time.Hour
	if got := s.Freshness(now); got != 0 {
		t.Errorf("freshness %v of a message of the future, want 0", got)
	}
}

func TestHeadroom(t *testing.T) {
	now := time.Now()
	none := Headroom{Never, Never, Never}
	full := func(change func(s *Stats)) Stats {
		s := Stats{
			OldestTime: now.Add(-time.Hour), OldestSeq: 901, LastSeq: 950, LastTime: now.Add(-30 * time.Minute), Unread: 50,
			Stream: StreamStats{
				FirstSeq: 501, LastSeq: 1000, Messages: 500, Bytes: 50_000, Rate: 2,
				MaxAge: 2 * time.Hour, MaxMessages: 500, MaxBytes: 100_000,
			},
		}
		change(&s)
		return s
	}
	for _, c := range []struct {
		what             string
		stats            Stats
		unread, unstored Headroom
	}{
		{"no limit", Stats{OldestTime: now, Unread: 5}, none, none},
		{
			"all limits", full(func(*Stats) {}),
			Headroom{90 * time.Minute, 225 * time.Second, 475 * time.Second},
			Headroom{time.Hour, 200 * time.Second, 450 * time.Second},
		},
		{
			"nothing is unread", full(func(s *Stats) { s.Unread = 0 }),
			none,
			Headroom{time.Hour, 200 * time.Second, 450 * time.Second},
		},
		{
			"everything is stored", full(func(s *Stats) { s.Unread, s.OldestTime, s.OldestSeq = 0, time.Time{}, 0 }),
			none, none,
		},
		{
			"the stream stands still", full(func(s *Stats) { s.Stream.Rate = 0 }),
			Headroom{90 * time.Minute, Never, Never},
			Headroom{time.Hour, Never, Never},
		},
		{
			"a full stream refuses messages", full(func(s *Stats) { s.Stream.RefusesNew = true }),
			Headroom{90 * time.Minute, Never, Never},
			Headroom{time.Hour, Never, Never},
		},
		{
			"nothing was read since", full(func(s *Stats) { s.Stream.LastSeq, s.Unread = 1100, 150 }),
			Headroom{90 * time.Minute, 175 * time.Second, 425 * time.Second},
			Headroom{time.Hour, 150 * time.Second, 400 * time.Second},
		},
		{
			"100 came since the stream was described", full(func(s *Stats) {
				s.Stream.reach(1100)
				s.OldestSeq, s.Unread = 551, 0
			}),
			none,
			Headroom{time.Hour, -25 * time.Second, 225 * time.Second},
		},
		{
			"too late", full(func(s *Stats) { s.Stream.MaxAge = 30 * time.Minute }),
			Headroom{0, 225 * time.Second, 475 * time.Second},
			Headroom{-30 * time.Minute, 200 * time.Second, 450 * time.Second},
		},
	} {
		unread, unstored := c.stats.Headroom(now)
		if unread != c.unread {
			t.Errorf("%s: unread %+v, want %+v", c.what, unread, c.unread)
		}
		if unstored != c.unstored {
			t.Errorf("%s: unstored %+v, want %+v", c.what, unstored, c.unstored)
		}
	}
}

// TestRetentionRace: a stream that never keeps much is no race, unless the capture is behind.
func TestRetentionRace(t *testing.T) {
	now := time.Now()
	for _, c := range []struct {
		what             string
		age, maxAge      time.Duration // of the oldest message, and of the stream
		unread, unstored bool
	}{
		{"a day", time.Minute, 24 * time.Hour, false, false},
		{"half an hour is left of a day", 23*time.Hour + 30*time.Minute, 24 * time.Hour, true, false},
		{"five minutes are left of a day", 23*time.Hour + 55*time.Minute, 24 * time.Hour, true, true},
		{"ten minutes are all there is", time.Minute, 10 * time.Minute, false, false},
		{"two of ten minutes are left", 8 * time.Minute, 10 * time.Minute, true, true},
		{"it is too late", time.Hour, time.Minute, true, true},
	} {
		s := Stats{
			Unread: 1, LastTime: now.Add(-c.age), OldestTime: now.Add(-c.age), OldestSeq: 1,
			Stream: StreamStats{MaxAge: c.maxAge, LastSeq: 1},
		}
		if unread, unstored := s.RetentionRace(now); unread != c.unread || unstored != c.unstored {
			t.Errorf("%s: race %v and %v, want %v and %v", c.what, unread, unstored, c.unread, c.unstored)
		}
	}
}

// TestCutForRetention: what is open is cut when the stream will soon drop it, but not all the time.
func TestCutForRetention(t *testing.T) {
	now := time.Now()
	for _, c := range []struct {
		what        string
		age, maxAge time.Duration // of the oldest message, and of the stream
		seq         uint64        // of the oldest message
		cut         time.Duration // time since the last cut; 0: there was none
		want        bool
	}{
		{"an hour is left", 23 * time.Hour, 24 * time.Hour, 1, 0, false},
		{"five minutes are left", 24*time.Hour - 5*time.Minute, 24 * time.Hour, 1, 0, true},
		{"nothing was read", 24*time.Hour - 5*time.Minute, 24 * time.Hour, 0, 0, false},
		{"a cut was made just before", 24*time.Hour - 5*time.Minute, 24 * time.Hour, 1, 50 * time.Second, false},
		{"a cut was made a minute before", 24*time.Hour - 5*time.Minute, 24 * time.Hour, 1, time.Minute, true},
		{"a stream of 40 seconds", 31 * time.Second, 40 * time.Second, 1, time.Second, true},
	} {
		s := Stats{
			OldestTime: now.Add(-c.age), OldestSeq: c.seq, Stream: StreamStats{MaxAge: c.maxAge, LastSeq: 1},
		}
		if c.seq == 0 {
			s.Unread, s.LastTime = 1, s.OldestTime
		}
		if c.cut > 0 {
			s.Recent = []RecentCut{{At: now.Add(-c.cut)}}
		}
		if got := s.cutForRetention(now); got != c.want {
			t.Errorf("%s: a cut is due: %v, want %v", c.what, got, c.want)
		}
	}
}

// racingRun is a run that notes what it is told of a race.
type racingRun struct {
	on   bool
	cuts int
}

func (r *racingRun) Race(on bool)     { r.on = on }
func (r *racingRun) CutForRetention() { r.cuts++ }

// TestRaceIsToldOnce: a race is a warning when it begins, another one when it gets worse, and a line when it is over.
// If early cuts keep it away for a while only, it is not over.
func TestRaceIsToldOnce(t *testing.T) {
	var log bytes.Buffer
	now := time.Now()
	s := Stats{Window: time.Hour, Stream: StreamStats{MaxAge: time.Hour}}
	run := &racingRun{}
	g := raceGuard{log: slog.New(slog.NewTextHandler(&log, nil)), run: run}
	look := func(want, told bool) {
		t.Helper()
		if _, got := g.look(&s, now); got != want || run.on != told {
			t.Errorf("there is a race: %v, and the run was told %v, want %v and %v", got, run.on, want, told)
		}
	}
	look(false, false)
	for range 3 { // cuts keep it away
		s.OldestTime, s.OldestSeq = now.Add(-55*time.Minute), 1
		look(true, true)
		s.OldestTime, s.OldestSeq = time.Time{}, 0
		look(false, true)
		now = now.Add(50 * time.Minute)
		look(false, true)
	}
	s.Unread, s.LastTime = 1, now.Add(-55*time.Minute)
	look(true, true)
	look(true, true)
	s.Unread = 0
	now = now.Add(2 * time.Hour)
	look(false, false)
	s.Window = time.Minute
	s.Unread, s.LastTime = 1, now.Add(-55*time.Minute)
	look(true, true)
	s.Unread = 0
	look(false, false)
	if run.cuts != 3 {
		t.Errorf("the run was asked for %d cuts, want 3", run.cuts)
	}
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	want := []string{"not=stored limit=age in=5m0s", "not=read limit=age in=5m0s", "long enough again"}
	want = append(want, want[1:]...)
	if !slices.EqualFunc(lines, want, strings.Contains) || strings.Count(log.String(), "level=WARN") != 3 {
		t.Errorf("the log says %q", lines)
	}
}

// TestStoreSilence: a store that gives no answer is a warning after two minutes, once, and again when it has answered
// in between. One that fails is in the log anyway.
func TestStoreSilence(t *testing.T) {
	var log bytes.Buffer
	w := silenceWarner{log: slog.New(slog.NewTextHandler(&log, nil))}
	now := time.Now()
	for i, c := range []struct {
		since, ok, failing time.Duration // before now; 0: never
		silence            time.Duration
		warnings           int // so far
	}{
		{silence: 0},
		{since: time.Minute, silence: time.Minute},
		{since: 3 * time.Minute, ok: time.Hour, silence: 3 * time.Minute, warnings: 1},
		{since: 4 * time.Minute, silence: 4 * time.Minute, warnings: 1},
		{since: 5 * time.Minute, ok: time.Second, silence: time.Second, warnings: 1},
		{since: 9 * time.Minute, ok: 3 * time.Minute, failing: time.Second, silence: 3 * time.Minute, warnings: 1},
		{since: 9 * time.Minute, ok: 3 * time.Minute, silence: 3 * time.Minute, warnings: 2},
	} {
		var s Stats
		for at, before := range map[*time.Time]time.Duration{
			&s.Storing.Since: c.since, &s.StoreOK: c.ok, &s.StoreFailing: c.failing,
		} {
			if before > 0 {
				*at = now.Add(-before)
			}
		}
		if got := s.StoreSilence(now); got != c.silence {
			t.Errorf("%d: silent for %v, want %v", i, got, c.silence)
		}
		w.look(&s, now)
		if got := strings.Count(log.String(), "does not seem to answer"); got != c.warnings {
			t.Errorf("%d: %d warnings, want %d", i, got, c.warnings)
		}
	}
}

// TestLookAgain: the sooner a stream drops messages, the more often the guard looks.
func TestLookAgain(t *testing.T) {
	for _, c := range []struct {
		stream StreamStats
		want   time.Duration
	}{
		{StreamStats{}, 30 * time.Second},
		{StreamStats{MaxAge: 24 * time.Hour}, 30 * time.Second},
		{StreamStats{MaxAge: 10 * time.Minute}, 15 * time.Second},
		{StreamStats{MaxAge: 10 * time.Second}, time.Second},
		{StreamStats{MaxMessages: 1e6}, 5 * time.Second}, // the rate is not known yet
		{StreamStats{MaxMessages: 1e6, Rate: 1e4}, 2500 * time.Millisecond},
	} {
		if got := c.stream.lookAgain(); got != c.want {
			t.Errorf("%+v: look again after %v, want %v", c.stream, got, c.want)
		}
	}
}

func TestHeadroomLeast(t *testing.T) {
	if d, limit := (Headroom{Never, 2, 3}).Least(); d != 2 || limit != "messages" {
		t.Errorf("least is %v of %q, want 2 of messages", d, limit)
	}
	if d, limit := (Headroom{Never, Never, Never}).Least(); d != Never || limit != "" {
		t.Errorf("least is %v of %q, want never", d, limit)
	}
}

// TestRateMeter: the rate is that of the last five minutes, and a pause of samples does not spoil it.
func TestRateMeter(t *testing.T) {
	var r rateMeter
	start := time.Now()
	got := 0.0
	for i := range 3600 { // each second for an hour; the second half hour is twice as fast
		seq := uint64(10 * i)
		if i > 1800 {
			seq = 18_000 + uint64(20*(i-1800))
		}
		got = r.note(start.Add(time.Duration(i)*time.Second), 1+seq)
	}
	if got != 20 {
		t.Errorf("rate %v, want 20", got)
	}
	if n := len(r.past); n > 61 {
		t.Errorf("%d samples are kept", n)
	}
	if got := r.note(start.Add(2*time.Hour), 54_001); got != 0 {
		t.Errorf("rate %v after an hour without samples, want 0: nothing is known", got)
	}
}

// TestDurations: a histogram is cumulative.
func TestDurations(t *testing.T) {
	d := newDurations()
	d.add(60 * time.Millisecond)
	d.add(time.Hour)
	within := []int64{0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}
	want := Durations{Count: 2, Sum: time.Hour + 60*time.Millisecond, Within: within}
	if !reflect.DeepEqual(d, want) {
		t.Errorf("got %+v, want %+v", d, want)
	}
}
