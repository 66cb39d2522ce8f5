package jetcapture_test

import (
	"testing"

	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/internal/natstest"
)

// lane captures some subjects once.
func (r *rig) lane(name string, from uint64, filters ...string) {
	r.t.Helper()
	capture(r, with(r.options(), func(o *options) {
		o.Archive.Capture, o.FilterSubjects, o.Start.Seq = name, filters, from
	}))
}

// lanes returns those of the newest stream, and checks that the ranges of none are those of the comparison.
func (r *rig) lanes() archive.Lanes {
	r.t.Helper()
	all, err := archive.Open(r.bucket).Lanes(r.t.Context())
	if err != nil || len(all) == 0 {
		r.t.Fatalf("the lanes are %v, %v", all, err)
	}
	l, n := all[len(all)-1], uint64(0)
	for s, err := range l.EachNone(r.t.Context()) {
		if err != nil {
			r.t.Fatal(err)
		}
		if s.First <= l.Through {
			n += min(s.Last, l.Through) - s.First + 1
		}
	}
	wantEqual(r.t, "sequences in ranges of none", n, l.None.Sequences)
	return l
}

// TestLanesThatFollowASlice: a slice that has ended does not keep the lanes behind it from being compared.
func TestLanesThatFollowASlice(t *testing.T) {
	r := newRig(t)
	r.publish(100)
	capture(r, r.slice(1, 30))
	r.lane("a", 41, "s.0", "s.1")
	r.lane("b", 41, "s.>")
	r.lane("c", 41, "s.2")
	l := r.lanes()
	wantEqual(t, "up to where all have come", l.Through, 100)
	wantSlice(t, "ranges of none", l.None.Some, []archive.Span{{First: 31, Last: 40}})
	wantEqual(t, "sequences of two captures", l.Twice.Sequences, 45)
	if l.Awaits(35, "s.0") {
		t.Error("what is between the slice and the lanes is awaited, and nothing will take it")
	}
}

// TestLanesThatLag: what a capture that goes on has not reached yet is not missing, but what two have is found.
func TestLanesThatLag(t *testing.T) {
	r := newRig(t)
	r.publish(40)
	r.lane("a", 0, "s.0")
	r.publish(40)
	r.lane("b", 0, "s.1")
	r.lane("c", 0, "s.1", "s.2")
	l := r.lanes()
	wantEqual(t, "up to where all have come", l.Through, 40)
	wantEqual(t, "sequences of none", l.None.Sequences, 10)
	wantEqual(t, "sequences of two captures", l.Twice.Sequences, 20)
	if !l.Awaits(41, "s.0") || l.Awaits(40, "s.0") || l.Awaits(44, "s.3") {
		t.Error("what only a lane that lags takes is not awaited, or other sequences are")
	}
}

// TestLanesOfARestoredStream: lanes go on from where each has a message of the stream, and with what they had before.
func TestLanesOfARestoredStream(t *testing.T) {
	r := newRig(t)
	lanes := func() {
		r.lane("a", 0, "s.0", "s.1")
		r.lane("b", 0, "s.2", "s.3")
	}
	r.publish(38)
	b := natstest.BackUp(t, r.nc, "S")
	r.publish(20)
	lanes()
	r.restore(b, 38)
	r.publish(50)
	lanes()
	l := r.lanes()
	wantEqual(t, "first sequence", l.Parts[0].First, 1)
	wantEqual(t, "up to where all have come", l.Through, 88)
	wantEqual(t, "sequences of none", l.None.Sequences, 0)
	wantEqual(t, "sequences of two captures", l.Twice.Sequences, 0)
}

// TestUnionOfAStreamRolledBack: the sequences that a stream gives twice are not in two captures.
func TestUnionOfAStreamRolledBack(t *testing.T) {
	r := newRig(t)
	r.publish(40)
	capture(r, r.slice(1, 20))
	backup := t.TempDir()
	r.server.Stop()
	r.server.CopyStore(backup)
	r.server.Restart()
	natstest.Eventually(t, patience, "connection", r.nc.IsConnected)
	r.publishSafely(20)
	both := func() {
		r.lane("onward", 21)
		r.lane("a", 21, "s.0", "s.1")
	}
	both()
	r.server.Stop()
	r.server.RestoreStore(backup)
	r.server.Restart()
	natstest.Eventually(t, patience, "connection", r.nc.IsConnected)
	r.held, r.last = r.held[:40], 40
	r.publishSafely(50)
	both()
	unions, err := archive.Open(r.bucket).Unions(t.Context())
	if err != nil || len(unions) != 2 {
		t.Fatalf("the unions are %v, %v; want one for each filter", unions, err)
	}
	for _, u := range unions {
		if len(u.Gaps)+len(u.Overlaps) > 0 || u.Last() != 90 {
			t.Errorf("gaps %v, overlaps %v, last sequence %d", u.Gaps, u.Overlaps, u.Last())
		}
	}
	wantEqual(t, "sequences of two captures", r.lanes().Twice.Sequences, 36)
}
