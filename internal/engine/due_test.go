package engine_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/engine"
)

// began is when these tests begin, by the process's clock and by the stream's.
var began = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func at(d time.Duration) time.Time { return began.Add(d) }

// hourly has windows of an hour with a grace of a minute.
func hourly() *engine.Pace {
	p := &engine.Pace{MaxAge: time.Hour, Grace: time.Minute}
	p.Start(began)
	return p
}

// cutOf returns a cut with an open block for each window, with one message in each block.
func cutOf(windows ...time.Time) *engine.Cut {
	c := engine.NewCut(100, cutlog.Anchor{})
	for _, w := range windows {
		b := &engine.Block{Kind: cutlog.KindData, Dir: "k", Window: w.UnixNano()}
		c.Open(b)
		c.Through++
		c.Add(b, c.Through, 1)
	}
	return c
}

// wantDue checks whether everything is due at now, and why.
func wantDue(t *testing.T, p *engine.Pace, now time.Time, c *engine.Cut, pr engine.Pressure, want cutlog.Reason) {
	t.Helper()
	wantCut(t, p, now, engine.Collected{Open: c}, pr, engine.Due{Reason: want})
}

// wantCut checks whether a cut is due at now, and which.
func wantCut(
	t *testing.T, p *engine.Pace, now time.Time, c engine.Collected, pr engine.Pressure, want engine.Due,
) {
	t.Helper()
	got, due := p.Due(now, c, pr)
	if !due {
		got = engine.Due{}
	}
	if got != want {
		t.Errorf("at %v: due is %+v, want %+v", now.Sub(began), got, want)
	}
}

// read notes a message of the time ts, which is read at now. It returns whether it is the first of a later window.
func read(p *engine.Pace, now, ts time.Duration, caughtUp bool) (begins bool) {
	begins = p.Begins(at(ts).UnixNano())
	p.Read(at(now), 1, at(ts).UnixNano(), caughtUp)
	return begins
}

// both returns a cut of an ended window, with n messages, and what was read behind it.
func both(n int, open *engine.Cut) engine.Collected {
	ended := cutOf(began)
	for range n - 1 {
		ended.Through++
		ended.Add(ended.Blocks[0], ended.Through, 1)
	}
	return engine.Collected{Ended: ended, Open: open}
}

// A later message shows where a window ends. What is read behind it stays open.
func TestWindowEndsAtTheFirstMessageOfALaterOne(t *testing.T) {
	p := hourly()
	for _, m := range []struct {
		at     time.Duration
		begins bool
	}{
		{10 * time.Minute, true},
		{time.Hour - 1, false},
		{time.Hour, true},
		{time.Hour + 1, false},
		{30 * time.Minute, false}, // timestamps may go back after a leader change
		{2*time.Hour - 1, false},
		{5 * time.Hour, true},
		{2 * time.Hour, false},
		{6 * time.Hour, true},
	} {
		if begins := read(p, time.Second, m.at, false); begins != m.begins {
			t.Errorf("the message at %v begins a window: %v", m.at, begins)
		}
	}
	wantCut(t, p, at(time.Second), both(1, cutOf(at(6*time.Hour))), engine.Pressure{},
		engine.Due{Reason: cutlog.ReasonWindow, Ended: true})
	wantDue(t, p, at(24*time.Hour), cutOf(at(6*time.Hour)), engine.Pressure{}, "") // not caught up
}

func TestClockClosesTheLastWindowOfASilentStream(t *testing.T) {
	p, c := hourly(), cutOf(began)
	read(p, 10*time.Second, 40*time.Minute, true)
	end := 10*time.Second + 21*time.Minute // the read, then the rest of the window and the grace
	wantDue(t, p, at(end-1), c, engine.Pressure{}, "")
	wantDue(t, p, at(end), c, engine.Pressure{}, cutlog.ReasonWindow)
	p.Read(at(end), 0, 0, false) // no longer caught up: somebody publishes
	wantDue(t, p, at(end), c, engine.Pressure{}, "")
	p.Read(at(end), 0, 0, true)
	wantDue(t, p, at(end), c, engine.Pressure{}, cutlog.ReasonWindow)
	wantCut(t, p, at(end), both(1, cutOf(began)), engine.Pressure{}, engine.Due{Reason: cutlog.ReasonWindow, Ended: true})
}

func TestWindowCutsOfABackfillAreHalfAMaxAgeApart(t *testing.T) {
	p := hourly()
	window := engine.Due{Reason: cutlog.ReasonWindow, Ended: true}
	read(p, time.Second, 3*time.Hour, false)
	c := both(1, cutOf(at(3*time.Hour)))
	wantCut(t, p, at(time.Second), c, engine.Pressure{}, window)
	p.Cut(at(time.Second), window)
	read(p, 2*time.Second, 9*time.Hour, false)
	wantCut(t, p, at(30*time.Minute), c, engine.Pressure{}, engine.Due{})
	wantCut(t, p, at(30*time.Minute+time.Second), c, engine.Pressure{}, window)
}

// A message of a window that the clock has closed waits for the next window, or for a MaxAge.
func TestLateMessagesWaitForTheNextCut(t *testing.T) {
	p, late := hourly(), cutOf(began)
	read(p, 59*time.Minute, 59*time.Minute, true)
	wantDue(t, p, at(61*time.Minute), late, engine.Pressure{}, cutlog.ReasonWindow)
	p.Cut(at(61*time.Minute), engine.Due{Reason: cutlog.ReasonWindow})
	read(p, 62*time.Minute, 30*time.Minute, true)
	wantDue(t, p, at(70*time.Minute), late, engine.Pressure{}, "")
	wantDue(t, p, at(121*time.Minute), late, engine.Pressure{}, cutlog.ReasonWindow)
}

// After a leader whose clock was far ahead, windows end by the clock of the next one, in the end.
func TestWindowsEndAfterAClockThatWasAhead(t *testing.T) {
	p := hourly()
	read(p, time.Second, 48*time.Hour, false)
	p.Cut(at(time.Second), engine.Due{Reason: cutlog.ReasonPressure})
	if read(p, 2*time.Second, 10*time.Minute, false) {
		t.Error("a message that steps back begins a window")
	}
	c := cutOf(began)
	wantDue(t, p, at(61*time.Minute), c, engine.Pressure{}, "")
	wantDue(t, p, at(61*time.Minute+time.Second), c, engine.Pressure{}, cutlog.ReasonWindow)
	p.Cut(at(61*time.Minute+time.Second), engine.Due{Reason: cutlog.ReasonWindow})
	for _, window := range []time.Duration{time.Hour, 2 * time.Hour, 3 * time.Hour} {
		if !read(p, window+5*time.Minute, window+5*time.Minute, true) {
			t.Errorf("the message of the window %v does not begin it", window)
		}
		wantDue(t, p, at(window+time.Hour), c, engine.Pressure{}, "")
	}
}

func TestClockClosesEachWindowInTime(t *testing.T) {
	p := hourly()
	const noticing = 200 * time.Millisecond
	for n := range 100 {
		window := time.Duration(n) * time.Hour
		due := window + time.Hour + time.Minute
		c := cutOf(at(window))
		read(p, window+59*time.Minute, window+59*time.Minute, true)
		wantDue(t, p, at(due-noticing), c, engine.Pressure{}, "")
		wantDue(t, p, at(due+noticing), c, engine.Pressure{}, cutlog.ReasonWindow)
		p.Cut(at(due+noticing), engine.Due{Reason: cutlog.ReasonWindow})
	}
}

// Under pressure the windows that have ended go alone if that makes room enough.
func TestPressureSparesTheNewestWindow(t *testing.T) {
	spool, newest := engine.Pressure{Spool: true}, cutOf(at(time.Hour), at(time.Hour), at(time.Hour))
	p := hourly()
	read(p, time.Second, time.Hour, false)
	p.Cut(at(time.Second), engine.Due{Reason: cutlog.ReasonWindow, Ended: true})
	wantCut(t, p, at(time.Minute), both(2, newest), spool, engine.Due{Reason: cutlog.ReasonPressure})
	wantCut(t, p, at(time.Minute), both(3, newest), spool, engine.Due{Reason: cutlog.ReasonPressure, Ended: true})
	half := engine.Pressure{Half: true}
	wantCut(t, p, at(time.Minute), both(3, newest), half, engine.Due{Reason: cutlog.ReasonFull, Ended: true})
	wantCut(t, p, at(time.Minute), both(3, newest), engine.Pressure{}, engine.Due{})
}

func TestPressureAndFull(t *testing.T) {
	empty := engine.NewCut(100, cutlog.Anchor{})
	skipped := engine.NewCut(100, cutlog.Anchor{})
	skipped.Skip(101)
	skipped.Through = 101
	closed := cutOf(began, began)
	for _, b := range closed.Blocks {
		closed.Close(b)
	}
	half := cutOf(began, began)
	half.Close(half.Blocks[0])
	for _, c := range []struct {
		name string
		cut  *engine.Cut
		pr   engine.Pressure
		want cutlog.Reason
	}{
		{"nothing", cutOf(began), engine.Pressure{}, ""},
		{"spool", cutOf(began), engine.Pressure{Spool: true}, cutlog.ReasonPressure},
		{"acks", cutOf(began), engine.Pressure{Acks: true}, cutlog.ReasonPressure},
		{"acks of skipped messages", skipped, engine.Pressure{Acks: true}, cutlog.ReasonPressure},
		{"flush", cutOf(began), engine.Pressure{Flush: true}, cutlog.ReasonFlush},
		{"retention", cutOf(began), engine.Pressure{Retention: true}, cutlog.ReasonRetention},
		{"retention and a full spool", cutOf(began), engine.Pressure{Retention: true, Spool: true}, cutlog.ReasonPressure},
		{"retention of nothing", empty, engine.Pressure{Retention: true}, ""},
		{"flush of nothing", empty, engine.Pressure{Flush: true}, ""},
		{"closed parts", cutOf(began), engine.Pressure{Half: true}, cutlog.ReasonFull},
		{"all closed", closed, engine.Pressure{}, cutlog.ReasonFull},
		{"some closed", half, engine.Pressure{}, ""},
		{"empty under pressure", empty, engine.Pressure{Spool: true, Acks: true, Half: true}, ""},
	} {
		t.Run(c.name, func(t *testing.T) { wantDue(t, hourly(), at(time.Minute), c.cut, c.pr, c.want) })
	}
}

// A plan may grow with the number of blocks, but not with the length of a backfill, and never beyond the limit of a
// record.
func TestFullBeforeThePlanIsTooLarge(t *testing.T) {
	for blocks, most := range map[int]int{4: 9 << 20, 1000: 17 << 20, 100_000: 57 << 20} {
		p, c := hourly(), engine.NewCut(0, cutlog.Anchor{})
		for range blocks {
			b := &engine.Block{Kind: cutlog.KindData, Window: began.UnixNano()}
			c.Open(b)
			c.Through++
			c.Add(b, c.Through, 1)
		}
		c.Blocks[0].Dir = strings.Repeat("k", most-2<<20-c.PlanBytes()) // stands for sequences
		wantDue(t, p, at(time.Minute), c, engine.Pressure{}, "")
		c.Blocks[0].Dir += strings.Repeat("k", 2<<20)
		if c.PlanBytes() > cutlog.MaxRecord*9/10 {
			t.Errorf("%d blocks: a plan of %d bytes", blocks, c.PlanBytes())
		}
		wantDue(t, p, at(time.Minute), c, engine.Pressure{}, cutlog.ReasonFull)
	}
}

func TestIdle(t *testing.T) {
	p, c := hourly(), cutOf(began)
	p.MaxIdle = 5 * time.Minute
	read(p, time.Minute, time.Minute, true)
	wantDue(t, p, at(6*time.Minute-1), c, engine.Pressure{}, "")
	wantDue(t, p, at(6*time.Minute), c, engine.Pressure{}, cutlog.ReasonIdle)
	p.Read(at(6*time.Minute), 0, 0, true) // progress without a message does not count as one
	wantDue(t, p, at(6*time.Minute), c, engine.Pressure{}, cutlog.ReasonIdle)
	read(p, 6*time.Minute, 6*time.Minute, true)
	wantDue(t, p, at(11*time.Minute-1), c, engine.Pressure{}, "")
	p.MaxIdle = 0
	wantDue(t, p, at(40*time.Minute), c, engine.Pressure{}, "")
}

func TestEmptyCutOnceAnHour(t *testing.T) {
	p := hourly()
	p.MaxIdle = time.Minute
	c := engine.NewCut(100, cutlog.Anchor{})
	wantDue(t, p, at(100*time.Hour), c, engine.Pressure{}, "") // there is nothing to cut
	c.Through = 200
	wantDue(t, p, at(time.Hour-1), c, engine.Pressure{}, "")
	wantDue(t, p, at(time.Hour), c, engine.Pressure{}, cutlog.ReasonIdle)
	p.Cut(at(time.Hour), engine.Due{Reason: cutlog.ReasonIdle})
	wantDue(t, p, at(2*time.Hour-1), c, engine.Pressure{}, "")
	wantDue(t, p, at(2*time.Hour), c, engine.Pressure{}, cutlog.ReasonIdle)
}

func TestWindowStart(t *testing.T) {
	for _, c := range []struct {
		at     string
		maxAge time.Duration
		want   string
		dir    string
	}{
		{"2026-11-24T12:59:59.999999999Z", 15 * time.Minute, "2026-11-24T12:45:00Z", "2026/11/24/12/45"},
		{"2026-11-24T12:45:00Z", 15 * time.Minute, "2026-11-24T12:45:00Z", "2026/11/24/12/45"},
		{"2026-11-24T00:00:00Z", 24 * time.Hour, "2026-11-24T00:00:00Z", "2026/11/24/00/00"},
		{"1970-01-01T00:00:00Z", time.Hour, "1970-01-01T00:00:00Z", "1970/01/01/00/00"},
		{"1969-12-31T23:59:59Z", time.Hour, "1969-12-31T23:00:00Z", "1969/12/31/23/00"},
		{"2026-11-24T12:30:00.5Z", time.Second, "2026-11-24T12:30:00Z", "2026/11/24/12/30"},
		// aligned to the epoch, not to the hour
		{"2026-11-24T12:30:00Z", 7 * time.Minute, "2026-11-24T12:25:00Z", "2026/11/24/12/25"},
	} {
		t.Run(fmt.Sprint(c.at, " ", c.maxAge), func(t *testing.T) {
			in, err := time.Parse(time.RFC3339Nano, c.at)
			if err != nil {
				t.Fatal(err)
			}
			start := engine.WindowStart(in.UnixNano(), c.maxAge)
			if got := time.Unix(0, start).UTC().Format(time.RFC3339Nano); got != c.want {
				t.Errorf("window starts at %s, want %s", got, c.want)
			}
			if got := engine.WindowDir(start); got != c.dir {
				t.Errorf("directory is %s, want %s", got, c.dir)
			}
		})
	}
}
