package exactlyonce

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/reader"
)

// message is a message of the simulated stream. val is unique in a world.
type message struct {
	val int
	at  time.Time
}

func (m message) key() int        { return m.val % 3 }
func (m message) subject() string { return fmt.Sprintf("k.%d", m.key()) }
func (m message) data() []byte    { return fmt.Append(nil, m.val) }
func (m message) skipped() bool   { return m.val%17 == 0 } // the decoder leaves it out
func (m message) poison() bool    { return m.val%13 == 0 && !m.skipped() }

// branch is one life of the stream, up to a recreation or a rollback.
type branch struct {
	created     time.Time
	first, last uint64
	alive, ever map[uint64]message
	deleted     map[uint64]bool // by an operator
	rolled      bool            // it began as the rest of another branch
}

// The methods below change the stream.

func (w *world) recreate() {
	w.begin(&branch{
		created: time.Now(), first: 1, alive: map[uint64]message{}, ever: map[uint64]message{}, deleted: map[uint64]bool{},
	})
}

// begin makes b the stream.
func (w *world) begin(b *branch) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cur = b
	w.branches = append(w.branches, b)
	w.tell()
	w.trace("stream created at %s, with %d to %d", b.created.Format(time.TimeOnly), b.first, b.last)
}

// tell wakes the readers. The caller holds the lock.
func (w *world) tell() {
	if w.changed != nil {
		close(w.changed)
	}
	w.changed = make(chan struct{})
}

// rollBack loses the newest n messages, like a server after a power failure.
func (w *world) rollBack(n uint64) {
	old := w.cur
	if old.last < old.first+n {
		return
	}
	b := &branch{
		created: old.created, first: old.first, last: old.last - n,
		alive: map[uint64]message{}, ever: map[uint64]message{}, deleted: maps.Clone(old.deleted), rolled: true,
	}
	kept := func(seq uint64, _ message) bool { return seq > b.last }
	maps.Copy(b.alive, old.alive)
	maps.Copy(b.ever, old.ever)
	maps.DeleteFunc(b.alive, kept)
	maps.DeleteFunc(b.ever, kept)
	w.begin(b)
	w.meet("rollback")
}

// publish adds n messages.
func (w *world) publish(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for range n {
		w.vals++
		w.cur.last++
		// Two messages never have the same time: their number is in the nanoseconds.
		m := message{w.vals, time.Now().Truncate(time.Millisecond).Add(w.clock + time.Duration(w.vals))}
		w.cur.alive[w.cur.last], w.cur.ever[w.cur.last] = m, m
	}
	w.trace("published %d, up to %d", n, w.cur.last)
	w.tell()
}

// elect makes another server the leader of the stream, with another clock.
func (w *world) elect(clock time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clock = clock
	w.trace("the clock of the stream is %v ahead", clock)
}

// expire drops the oldest n messages.
func (w *world) expire(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for b := w.cur; n > 0 && b.first <= b.last && !b.rolled; n-- {
		delete(b.alive, b.first)
		b.skipGone()
		w.trace("expired below %d", b.first)
	}
}

// remove deletes one message. With a filter it does nothing: the second witness is only asked about some of the holes
// then, and must not be busy with true ones.
func (w *world) remove(seq uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	b := w.cur
	if _, ok := b.alive[seq]; !ok || b.rolled || len(w.filter) > 0 {
		return
	}
	delete(b.alive, seq)
	b.deleted[seq] = true
	b.skipGone()
	w.trace("%d is deleted", seq)
}

// skipGone moves first to a message that is there, as the server does.
func (b *branch) skipGone() {
	for b.first <= b.last {
		if _, ok := b.alive[b.first]; ok {
			return
		}
		b.first++
	}
}

// missing returns the sequences between first and last that are not there.
func (b *branch) missing() (seqs cutlog.SeqSet) {
	for seq := b.first; seq <= b.last; seq++ {
		if _, ok := b.alive[seq]; !ok {
			seqs.Add(seq)
		}
	}
	return seqs
}

// memStream is the stream as a process sees it.
type memStream struct{ *process }

// ask touches the stream. Its servers may not answer.
func (s memStream) ask(ctx context.Context, what string) error {
	if err := s.touch(ctx, what); err != nil {
		return err
	}
	s.w.mu.Lock()
	first := s.w.before[what]
	delete(s.w.before, what)
	s.w.mu.Unlock()
	if first != nil {
		first()
	}
	if s.unlucky(what, 25) {
		return fmt.Errorf("%s: %w", what, reader.ErrNoAnswer)
	}
	return nil
}

// Stream implements reader.Lookup.
func (s memStream) Stream() string { return "S" }

// Server implements stream.
func (s memStream) Server() string { return "0.0.0" }

// Consumers implements stream.
func (s memStream) Consumers(context.Context) ([]json.RawMessage, error) { return nil, nil }

// Info implements stream.
func (s memStream) Info(ctx context.Context) (reader.StreamInfo, error) {
	if err := s.ask(ctx, "info"); err != nil {
		return reader.StreamInfo{}, err
	}
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	return s.w.cur.info(), nil
}

func (b *branch) info() reader.StreamInfo {
	return reader.StreamInfo{
		Name: "S", Created: b.created, FirstSeq: b.first, LastSeq: b.last, LastTime: b.ever[b.last].at,
		Messages: uint64(len(b.alive)), Drops: reader.Drops{Oldest: true},
		Deleted: b.missing().Count(), ConfiguredFirst: 1, HasLeader: true,
	}
}

// Deleted implements stream.
func (s memStream) Deleted(ctx context.Context) (cutlog.SeqSet, reader.StreamInfo, error) {
	if err := s.ask(ctx, "deleted"); err != nil {
		return cutlog.SeqSet{}, reader.StreamInfo{}, err
	}
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	return s.w.cur.missing(), s.w.cur.info(), nil
}

// Get implements reader.Lookup.
func (s memStream) Get(ctx context.Context, seq uint64) (reader.StoredMessage, error) {
	if err := s.ask(ctx, fmt.Sprint("get ", seq)); err != nil {
		return reader.StoredMessage{}, err
	}
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	if m, ok := s.w.cur.alive[seq]; ok {
		return m.stored(seq), nil
	}
	return reader.StoredMessage{}, reader.ErrMessageNotFound
}

// NextFor implements reader.Lookup. All filters of the simulation match all messages.
func (s memStream) NextFor(ctx context.Context, seq uint64, _ string) (reader.StoredMessage, error) {
	if err := s.ask(ctx, fmt.Sprint("next from ", seq)); err != nil {
		return reader.StoredMessage{}, err
	}
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	for b := s.w.cur; seq <= b.last; seq++ {
		if m, ok := b.alive[seq]; ok {
			return m.stored(seq), nil
		}
	}
	return reader.StoredMessage{}, reader.ErrMessageNotFound
}

func (m message) stored(seq uint64) reader.StoredMessage {
	return reader.StoredMessage{Subject: m.subject(), Seq: seq, Data: m.data(), Time: m.at.UTC()}
}

// Before implements stream. No capture of the simulation starts at a time.
func (s memStream) Before(context.Context, string, time.Time) (uint64, error) { panic("not simulated") }
