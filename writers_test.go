package jetcapture_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/internal/natstest"
)

// TestManyWriters runs several instances of one capture on one archive at the same time.
func TestManyWriters(t *testing.T) {
	r := newRig(t)
	var all []*running
	for i := range 3 {
		o := with(r.continuous(), func(o *options) {
			o.Archive.Instance, o.Archive.Takeover, o.MaxMessages = fmt.Sprint("writer-", i), time.Second, 20
		})
		all = append(all, start(r, r.server.Connect(), o))
	}
	for range 5 {
		r.publish(100)
		natstest.Eventually(t, patience, "archive of all", func() bool {
			return slices.ContainsFunc(all, func(c *running) bool { return c.Stats().StoredSeq >= r.last })
		})
	}
	lost := int64(0)
	for _, c := range all {
		c.finish()
		lost += c.Stats().CutsLost
	}
	capture(r, r.options())
	a := r.wantAll()
	writers := map[string]int{}
	for _, c := range a.Cuts {
		writers[c.Writer]++
	}
	t.Logf("cuts by writer %v, %d lost", writers, lost)
	if lost == 0 {
		t.Error("no writer has lost a cut: they did not meet")
	}
}

// TestTwoCapturesInOneArchive: captures in one archive do not touch each other.
func TestTwoCapturesInOneArchive(t *testing.T) {
	r := newRig(t)
	r.publish(50)
	for range 2 {
		for _, name := range []string{"a", "b", "a-b"} {
			capture(r, with(r.options(), func(o *options) { o.Archive.Capture = name }))
		}
		r.publish(20)
	}
	for _, name := range []string{"a", "b", "a-b"} {
		capture(r, with(r.options(), func(o *options) { o.Archive.Capture = name }))
		r.wantFrom(name, 1)
	}
}

// TestTakeoverOfALiveWriter: another writer finishes the cut of one that hangs, and goes on. The first one notices
// that.
func TestTakeoverOfALiveWriter(t *testing.T) {
	r := newRig(t)
	r.publish(40)
	gate, open := gated(r.bucket)
	slow := with(r.continuous(), func(o *options) { o.Archive.Instance, o.Archive.Bucket = "slow", gate })
	first := start(r, r.nc, slow)
	natstest.Eventually(t, patience, "plan of the slow writer", func() bool { return r.planned(2) })
	quick := with(r.continuous(), func(o *options) {
		o.Archive.Instance, o.Archive.Takeover = "quick", 300*time.Millisecond
	})
	second := start(r, r.server.Connect(), quick)
	second.untilStored(40)
	r.publish(30)
	second.untilStored(70)
	open()
	first.until("slow writer that was overtaken", func(s jetcapture.Stats) bool { return s.StoredSeq >= 70 })
	r.publish(30)
	natstest.Eventually(t, patience, "archive of all", func() bool {
		return max(first.Stats().StoredSeq, second.Stats().StoredSeq) >= 100
	})
	first.finish()
	second.finish()
	capture(r, r.options())
	r.wantAll()
	if s := second.Stats(); s.Redone != 1 {
		t.Errorf("stats %+v", s)
	}
}
