package engine

import "github.com/jetcapture/jetcapture/cutlog"

// Retention is what takes messages out of a stream, as far as a capture can tell.
type Retention struct {
	Acks     bool // acknowledging deletes: a work queue or an interest stream
	Filtered bool // the capture leaves out subjects: a sequence that is gone may have been none of its messages
	// Mirror: the sequences are those of another stream, which may have had gaps before they were mirrored.
	Mirror bool
	Oldest bool // a limit may take the oldest messages: age, number or bytes
	Any    bool // a limit may take messages anywhere: messages of a subject, or the lifetime of a message
}

// whole reports that each sequence was a message of the capture, unless it is known that it never existed.
func (r Retention) whole() bool { return !r.Filtered && !r.Mirror }

// took returns the reason for messages that a whole stream has not any more, at its head or behind its first message.
// What cannot be told apart has one reason.
func (r Retention) took(head bool) cutlog.LostReason {
	limit := r.Any || head && r.Oldest
	switch {
	case r.Acks && limit:
		return cutlog.LostUnknown
	case r.Acks:
		return cutlog.LostElsewhere
	case limit:
		return cutlog.LostExpired
	}
	return cutlog.LostRemoved
}

// reasons says for each hole of a cut why it is one.
type reasons struct {
	left   cutlog.SeqSet // holes without a reason
	lost   []cutlog.LostRange
	absent map[cutlog.AbsentReason]uint64
}

// explain gives each hole of the cut the first reason that fits. Only what is proved is absent by a reason of its own.
func (c *Cut) explain(f Facts) *reasons {
	r := &reasons{}
	if c.Absent() == 0 {
		return r
	}
	r.left = c.Holes(0, c.Through)
	all := span(1, c.Through)
	if f.Told != nil {
		f.Told.explain(r, all)
		return r
	}
	r.away(cutlog.AbsentNever, f.Never)
	if f.Unproved { // what the stream says is old, or not about the one that was read
		r.lose(cutlog.LostElsewhere, span(1, f.Floor))
		r.lose(cutlog.LostUnknown, all)
		return r
	}
	r.away(cutlog.AbsentNever, f.Stream.NeverAfter(c.Last))
	r.away(cutlog.AbsentFiltered, f.LeftOut)
	how, head := f.Stream.Retention, span(1, max(f.Stream.FirstSeq, 1)-1)
	if how.whole() && !how.Acks { // an ack of another client does not take them away
		r.lose(how.took(true), head)
	}
	r.lose(cutlog.LostElsewhere, span(1, f.Floor))
	if !how.Filtered {
		r.lose(how.took(true), head)
	}
	if how.whole() {
		r.lose(how.took(false), all)
	}
	r.away(cutlog.AbsentUnknown, all)
	return r
}

// lose records those of seqs that have no reason yet as lost.
func (r *reasons) lose(reason cutlog.LostReason, seqs cutlog.SeqSet) {
	taken := r.take(seqs)
	if taken.Empty() {
		return
	}
	for i := range r.lost {
		if r.lost[i].Reason == reason {
			r.lost[i].Seqs = r.lost[i].Seqs.Union(taken)
			return
		}
	}
	r.lost = append(r.lost, cutlog.LostRange{Reason: reason, Seqs: taken})
}

// away counts those of seqs that have no reason yet as absent.
func (r *reasons) away(reason cutlog.AbsentReason, seqs cutlog.SeqSet) {
	taken := r.take(seqs)
	if taken.Empty() {
		return
	}
	if r.absent == nil {
		r.absent = map[cutlog.AbsentReason]uint64{}
	}
	r.absent[reason] += taken.Count()
}

// take takes those of seqs that have no reason yet out of the holes. There may be a million holes, and mostly all or
// none of them are among seqs.
func (r *reasons) take(seqs cutlog.SeqSet) cutlog.SeqSet {
	first, last := r.left.First(), r.left.Last()
	switch {
	case r.left.Empty(), seqs.Empty(), seqs.Last() < first, seqs.First() > last:
		return cutlog.SeqSet{}
	case seqs.Equal(span(seqs.First(), seqs.Last())) && seqs.First() <= first && seqs.Last() >= last:
		taken := r.left
		r.left = cutlog.SeqSet{}
		return taken
	}
	rest := r.left.Minus(seqs)
	taken := r.left.Minus(rest)
	r.left = rest
	return taken
}

// span returns the sequences from first to last; none if last is below first.
func span(first, last uint64) (s cutlog.SeqSet) {
	if first <= last {
		s.AddRange(first, last)
	}
	return s
}
