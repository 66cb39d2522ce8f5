package exactlyonce

import (
	"context"
	"fmt"
	"time"

	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/nats-io/nats.go"
)

// memReader reads the simulated stream through an ephemeral consumer. It proves what reader.Ordered proves, by the same
// means. The consumer may pass over messages: of that, a real one leaves no trace in what it delivers either.
type memReader struct {
	*process
	of      *branch       // that it has compared itself with
	created time.Time     // of the stream that was read so far
	anchor  reader.Anchor // the last message delivered, or that of the position
	from    uint64        // everything up to here was in hand when the consumer was made
	pos     uint64        // up to which the consumer has delivered
	through uint64        // everything up to here is in hand

	blind   int // the consumer passes over so many messages
	blindTo int // of this key
}

// openOrdered implements stream.
func (s memStream) openOrdered(
	ctx context.Context, _ reader.OrderedConfig, at reader.Position,
) (streamReader, error) {
	if err := s.ask(ctx, "consumer"); err != nil {
		return nil, err
	}
	r := &memReader{process: s.process, created: at.Created, anchor: at.Anchor, through: at.After}
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	return r, r.position()
}

// position makes a consumer on the stream as it is now. Like the real one it starts at the anchor: a message between
// the anchor and what is in hand proves a rollback. The caller holds the lock of the world.
func (r *memReader) position() error {
	if err := r.prove(); err != nil {
		return err
	}
	r.of, r.created = r.w.cur, r.w.cur.created
	r.from, r.pos = r.through, r.through
	if r.anchor.Seq > 0 {
		r.pos = r.anchor.Seq
	}
	r.blind = 0
	if r.unlucky("consumer passes over", 5) || r.w.blind > 0 {
		r.w.blind = max(r.w.blind-1, 0)
		r.blind, r.blindTo = 1+r.draw("messages passed over", 6), r.draw("key passed over", 3)
	}
	return nil
}

// prove compares the stream with what was read. The caller holds the lock of the world.
func (r *memReader) prove() error {
	b := r.w.cur
	diverged := &reader.DivergedError{Stream: "S", Was: r.created, Is: b.created, Info: b.info()}
	if !r.created.IsZero() && !b.created.Equal(r.created) {
		return diverged
	}
	m, ok := b.alive[r.anchor.Seq]
	if b.last < max(r.through, r.anchor.Seq) || ok && !m.at.Equal(r.anchor.Time) {
		diverged.RolledBack = true
		return diverged
	}
	return nil
}

// idle is how long Next waits at the end of the stream before it says so.
const idle = 5 * time.Second

// Next implements reader.Reader.
func (r *memReader) Next(ctx context.Context) (reader.Batch, error) {
	var heartbeat <-chan time.Time
	for {
		if err := r.touch(ctx, "read"); err != nil {
			return reader.Batch{}, err
		}
		before := r.through
		batch, changed, err := r.fetch()
		if err != nil || r.through > before {
			return batch, err
		}
		if heartbeat == nil {
			heartbeat = time.After(idle)
		}
		select {
		case <-changed:
		case <-heartbeat:
			return batch, nil
		case <-r.dead:
			return batch, errDead
		case <-ctx.Done():
			return batch, ctx.Err()
		}
	}
}

// fetch delivers some messages. Its channel is closed when there may be more.
func (r *memReader) fetch() (batch reader.Batch, changed <-chan struct{}, err error) {
	r.w.mu.Lock()
	defer r.w.mu.Unlock()
	if r.of != r.w.cur {
		if err := r.position(); err != nil {
			return batch, nil, err
		}
	}
	limit := 1 + r.draw("batch", 6)
	for r.pos < r.of.last && len(batch.Messages) < limit {
		r.pos++
		m, ok := r.of.alive[r.pos]
		if !ok || r.passes(m) {
			continue
		}
		if r.pos <= r.from { // the stream had no message there
			return batch, nil, &reader.DivergedError{
				Stream: "S", Was: r.created, Is: r.created, RolledBack: true, Info: r.of.info(),
			}
		}
		r.anchor = reader.Anchor{Seq: r.pos, Time: m.at, Subject: m.subject()}
		batch.Messages = append(batch.Messages, m.delivered(r.pos))
	}
	r.through = max(r.through, r.pos)
	batch.Through, batch.Pending = r.through, r.of.last-r.pos
	return batch, r.w.changed, nil
}

// passes reports whether the consumer passes over a message.
func (r *memReader) passes(m message) bool {
	if r.blind == 0 || m.key() != r.blindTo {
		return false
	}
	r.blind--
	r.w.met["message passed over"]++
	return true
}

var subscription = &nats.Subscription{}

func (m message) delivered(seq uint64) reader.Message {
	return reader.Message{
		Msg: &nats.Msg{Subject: m.subject(), Data: m.data(), Sub: subscription}, Seq: seq, Time: m.at.UnixNano(),
		Size: len(m.subject()) + len(m.data()),
	}
}

// Check implements reader.Reader.
func (r *memReader) Check(ctx context.Context) error {
	if err := r.touch(ctx, "check"); err != nil {
		return err
	}
	if r.unlucky("check", 25) {
		return fmt.Errorf("check: %w", reader.ErrNoAnswer)
	}
	r.w.mu.Lock()
	defer r.w.mu.Unlock()
	return r.prove()
}

// Ack implements reader.Reader.
func (*memReader) Ack(context.Context, uint64) error { return nil }

// AcksNear implements streamReader.
func (*memReader) AcksNear(time.Time) (string, bool) { return "", false }

// Unacked implements streamReader.
func (*memReader) Unacked() (n, limit int) { return 0, 0 }

// Close implements reader.Reader.
func (*memReader) Close(context.Context) error { return nil }
