package archive

import (
	"slices"

	"github.com/jetcapture/jetcapture/cutlog"
)

// lostReasons are the reasons that Reasons counts. Any other one counts as the last, which "unproved" meant, too.
func lostReasons() []cutlog.LostReason {
	return []cutlog.LostReason{
		cutlog.LostExpired, cutlog.LostRemoved, cutlog.LostElsewhere, cutlog.LostRecreated, cutlog.LostGone,
		cutlog.LostUnknown,
	}
}

// absentReasons are the reasons that Reasons counts. Any other one counts as the last.
func absentReasons() []cutlog.AbsentReason {
	return []cutlog.AbsentReason{cutlog.AbsentFiltered, cutlog.AbsentNever, cutlog.AbsentUnknown}
}

// Reasons are the lost messages and the absent sequences of Counts by reason.
type Reasons struct {
	lost   [6]int64
	absent [3]uint64
}

// Lost returns the lost messages by reason, without reasons that have none.
func (r Reasons) Lost() map[cutlog.LostReason]int64 {
	by := map[cutlog.LostReason]int64{}
	for i, reason := range lostReasons() {
		if r.lost[i] > 0 {
			by[reason] = r.lost[i]
		}
	}
	return by
}

// Absent returns the absent sequences by reason, without reasons that have none.
func (r Reasons) Absent() map[cutlog.AbsentReason]uint64 {
	by := map[cutlog.AbsentReason]uint64{}
	for i, reason := range absentReasons() {
		if r.absent[i] > 0 {
			by[reason] = r.absent[i]
		}
	}
	return by
}

// Add adds the numbers of another cut.
func (r *Reasons) Add(o Reasons) {
	for i := range r.lost {
		r.lost[i] += o.lost[i]
	}
	for i := range r.absent {
		r.absent[i] += o.absent[i]
	}
}

// lose counts lost messages.
func (r *Reasons) lose(reason cutlog.LostReason, n uint64) {
	i := slices.Index(lostReasons(), reason)
	if i < 0 {
		i = len(r.lost) - 1
	}
	r.lost[i] += int64(n)
}

// Reasons adds up why sequences of the cut are in no file.
func (c Cut) Reasons() (r Reasons) {
	for _, l := range c.Plan.Lost {
		r.lose(l.Reason, l.Seqs.Count())
	}
	if c.Lost != nil {
		for _, b := range c.Lost.Blocks {
			r.lose(cutlog.LostGone, b.Seqs.Count())
		}
	}
	for reason, n := range c.Plan.AbsentReasons() {
		i := slices.Index(absentReasons(), reason)
		if i < 0 {
			i = len(r.absent) - 1
		}
		r.absent[i] += n
	}
	return r
}

// Reason returns why a sequence is lost or absent in the cut. It is empty if the sequence is neither, and if others are
// absent for other reasons: plans only count those.
func (c Cut) Reason(seq uint64) string {
	fate, block := c.Fate(seq)
	switch {
	case fate == FateLost && block != nil:
		return string(cutlog.LostGone)
	case fate == FateLost:
		for _, l := range c.Plan.Lost {
			if l.Seqs.Contains(seq) {
				return string(l.Reason)
			}
		}
	case fate == FateAbsent:
		return c.absentReason()
	}
	return ""
}

// absentReason returns why sequences of the cut are absent, if that is the same for all.
func (c Cut) absentReason() string {
	if len(c.Plan.AbsentBy) == 1 {
		for reason := range c.Plan.AbsentBy {
			return string(reason)
		}
	}
	return ""
}
