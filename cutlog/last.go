package cutlog

import (
	"context"
	"fmt"
	"math"
)

// Last returns the greatest number of a record in the log, as far as a list or single looks can tell; 0 if there is
// none. A list may be late.
func (l *Log) Last(ctx context.Context) (uint64, error) {
	s := search{log: l, ctx: ctx}
	s.haver, _ = l.store.(Haver)
	w, ok := l.store.(WholeLister)
	whole := ok && w.ListsWhole()
	var last uint64
	if known := l.listed.Load(); whole && known > 0 {
		last = s.lastPlan(known)
	} else {
		if !whole {
			last = s.somePlan()
		}
		last = s.list(last)
	}
	if s.err != nil {
		return 0, s.err
	}
	l.listed.Store(last)
	return last, nil
}

// list returns the greatest number of a record in a list of the log from a plan on.
func (s *search) list(from uint64) (last uint64) {
	prefix, after := LogPrefix(s.log.capture), ""
	if last = from; last > 0 {
		after = PlanName(s.log.capture, last)
	}
	if s.err != nil {
		return 0
	}
	for name, err := range s.log.store.List(s.ctx, prefix, after) {
		if err != nil {
			s.err = fmt.Errorf("list %s: %w", prefix, err)
			return 0
		}
		if n, _, ok := ParseLogName(name); ok {
			last = max(last, n)
		}
	}
	return last
}

// search looks for the end of a log, record by record.
type search struct {
	log   *Log
	ctx   context.Context //nolint:containedctx // a search lives as long as one call
	haver Haver           // nil: nothing is found
	err   error           // the first error; nothing is found after it
}

// has reports whether the record of a name is there.
func (s *search) has(name string) bool {
	if s.haver == nil || s.err != nil {
		return false
	}
	found, err := s.haver.Has(s.ctx, name)
	if err != nil {
		s.err = fmt.Errorf("look for %s: %w", name, err)
	}
	return found && err == nil
}

func (s *search) hasPlan(n uint64) bool { return s.has(PlanName(s.log.capture, n)) }

// pageCuts is how many cuts a page of a list has at most: stores list 1,000 names at a time.
const pageCuts = 500

// somePlan returns the number of a plan behind which a list of the log is short, or 0. It doubles the number until
// there is no plan, then halves the distance. Where plans are missing, it may find an early one: a longer list.
func (s *search) somePlan() (there uint64) {
	missing := uint64(pageCuts)
	for missing < math.MaxUint64/2 && s.hasPlan(missing) {
		there, missing = missing, 2*missing
	}
	return s.between(there, missing, pageCuts)
}

// between halves the distance between a plan that is there and one that is missing until it is at most the given one.
func (s *search) between(there, missing, distance uint64) uint64 {
	for s.err == nil && missing-there > distance {
		if middle := there + (missing-there)/2; s.hasPlan(middle) {
			there = middle
		} else {
			missing = middle
		}
	}
	return there
}

const (
	closeLooks = 64      // behind the end of a log, so many numbers are looked for one by one
	farLook    = 1 << 24 // how far behind the end the last look is: cuts of 190 days, one a second
)

// lastPlan returns the number of the last record without a list, from a record on that an earlier one had.
//
// If somebody has removed records meanwhile, halving may end before the gap. To begin there would be to write a second
// history, so it looks behind the end as well: at each of the next numbers, then at steps of an eighth of the way. A
// record behind a gap is returned, and Log.Head finds what is missing before it.
func (s *search) lastPlan(there uint64) uint64 {
	last := s.between(there, there+pageCuts+1, 1)
	if s.has(DoneName(s.log.capture, last+1)) {
		return last + 1
	}
	for d := uint64(2); d <= farLook && s.err == nil; d += 1 + max(d, closeLooks)/8 - closeLooks/8 {
		if s.hasPlan(last + d) {
			return last + d
		}
	}
	return last
}
