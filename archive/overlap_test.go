package archive_test

import (
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/cutlog"
)

// TestVerifyNotesOverlaps opens a second incarnation in the range of the first one.
func TestVerifyNotesOverlaps(t *testing.T) {
	for _, tt := range []struct {
		name    string
		cause   cutlog.Cause
		created time.Time
		from    uint64
		note    string // of the sequences 5 to 7
	}{
		{"rolled back", cutlog.CauseRolledBack, created, 4, "gave their sequences to others"},
		{"rolled back, by an earlier program", "", created, 4, "is stored twice"},
		{"restored from an older backup", cutlog.CauseRestored, created.Add(time.Hour), 4, "gave their sequences to others"},
		{"restored", cutlog.CauseRestored, created.Add(time.Hour), 7, ""},
		{"recreated", cutlog.CauseRecreated, created.Add(time.Hour), 0, ""},
		{"recreated, by an earlier program", "", created.Add(time.Hour), 0, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := build(t, 0)
			b.cut(map[string][]uint64{"a": {1, 2, 3, 4}})
			b.cut(map[string][]uint64{"a": {5, 7}, "b": {6}})
			p := b.reopen(tt.cause, tt.created, tt.from)
			r := verify(t, b.o.bucket(t), archive.VerifyOptions{})
			r.clean(t)
			if tt.note == "" {
				expect(t, r.notes)
				return
			}
			expect(t, r.notes, finding{archive.Overlap, cutlog.PlanName("S", p.N), "5-7", tt.note})
		})
	}
}

// reopen opens another incarnation, behind a sequence.
func (b *builder) reopen(cause cutlog.Cause, created time.Time, from uint64) *cutlog.Plan {
	b.t.Helper()
	p := b.next(nil)
	p.Opens, p.Opened, p.Cause, p.Absent = true, p.N, cause, 0
	p.Stream.Created, p.From, p.To = created, from, from
	p.Incarnation = cutlog.IncarnationID("S", "S", created, p.N)
	b.plan(p)
	b.done(nil)
	return p
}

// TestPresent: of the life before, a stream that was rolled back or restored has what is up to its beginning. One that
// was made again has nothing, wherever its sequences begin.
func TestPresent(t *testing.T) {
	later := created.Add(time.Hour)
	for _, tt := range []struct {
		cause   cutlog.Cause
		created time.Time
		kept    bool
	}{
		{cutlog.CauseRolledBack, created, true},
		{cutlog.CauseRestored, later, true},
		{cutlog.CauseRecreated, later, false},
		{"", created, true}, // of earlier programs
		{"", later, false},
	} {
		b := build(t, 2)
		b.cut(map[string][]uint64{"a": {3, 4, 5}})
		b.reopen(tt.cause, tt.created, 4)
		b.cut(map[string][]uint64{"a": {5, 6}})
		want := []string{"5 5", "6 6"}
		if tt.kept {
			want = []string{"3 3", "4 4", "5 5", "6 6"}
		}
		wantItems(t, b.o.bucket(t), archive.ReadOptions{Partial: true, Present: true}, want...)
	}
}
