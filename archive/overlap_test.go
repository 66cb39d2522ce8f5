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
			p := b.next(nil)
			p.Opens, p.Opened, p.Cause, p.Absent = true, p.N, tt.cause, 0
			p.Stream.Created, p.From, p.To = tt.created, tt.from, tt.from
			p.Incarnation = cutlog.IncarnationID("S", "S", tt.created, p.N)
			b.plan(p)
			b.done(nil)
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
