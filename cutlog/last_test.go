package cutlog_test

import (
	"context"
	"iter"
	"math/rand/v2"
	"testing"

	"github.com/jetcapture/jetcapture/cutlog"
)

// numbered is the store of a log with the plans and done records from 1 to last, less those of a gap. It counts what it
// is asked.
type numbered struct {
	cutlog.Store
	last, gap, gapEnd uint64 // the gap is [gap, gapEnd)
	folder            bool
	looks, names      int
}

func (s *numbered) has(n uint64) bool { return n >= 1 && n <= s.last && (n < s.gap || n >= s.gapEnd) }

func (s *numbered) Has(_ context.Context, name string) (bool, error) {
	s.looks++
	n, _, ok := cutlog.ParseLogName(name)
	return ok && s.has(n), nil
}

func (s *numbered) ListsWhole() bool { return s.folder }

func (s *numbered) List(_ context.Context, _, after string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		from, _, _ := cutlog.ParseLogName(after)
		for n := max(from, 1); n <= s.last; n++ {
			s.names += 2
			if s.has(n) && !yield(cutlog.PlanName("S", n), nil) {
				return
			}
		}
	}
}

func (s *numbered) find(t *testing.T, log *cutlog.Log) uint64 {
	t.Helper()
	last, err := log.Last(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return last
}

// However long a log is, its end is found in a few requests, with a list of a page. A folder is listed whole, once.
func TestLastTakesFewRequests(t *testing.T) {
	for _, last := range []uint64{0, 1, 10, 499, 500, 501, 999, 1000, 1001, 100_000, 1_000_000} {
		for _, folder := range []bool{false, true} {
			s := &numbered{last: last, folder: folder}
			log := cutlog.New(s, "S")
			if got := s.find(t, log); got != last {
				t.Errorf("of %d cuts, folder %v: the last one is %d", last, folder, got)
			}
			if s.looks > 25 || !folder && s.names > 2*501 || folder && s.looks > 0 {
				t.Errorf("%d cuts, folder %v: %d looks and %d names", last, folder, s.looks, s.names)
			}
			for _, more := range []uint64{1, 0, 700} {
				s.last, s.looks, s.names = s.last+more, 0, 0
				if got := s.find(t, log); got != s.last && (more < 500 || got < last) {
					t.Errorf("of %d cuts, %d of them new, folder %v: the last one is %d", s.last, more, folder, got)
				}
				if s.looks > 250 || s.names > 2*501 {
					t.Errorf("%d cuts, %d of them new, folder %v: %d looks and %d names", s.last, more, folder, s.looks, s.names)
				}
			}
		}
	}
}

// Where records are missing in the middle, the end of the first part is not taken for the end of the log: a capture
// that begins there would write another history.
func TestLastSeesGaps(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 8))
	for round := range 5000 {
		s := &numbered{last: 2 + rnd.Uint64N(1<<(2+rnd.IntN(18))), folder: round%16 == 0}
		s.gap = 1 + rnd.Uint64N(s.last)
		s.gapEnd = min(s.gap+1+rnd.Uint64N(1<<rnd.IntN(18)), s.last)
		if got := s.find(t, cutlog.New(s, "S")); got != s.last {
			t.Fatalf("of %d cuts without [%d, %d), folder %v: the last one is %d", s.last, s.gap, s.gapEnd, s.folder, got)
		}
	}
}
