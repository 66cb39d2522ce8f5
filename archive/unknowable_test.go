package archive_test

import (
	"maps"
	"testing"

	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/cutlog"
)

// TestWhatNobodyCanKnow: docs/FORMAT.md says that these are not found. A file that is left of what was removed is.
func TestWhatNobodyCanKnow(t *testing.T) {
	b := manyCuts(t)
	removeCut := func(o objects, n uint64) {
		for _, block := range b.o.plan(t, "S", n).Blocks {
			delete(o, block.Path())
		}
		delete(o, cutlog.PlanName("S", n))
		delete(o, cutlog.DoneName("S", n))
	}
	newest := map[string]func(o objects){
		"the newest cut":      func(o objects) { removeCut(o, 9) },
		"the newest two cuts": func(o objects) { removeCut(o, 9); removeCut(o, 8) },
		"the whole capture":   func(o objects) { clear(o) },
	}
	first, _ := b.paths(9)
	for name, remove := range newest {
		o := maps.Clone(b.o)
		remove(o)
		t.Log(name)
		r := verify(t, o.bucket(t), archive.VerifyOptions{})
		r.clean(t)
		expect(t, r.notes)
		o[first] = b.o[first]
		expect(t, verify(t, o.bucket(t), archive.VerifyOptions{}).problems,
			finding{archive.Unplanned, first, b.o.seqsOf(t, "S", 9, first), ""})
	}
	o := maps.Clone(b.o)
	removeCut(o, 5)
	expect(t, verify(t, o.bucket(t), archive.VerifyOptions{}).problems,
		finding{archive.Missing, cutlog.PlanName("S", 5), "61-80", ""})
}
