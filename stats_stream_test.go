package jetcapture_test

import (
	"testing"
	"time"

	"github.com/jetcapture/jetcapture"
	"github.com/nats-io/nats.go/jetstream"
)

// TestStatsOfTheStream: a running capture knows its stream, its log and its limits, and what it still owes.
func TestStatsOfTheStream(t *testing.T) {
	limit := func(c *jetstream.StreamConfig) { c.MaxAge, c.MaxMsgs, c.MaxBytes = 24*time.Hour, 1000, 1<<20 }
	r := newRig(t, limit)
	r.publish(20)
	capture(r, r.options())

	o := r.options()
	o.Once = false
	run := start(r, r.nc, o)
	r.publish(7)
	run.untilRead(7)
	run.until("the last word of the reader", func(s jetcapture.Stats) bool { return !s.CaughtUp.IsZero() })
	s, now := run.Stats(), time.Now()
	wantEqual(t, "first sequence", s.Stream.FirstSeq, 1)
	wantEqual(t, "last sequence", s.Stream.LastSeq, 27)
	wantEqual(t, "MaxAge", s.Stream.MaxAge, 24*time.Hour)
	wantEqual(t, "MaxMessages", s.Stream.MaxMessages, 1000)
	wantEqual(t, "MaxBytes", s.Stream.MaxBytes, 1<<20)
	wantEqual(t, "retention", s.Stream.Retention, "limits")
	wantEqual(t, "window", s.Window, time.Hour)
	wantEqual(t, "memory limit", s.MemoryLimit, jetcapture.DefaultMemoryLimit)
	wantEqual(t, "cut", s.Cut, 2)
	wantEqual(t, "oldest", s.OldestSeq, 21)
	if off := s.Stream.ClockOffset.Abs(); off > 10*time.Second {
		t.Errorf("the clock of the server in this process is off by %v", off)
	}
	if f := s.Freshness(now); f <= 0 || f > patience {
		t.Errorf("freshness %v with 7 messages that are not stored", f)
	}
	unread, unstored := s.Headroom(now)
	if unread.Age != jetcapture.Never {
		t.Errorf("headroom %v of what is unread, want never: everything is read", unread.Age)
	}
	if left := unstored.Age; left > 24*time.Hour || left < 24*time.Hour-2*patience {
		t.Errorf("headroom %v of what is not stored, want a day", left)
	}
	run.finish()
	s = run.Stats()
	wantEqual(t, "freshness at the end", s.Freshness(time.Now()), 0)
	wantEqual(t, "cut at the end", s.Cut, 3)
	wantEqual(t, "recent cuts", len(s.Recent), 1)
	wantEqual(t, "end of the newest cut", s.Recent[0].To, 27)
	wantEqual(t, "timed cuts", s.CutTimes.Count, 1)
	wantEqual(t, "objects put", s.StoreOps["put"].Results[jetcapture.OpOK], s.Blocks+2)
	wantEqual(t, "connected", s.Connected, true)
	if s.StoredThrough().Before(s.LastTime) {
		t.Errorf("stored through %v, before the last message at %v", s.StoredThrough(), s.LastTime)
	}
}
