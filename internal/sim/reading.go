package sim

import (
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/engine"
)

// reading is a reader of the simulated stream: what the readers of the real program prove, it proves by the same means.
type reading struct {
	p     *process
	epoch int
	facts engine.StreamFacts // when it last was sure of the stream
	from  uint64             // everything up to here was in hand when it began
	pos   uint64             // last sequence returned
	last  cutlog.Anchor      // last message returned, or the anchor of the position
	// of a durable consumer: its counts when this reader reset it, and what was delivered and acknowledged since
	base      uint64
	delivered uint64
	acked     uint64
	floor     uint64
	resent    map[uint64]bool // delivered again though in hand
}

// openReader starts to read after a position, as the real readers do: after the anchor, so that a message between it and the position proves a
// rollback.
func (p *process) openReader(created time.Time, to uint64, anchor cutlog.Anchor) *reading {
	p.yield()
	for p.w.cfg.Durable && p.w.pulledByOther(p) { // stand by: a RESET would disturb whoever reads
		p.yield()
	}
	p.pulls = true
	s := p.w.stream
	r := &reading{p: p, epoch: s.epoch, facts: p.streamFacts(), from: to, pos: to, last: anchor, resent: map[uint64]bool{}}
	r.facts.Created = created
	if !r.same() {
		r.epoch = 0 // found out at the first read
		return r
	}
	if p.w.cfg.Durable {
		s.reset()
		r.base, r.floor = s.consumer.delivered, s.consumer.floor
	} else if anchor.Seq > 0 {
		r.pos = min(to, anchor.Seq)
	}
	return r
}

// same reports whether the stream still is the one that was read, by what the real readers look at.
func (r *reading) same() bool {
	b := r.p.w.stream.cur
	if !b.created.Equal(r.facts.Created) || b.last < max(r.pos, r.from) {
		return false
	}
	m, ok := b.alive[r.last.Seq]
	return !ok || r.last.Seq == 0 || r.p.w.cfg.Mutant == NoAnchor || m.anchor(r.last.Seq) == r.last
}

// outcome is how a read ended.
type outcome int

const (
	reads     outcome = iota
	diverged          // the stream is another one
	behind            // a message came that was not there before: rolled back
	disturbed         // a durable consumer has to be reset: nothing that is open is proved
)

// read takes some messages.
func (r *reading) read(cut *engine.Cut, take func(uint64, message)) outcome {
	w := r.p.w
	for n := w.rng.IntN(6); n >= 0; n-- {
		r.p.yield()
		if r.epoch != w.stream.epoch {
			if !r.same() {
				return diverged
			}
			if w.cfg.Durable {
				return disturbed
			}
			r.epoch = w.stream.epoch
		}
		seq, m, ok := r.fetch()
		if !ok {
			return r.idle(cut)
		}
		if seq <= r.from {
			if w.cfg.Durable {
				r.resent[seq] = true
				continue
			}
			return behind
		}
		if seq <= r.pos { // a durable consumer delivers again what is in hand
			r.resent[seq] = true
			continue
		}
		r.pos, r.last = seq, m.anchor(seq)
		cut.Through, cut.Last = seq, r.last
		take(seq, m)
	}
	return reads
}

func (r *reading) fetch() (uint64, message, bool) {
	s := r.p.w.stream
	if !r.p.w.cfg.Durable {
		return s.next(r.pos)
	}
	seq, m, ok := s.pull()
	if ok {
		r.delivered++
	}
	return seq, m, ok
}

// idle is a heartbeat. It tells how much the consumer has delivered, to whomever; if that is what arrived here, everything up to the
// stream's end is in hand.
func (r *reading) idle(cut *engine.Cut) outcome {
	s := r.p.w.stream
	if r.p.w.cfg.Durable && s.consumer.delivered != r.base+r.delivered {
		return disturbed
	}
	cut.Through = max(cut.Through, s.cur.last)
	r.pos = max(r.pos, s.cur.last)
	return reads
}

// counted compares the consumer's counts with ours, before a cut.
func (r *reading) counted() bool {
	if !r.p.w.cfg.Durable {
		return true
	}
	c := &r.p.w.stream.consumer
	return c.delivered == r.base+r.delivered && uint64(len(c.pending)) == r.delivered-r.acked
}

// ack acknowledges what is pending up to the stream sequence to.
func (r *reading) ack(to uint64) {
	if !r.p.w.cfg.Durable {
		return
	}
	s := r.p.w.stream
	var all []uint64
	for seq := range s.consumer.pending {
		if seq <= to {
			all = append(all, seq)
		}
	}
	for _, seq := range all {
		r.p.w.acked(seq)
		s.ack(seq)
		r.acked++
	}
}
