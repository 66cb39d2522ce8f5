package top

import (
	"cmp"
	"slices"
	"time"

	"github.com/jetcapture/jetcapture/internal/status"
)

const (
	forget   = time.Minute      // how long a capture is kept that does not answer
	rateOver = 10 * time.Second // the time over which rates are averaged
	history  = 30               // looks whose freshness is kept
)

// Roster follows captures from look to look. One goroutine uses it. The zero value knows none.
type Roster struct{ rows map[string]*Row }

// Row is a capture over several looks.
type Row struct {
	Seen
	Answered time.Time // when it was last found
	// Read and Stored are messages and bytes a second; negative if they are not known yet.
	Read, Stored float64
	Fresh        []float64 // the last values of freshness_s, the newest last

	past []sample
}

// sample is what the counters of a capture were.
type sample struct {
	at           time.Time
	read, stored int64
}

// Add takes what was found, and returns all captures that are known, the most urgent first. The rows are the caller's.
func (r *Roster) Add(f Found) []Row {
	if r.rows == nil {
		r.rows = map[string]*Row{}
	}
	for _, s := range f.Captures {
		key := s.Process.From + "\x00" + s.Capture.Capture
		if r.rows[key] == nil {
			r.rows[key] = &Row{}
		}
		r.rows[key].add(s, f.Now)
	}
	var all []Row
	for key, row := range r.rows {
		if f.Now.Sub(row.Answered) > forget {
			delete(r.rows, key)
			continue
		}
		copied := *row
		copied.Fresh, copied.past = slices.Clone(row.Fresh), nil
		all = append(all, copied)
	}
	slices.SortFunc(all, func(a, b Row) int {
		return cmp.Or(cmp.Compare(a.urgency(), b.urgency()), cmp.Compare(a.Capture.Capture, b.Capture.Capture),
			cmp.Compare(a.Process.From, b.Process.From))
	})
	return all
}

// Missing is how long a row has not answered; 0 if it did at the last look, which was at now.
func (r *Row) Missing(now time.Time) time.Duration { return now.Sub(r.Answered) }

// urgency orders rows, the most urgent first.
func (r *Row) urgency() int { return r.Health.Code.Urgency() }

// add takes what was found of the capture.
func (r *Row) add(s Seen, now time.Time) {
	r.Seen, r.Answered = s, now
	if f := s.Archive.Freshness; f != nil {
		r.Fresh = append(r.Fresh, *f)
		r.Fresh = r.Fresh[max(len(r.Fresh)-history, 0):]
	}
	current := sample{now, s.Accounting.Messages, s.Accounting.FileBytes}
	if n := len(r.past); n > 0 && r.past[n-1].read > current.read {
		r.past = nil // it has started again
	}
	r.past = append(r.past, current)
	for len(r.past) > 2 && now.Sub(r.past[1].at) >= rateOver {
		r.past = r.past[1:]
	}
	r.Read, r.Stored = -1, -1
	first := r.past[0]
	if seconds := now.Sub(first.at).Seconds(); seconds > 0 {
		r.Read, r.Stored = float64(current.read-first.read)/seconds, float64(current.stored-first.stored)/seconds
	}
}

// kindOf is how a health is shown.
func kindOf(code status.Code) kind {
	switch code {
	case status.OK, status.Ended:
		return good
	case status.Starting, status.CatchingUp:
		return warned
	}
	return bad
}
