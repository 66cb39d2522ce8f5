package sim

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
)

// message is one message of the simulated stream. val is unique in a world.
type message struct {
	key int
	val int
	at  time.Time
}

// skipped reports whether the decoder leaves the message out.
func (m message) skipped() bool { return m.val%17 == 0 }

func (m message) subject() string { return fmt.Sprintf("k.%d", m.key) }

// anchor makes the anchor of a message.
func (m message) anchor(seq uint64) cutlog.Anchor {
	return cutlog.Anchor{
		Seq: seq, Time: m.at, Subject: cutlog.Text(m.subject()),
		Hash: cutlog.HashMessage(m.subject(), nil, fmt.Append(nil, m.val)),
	}
}

// branch is one life of the stream, up to a recreation or a rollback.
type branch struct {
	created     time.Time
	first, last uint64
	alive       map[uint64]message
	ever        map[uint64]message
	deleted     map[uint64]bool // by an operator
	rolled      bool            // it began as the rest of another branch
	restored    bool            // it began as the copy of another branch, or of what is left of one
}

// newest returns the time of the newest message that the branch ever had.
func (b *branch) newest() time.Time { return b.ever[b.last].at }

// stream is the source that all processes of a world read.
type stream struct {
	w        *World
	cur      *branch
	branches []*branch
	epoch    int // counts the events at which consumers are lost: recreations and rollbacks
	vals     int
	consumer consumer
	backup   *branch       // as it was when it was backed up; nil: never
	clock    time.Duration // of the leader, compared with the first one
}

// consumer is the durable consumer. A process that pulls gets the next message.
type consumer struct {
	pos       uint64 // last stream sequence delivered
	delivered uint64 // deliveries, ever
	pending   map[uint64]bool
	floor     uint64
}

func newStream(w *World) *stream {
	s := &stream{w: w}
	s.recreate()
	return s
}

// recreate deletes the stream and creates it again.
func (s *stream) recreate() {
	s.cur = &branch{
		created: epochStart.Add(time.Duration(len(s.branches)+1) * time.Hour), first: 1,
		alive: map[uint64]message{}, ever: map[uint64]message{}, deleted: map[uint64]bool{},
	}
	s.branches = append(s.branches, s.cur)
	s.w.trace("stream: created at %s", s.cur.created.Format(time.TimeOnly))
	s.consumer = newConsumer()
	s.epoch++
}

// rollBack loses the newest n messages, like a server after a power failure.
func (s *stream) rollBack(n int) {
	old := s.cur
	to := old.last - min(uint64(n), old.last-min(old.first-1, old.last))
	s.cur = &branch{
		created:  old.created,
		first:    min(old.first, to+1),
		last:     to,
		alive:    map[uint64]message{},
		ever:     map[uint64]message{},
		deleted:  maps.Clone(old.deleted),
		rolled:   true,
		restored: old.restored,
	}
	for seq, m := range old.alive {
		if seq <= to {
			s.cur.alive[seq] = m
		}
	}
	for seq, m := range old.ever {
		if seq <= to {
			s.cur.ever[seq] = m
		}
	}
	s.branches = append(s.branches, s.cur)
	s.w.trace("stream: rolled back from %d to %d", old.last, to)
	s.consumer.pos = min(s.consumer.pos, to)
	s.consumer.floor = min(s.consumer.floor, to)
	maps.DeleteFunc(s.consumer.pending, func(seq uint64, _ bool) bool { return seq > to })
	s.epoch++
}

// back backs the stream up.
func (s *stream) back() {
	s.backup = s.cur.copy()
	s.w.trace("stream: backed up to %d", s.cur.last)
}

// restore deletes the stream and restores its backup, with or without the consumer. Messages keep their sequences and
// times, and the stream gets a new time of creation.
func (s *stream) restore(consumer bool) {
	s.cur = s.backup.copy()
	s.cur.created = epochStart.Add(time.Duration(len(s.branches)+1) * time.Hour)
	s.cur.restored = true
	s.branches = append(s.branches, s.cur)
	s.w.trace("stream: restored at %s up to %d", s.cur.created.Format(time.TimeOnly), s.cur.last)
	if consumer {
		s.consumer.pos, s.consumer.floor = min(s.consumer.pos, s.cur.last), min(s.consumer.floor, s.cur.last)
		clear(s.consumer.pending)
	} else {
		s.consumer = newConsumer()
	}
	s.epoch++
}

// copy returns a branch that begins as a copy of b.
func (b *branch) copy() *branch {
	c := *b
	c.alive, c.ever, c.deleted = maps.Clone(b.alive), maps.Clone(b.ever), maps.Clone(b.deleted)
	return &c
}

func newConsumer() consumer { return consumer{pending: map[uint64]bool{}} }

// whole reports whether the newest n+1 messages are all there.
func (s *stream) whole(n int) bool {
	for i := range uint64(n + 1) {
		if _, ok := s.cur.alive[s.cur.last-i]; !ok {
			return false
		}
	}
	return true
}

// publish adds n messages.
func (s *stream) publish(n int) {
	published := make([]row, 0, n)
	for range n {
		s.vals++
		s.cur.last++
		// Two messages never have the same time: their number is in the nanoseconds.
		at := s.cur.created.Add(time.Duration(s.vals)*time.Second + time.Duration(s.vals) + s.clock)
		m := message{key: s.w.luck.key(s.vals), val: s.vals, at: at}
		s.cur.alive[s.cur.last] = m
		s.cur.ever[s.cur.last] = m
		published = append(published, row{s.cur.last, m.val})
	}
	s.w.trace("published: %v", rows(published))
}

// expire drops the oldest n messages.
func (s *stream) expire(n int) {
	for ; n > 0 && s.cur.first <= s.cur.last; n-- {
		delete(s.cur.alive, s.cur.first)
		s.cur.first++
	}
	s.skipDeleted()
	s.w.trace("stream: expired up to %d", s.cur.first-1)
}

// remove deletes one message.
func (s *stream) remove(seq uint64) {
	if _, ok := s.cur.alive[seq]; ok {
		delete(s.cur.alive, seq)
		s.cur.deleted[seq] = true
		s.w.trace("stream: %d is deleted", seq)
		s.skipDeleted()
	}
}

// skipDeleted moves first to a message that is there, like the server does.
func (s *stream) skipDeleted() {
	for s.cur.first <= s.cur.last {
		if _, ok := s.cur.alive[s.cur.first]; ok {
			return
		}
		s.cur.first++
	}
}

// next returns the first message after a sequence.
func (s *stream) next(after uint64) (uint64, message, bool) {
	for seq := max(after+1, s.cur.first); seq <= s.cur.last; seq++ {
		if m, ok := s.cur.alive[seq]; ok {
			return seq, m, true
		}
	}
	return 0, message{}, false
}

// pull delivers the consumer's next message.
func (s *stream) pull() (uint64, message, bool) {
	seq, m, ok := s.next(s.consumer.pos)
	if ok {
		s.consumer.pos = seq
		s.consumer.delivered++
		s.consumer.pending[seq] = true
	}
	return seq, m, ok
}

// reset makes the consumer deliver from its ack floor again.
func (s *stream) reset() {
	s.consumer.pos = s.consumer.floor
	clear(s.consumer.pending)
}

// ack acknowledges a message. On a work queue that deletes it.
func (s *stream) ack(seq uint64) {
	if !s.consumer.pending[seq] {
		return
	}
	delete(s.consumer.pending, seq)
	s.consumer.floor = s.consumer.pos
	if len(s.consumer.pending) > 0 {
		s.consumer.floor = slices.Min(slices.Collect(maps.Keys(s.consumer.pending))) - 1
	}
	if s.w.cfg.WorkQueue {
		delete(s.cur.alive, seq)
		s.skipDeleted()
	}
}
