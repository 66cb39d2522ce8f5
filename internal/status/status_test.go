package status

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture"
)

// healthy is a capture that keeps up.
func healthy(now time.Time) Running {
	long := now.Add(-time.Hour)
	return Running{
		Capture: "ORDERS", Stream: "ORDERS", Output: "/archive",
		Stats: jetcapture.Stats{
			State: jetcapture.StateReading, Began: long, ReadSince: long, Since: long, Pulse: now, Connected: true,
			Archive: "/archive", Window: 15 * time.Minute, CaughtUp: now, LastSeq: 10,
			OldestTime: now.Add(-10 * time.Minute), OldestSeq: 5, LastTime: now,
			Stream: jetcapture.StreamStats{SeenAt: now, FirstSeq: 1, LastSeq: 10, Messages: 10, MaxAge: 24 * time.Hour},
		},
	}
}

func TestHealth(t *testing.T) {
	now := time.Now()
	late := func(s *jetcapture.Stats) { s.OldestTime = now.Add(-time.Hour) }
	race := func(s *jetcapture.Stats) {
		s.Unread, s.LastTime, s.CaughtUp = 1, now.Add(-23*time.Hour-59*time.Minute), time.Time{}
	}
	for _, c := range []struct {
		what   string
		change func(s *jetcapture.Stats)
		want   Code
		says   string // one of the problems
	}{
		{"all is well", func(*jetcapture.Stats) {}, OK, ""},
		{"it starts", func(s *jetcapture.Stats) { s.ReadSince = time.Time{} }, Starting, ""},
		{"it is late", late, CatchingUp, "is 1 h 0 m old"},
		{"no server", func(s *jetcapture.Stats) { s.Connected = false }, SourceAway, "no connection"},
		{"no store", func(s *jetcapture.Stats) {
			s.StoreFailing, s.StoreError = now.Add(-time.Minute), "put x: http://user:secret@host refuses"
		}, StoreAway, "failing for 1 m 0 s: put x: http://host refuses"},
		{"a store without an answer", func(s *jetcapture.Stats) {
			s.Storing.Since, s.StoreOK = now.Add(-3*time.Minute), now.Add(-time.Hour)
		}, StoreAway, "nothing of it was stored for 3 m 0 s"},
		{"a slow store", func(s *jetcapture.Stats) {
			s.Storing.Since, s.StoreOK = now.Add(-time.Hour), now.Add(-time.Minute)
		}, OK, ""},
		{"the stream drops", race, Race, "in 1 m 0 s, because of its limit of age: raise the limit"},
		{"the worst comes first", func(s *jetcapture.Stats) {
			late(s)
			race(s)
			s.Connected = false
		}, Race, "no connection"},
		{"losses", func(s *jetcapture.Stats) {
			s.Lost, s.LostBy = 3, map[string]int64{"expired": 2, "gone": 1}
		}, Losses, "2 expired, 1 gone"},
		{"the consumer passes over messages", func(s *jetcapture.Stats) { s.Unwitnessed = 1 }, Losses, "passed over 1"},
	} {
		r := healthy(now)
		c.change(&r.Stats)
		got := r.Of(now)
		if got.Health.Code != c.want || got.Health.Text != c.want.String() {
			t.Errorf("%s: health %+v, want %v %v; problems %q", c.what, got.Health, c.want, int(c.want), got.Problems)
		}
		problems := strings.Join(got.Problems, "\n")
		if !strings.Contains(problems, c.says) || (c.says == "") != (problems == "") {
			t.Errorf("%s: problems %q, want one with %q", c.what, got.Problems, c.says)
		}
	}
	r := healthy(now)
	if r.Ended = true; r.Of(now).Health.Code != Ended {
		t.Errorf("a capture that has ended: health %+v", r.Of(now).Health)
	}
	if r.Err = errors.New("no such stream"); r.Of(now).Health.Code != Failed {
		t.Errorf("a capture that has failed: health %+v", r.Of(now).Health)
	}
}

// TestEveryCodeHasAPlace: a problem whose code has no urgency would hide all others.
func TestEveryCodeHasAPlace(t *testing.T) {
	for _, c := range []Code{CatchingUp, SourceAway, StoreAway, Race, DamagedLog, OtherStream, Losses, Failed} {
		if c.Urgency() < 0 || c.String() == "unknown" {
			t.Errorf("code %d has no urgency or no words", c)
		}
	}
}

// TestJSON: scripts find every field, whatever is known.
func TestJSON(t *testing.T) {
	for _, r := range []Running{healthy(time.Now()), {Capture: "EMPTY"}} {
		b, err := json.Marshal(r.Of(time.Now()))
		if err != nil {
			t.Fatal(err)
		}
		for _, field := range []string{
			`"capture":`, `"health":{"code":`, `"problems":[`, `"notes":[`, `"lost":{`, `"recent_cuts":[`, `"unread_s":null`,
			`"freshness_s":`, `"stored_seq":`, `"last_error":""`, `"memory_limit":`, `"next":"`,
			`"next_window_close":`, `"storing":null`, `"largest_open":`,
		} {
			if !strings.Contains(string(b), field) {
				t.Errorf("no %s in %s", field, b)
			}
		}
	}
}

// failing are the names of the checks that fail.
func failing(checks []Check) string {
	var names []string
	for _, c := range checks {
		if c.Fail != "" {
			names = append(names, c.Name)
		}
	}
	return strings.Join(names, ", ")
}

func TestChecks(t *testing.T) {
	now := time.Now()
	long := now.Add(-time.Hour)
	for _, c := range []struct {
		what                 string
		change               func(r *Running)
		live, started, ready string // the checks that fail
	}{
		{"all is well", func(*Running) {}, "", "", ""},
		{"a far lag", func(r *Running) { r.Stats.Lag = 1e9 }, "", "", ""},
		{"a store that is away", func(r *Running) {
			r.Stats.State, r.Stats.Since, r.Stats.Pulse, r.Stats.StoreFailing = jetcapture.StateStore, long, long, long
		}, "", "", "ORDERS store"},
		{"a store without an answer", func(r *Running) { r.Stats.Storing.Since = long }, "", "", "ORDERS store"},
		{"a store that answers late", func(r *Running) {
			r.Stats.Storing.Since, r.Stats.StoreOK = long, now.Add(-time.Minute)
		}, "", "", ""},
		{"a store that was away for a moment", func(r *Running) { r.Stats.StoreFailing = now.Add(-time.Minute) }, "", "", ""},
		{"a server that is away", func(r *Running) {
			r.Stats.Connected, r.Stats.Stream.SeenAt, r.Stats.CaughtUp, r.Stats.Began = false, long, long, long
		}, "", "", "ORDERS server"},
		{"a server that was away for a moment", func(r *Running) { r.Stats.Connected = false }, "", "", ""},
		{"no pulse", func(r *Running) { r.Stats.Pulse = long }, "ORDERS moves", "", ""},
		{"a decoder that hangs", func(r *Running) {
			r.Stats.State, r.Stats.Since = jetcapture.StateDecoder, long
		}, "ORDERS moves", "", ""},
		{"a slow decoder", func(r *Running) {
			r.Stats.State, r.Stats.Since, r.Stats.Pulse = jetcapture.StateDecoder, now.Add(-5*time.Minute), long
		}, "", "", ""},
		{"a start", func(r *Running) {
			r.Stats.ReadSince, r.Stats.State, r.Stats.Pulse = time.Time{}, jetcapture.StateRedo, long
		}, "", "ORDERS reads", "ORDERS reads"},
		{"an end", func(r *Running) { r.Ended, r.Stats.Pulse, r.Stats.Connected = true, long, false }, "", "", ""},
		{"a failure", func(r *Running) { r.Ended, r.Err = true, errors.New("x") }, "", "", "ORDERS runs"},
	} {
		r := healthy(now)
		c.change(&r)
		all := []Running{r}
		if got := failing(Live(all, now)); got != c.live {
			t.Errorf("%s: live fails %q, want %q", c.what, got, c.live)
		}
		if got := failing(Started(all)); got != c.started {
			t.Errorf("%s: started fails %q, want %q", c.what, got, c.started)
		}
		if got := failing(Ready(all, now)); got != c.ready {
			t.Errorf("%s: ready fails %q, want %q", c.what, got, c.ready)
		}
	}
}

func TestShort(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0 s", 12 * time.Second: "12 s", 200 * time.Second: "3 m 20 s", 125 * time.Minute: "2 h 5 m",
		123 * time.Hour: "5 d 3 h", -time.Hour: "0 s",
	} {
		if got := Short(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

// TestNext: what comes next is said in words.
func TestNext(t *testing.T) {
	now := time.Date(2026, 11, 28, 10, 7, 0, 0, time.UTC)
	for _, c := range []struct {
		change func(r *Running)
		want   string
	}{
		{func(*Running) {}, "the window ends in 8 m 0 s"},
		{func(r *Running) { r.Stats.Stream.ClockOffset = time.Minute }, "the window ends in 9 m 0 s"},
		{func(r *Running) { r.Stats.OldestTime = now.Add(-time.Hour) }, "a window has ended, its cut is due"},
		{func(r *Running) { r.Stats.OldestTime = time.Time{} }, "everything is stored"},
		{func(r *Running) { r.Stats.Window = 0 }, ""},
		{func(r *Running) { r.Stats.State = jetcapture.StateStore }, ""},
		{func(r *Running) { r.Stats.ReadSince = time.Time{} }, ""},
		{func(r *Running) { r.Ended = true }, ""},
		{
			func(r *Running) { r.Stats.Storing = jetcapture.Storing{Cut: 1234, Files: 1, Of: 3} },
			"cut 1,234 is stored: 1 of 3 files",
		},
		{func(r *Running) {
			r.Stats.State = jetcapture.StateRedo
			r.Stats.Storing = jetcapture.Storing{Cut: 7, Of: 3, Read: 10, ReadTo: 20}
		}, "cut 7 is read again: 10 of 20 sequences"},
	} {
		r := healthy(now)
		r.Stats.OldestTime = now.Add(-2 * time.Minute)
		c.change(&r)
		if got := r.Of(now); got.Next != c.want {
			t.Errorf("next is %q, want %q: %+v", got.Next, c.want, got)
		}
	}
}
