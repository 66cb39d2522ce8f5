package exactlyonce

import (
	"slices"

	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/cutlog"
)

// copyNotes are what the source of a copy says about sequences without a message, and how far its cuts reach.
type copyNotes struct {
	skipped cutlog.SeqSet
	lost    map[cutlog.LostReason]cutlog.SeqSet
	gone    map[cutlog.AbsentReason]cutlog.SeqSet // absent
	ends    []cutEnd                              // ascending
}

// cutEnd is how far a cut was read.
type cutEnd struct{ n, last uint64 }

// reached notes that a cut was read up to a sequence.
func (c *copyNotes) reached(n, last uint64) {
	if i := len(c.ends) - 1; i >= 0 && c.ends[i].n == n {
		c.ends[i].last = last
		return
	}
	c.ends = append(c.ends, cutEnd{n, last})
}

// add notes a run of sequences without a message.
func (c *copyNotes) add(run *archive.Item) {
	switch run.Fate {
	case archive.FateSkipped:
		c.skipped.AddRange(run.Seq, run.Last)
	case archive.FateLost:
		reason := cutlog.LostReason(run.Reason)
		if c.lost == nil {
			c.lost = map[cutlog.LostReason]cutlog.SeqSet{}
		}
		s := c.lost[reason]
		s.AddRange(run.Seq, run.Last)
		c.lost[reason] = s
	case archive.FateAbsent:
		reason := cutlog.AbsentReason(run.Reason)
		if reason == "" {
			reason = cutlog.AbsentUnknown
		}
		c.absent(reason, run.Seq, run.Last)
	}
}

// absent notes a run of absent sequences.
func (c *copyNotes) absent(reason cutlog.AbsentReason, first, last uint64) {
	if c.gone == nil {
		c.gone = map[cutlog.AbsentReason]cutlog.SeqSet{}
	}
	s := c.gone[reason]
	s.AddRange(first, last)
	c.gone[reason] = s
}

// join adds notes about what follows.
func (c *copyNotes) join(more *copyNotes) {
	c.skipped = behind(c.skipped, more.skipped)
	c.lost = joinReasons(c.lost, more.lost)
	c.gone = joinReasons(c.gone, more.gone)
	for _, e := range more.ends {
		c.reached(e.n, e.last)
	}
}

func joinReasons[R ~string](to, more map[R]cutlog.SeqSet) map[R]cutlog.SeqSet {
	if to == nil {
		return more
	}
	for reason, s := range more {
		to[reason] = behind(to[reason], s)
	}
	return to
}

// behind adds sequences that lie behind all of s. It is cheaper than Union.
func behind(s, more cutlog.SeqSet) cutlog.SeqSet {
	for first, last := range more.Runs() {
		s.AddRange(first, last)
	}
	return s
}

// within returns the notes about the sequences (after, through].
func (c *copyNotes) within(after, through uint64) copyNotes {
	some := copyNotes{skipped: clip(c.skipped, after, through)}
	some.lost = clipReasons(c.lost, after, through)
	some.gone = clipReasons(c.gone, after, through)
	for _, e := range c.ends {
		if e.last > after {
			some.ends = append(some.ends, e)
		}
	}
	return some
}

func clipReasons[R ~string](from map[R]cutlog.SeqSet, after, through uint64) map[R]cutlog.SeqSet {
	some := make(map[R]cutlog.SeqSet, len(from))
	for reason, s := range from {
		if s = clip(s, after, through); !s.Empty() {
			some[reason] = s
		}
	}
	return some
}

// clip returns those of the sequences that are in (after, through].
func clip(s cutlog.SeqSet, after, through uint64) (in cutlog.SeqSet) {
	for first, last := range s.Runs() {
		if first, last = max(first, after+1), min(last, through); first <= last {
			in.AddRange(first, last)
		}
	}
	return in
}

// cuts returns the first and the last cut that the sequences (after, through] are from.
func (c *copyNotes) cuts(after, through uint64) (first, last uint64) {
	holding := func(seq uint64) uint64 {
		i := slices.IndexFunc(c.ends, func(e cutEnd) bool { return e.last >= seq })
		return c.ends[i].n
	}
	return holding(after + 1), holding(through)
}
