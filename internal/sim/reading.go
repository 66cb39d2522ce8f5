package sim

import (
	"maps"
	"slices"
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/engine"
)

// reading is a reader of the simulated stream. It proves what the real readers prove, by the same means.
type reading struct {
	p     *process
	epoch int                // of the stream when it was last compared
	facts engine.StreamFacts // when it last was sure of the stream
	from  uint64             // everything up to here is in the archive
	pos   uint64             // last sequence returned
	last  cutlog.Anchor      // last message returned, or the anchor of the position
	// For a durable consumer:
	base      uint64 // its count of deliveries when this reader reset it
	floor     uint64 // its ack floor at that time
	delivered uint64 // what came here since
	acked     uint64 // what was acknowledged since
}

// openReader starts to read after a position. Like the real readers it starts at the anchor: a message between it and
// the position proves a rollback.
func (p *process) openReader(created time.Time, to uint64, anchor cutlog.Anchor) *reading {
	p.yield()
	for p.w.cfg.Durable && p.w.pulledByOther(p) { // a RESET would disturb whoever reads
		p.w.luck.meets(p, standingBy)
		p.yield()
	}
	p.pulls = true
	s := p.w.stream
	r := &reading{p: p, epoch: s.epoch, facts: p.streamFacts(), from: to, pos: to, last: anchor}
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

// same reports whether the stream still is the one that was read. The real readers look at the same facts.
func (r *reading) same() bool {
	b := r.p.w.stream.cur
	if !b.created.Equal(r.facts.Created) || b.last < max(r.pos, r.from) {
		return false
	}
	m, ok := b.alive[r.last.Seq]
	return !ok || r.last.Seq == 0 || r.p.w.cfg.Mutant == NoAnchor || m.anchor(r.last.Seq) == r.last
}

// outcome is how a read ended.
type outcome string

const (
	reads     outcome = "reads on"
	diverged  outcome = "the stream is another one now"
	behind    outcome = "the stream was rolled back: a message came where it had none before"
	disturbed outcome = "the consumer delivered something to somebody else: nothing that is open is proved"
)

// read takes some messages into what is collected.
func (r *reading) read(c *collection) outcome {
	w := r.p.w
	for range w.luck.reads(r.p) {
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
			return r.idle(c)
		}
		if seq <= r.from {
			if !w.cfg.Durable {
				return behind
			}
			r.ackOne(seq) // it was stored by a process that died before it acknowledged it
			continue
		}
		if seq <= r.pos { // a durable consumer delivers again what is in hand
			continue
		}
		r.pos, r.last = seq, m.anchor(seq)
		c.take(seq, m)
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

// idle is a heartbeat. It says how much the consumer has delivered, to any reader. If that is as much as arrived here,
// everything up to the stream's end is in hand.
func (r *reading) idle(c *collection) outcome {
	s := r.p.w.stream
	if r.p.w.cfg.Durable && s.consumer.delivered != r.base+r.delivered {
		return disturbed
	}
	c.open.Through = max(c.open.Through, s.cur.last)
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
	for _, seq := range slices.Sorted(maps.Keys(r.p.w.stream.consumer.pending)) {
		if seq <= to {
			r.ackOne(seq)
		}
	}
}

// ackOne acknowledges a message that was delivered here.
func (r *reading) ackOne(seq uint64) {
	r.p.w.acked(seq)
	r.p.w.stream.ack(seq)
	r.acked++
}
