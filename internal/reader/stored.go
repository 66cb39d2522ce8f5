package reader

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jetcapture/jetcapture/internal/parallel"
	"github.com/nats-io/nats.go"
)

// Lookup reads single messages of a stream. *Source is one.
type Lookup interface {
	Stream() string
	Get(ctx context.Context, seq uint64) (StoredMessage, error)
	NextFor(ctx context.Context, seq uint64, filter string) (StoredMessage, error)
}

// Stored reads a span of a stream without a consumer, message by message from the stream's leader. It is slow, and the
// second way to the messages that a consumer should have delivered and did not. One goroutine uses it.
type Stored struct {
	src    Lookup
	filter []string
	next   uint64 // everything below is in hand
	to     uint64
}

// OpenStored reads the messages after the stream sequence after, up to and including to, whose subjects match one of
// the filters; no filter means all. It asks nothing yet.
func OpenStored(src Lookup, filter []string, after, to uint64) *Stored {
	return &Stored{src: src, filter: filter, next: after + 1, to: to}
}

// Done reports whether the whole span is in hand.
func (s *Stored) Done() bool { return s.next > s.to }

const (
	storedWindow  = 32 // messages that are asked for together
	storedWorkers = 16 // of them at the same time
)

// Next returns some of the messages. Errors are those of Source.Get; the next call tries the same messages again.
func (s *Stored) Next(ctx context.Context) (Batch, error) {
	first, err := s.src.NextFor(ctx, s.next, ">")
	switch {
	case errors.Is(err, ErrMessageNotFound) || err == nil && first.Seq > s.to:
		s.next = s.to + 1
		return Batch{Through: s.to}, nil
	case err != nil:
		return Batch{}, err
	}
	last := min(first.Seq+storedWindow-1, s.to)
	found := make([]*StoredMessage, last-first.Seq+1)
	found[0] = &first
	err = parallel.Each(ctx, storedWorkers, len(found)-1, func(ctx context.Context, i int) error {
		m, err := s.src.Get(ctx, first.Seq+1+uint64(i))
		if errors.Is(err, ErrMessageNotFound) {
			return nil
		}
		found[i+1] = &m
		return err
	})
	if err != nil {
		return Batch{}, err
	}
	b := Batch{Through: last}
	for _, m := range found {
		if m != nil && (len(s.filter) == 0 || matchesAny(s.filter, m.Subject)) {
			b.Messages = append(b.Messages, m.Delivered(s.src.Stream()))
		}
	}
	s.next = last + 1
	return b, nil
}

// StoredReply returns a reply subject that Metadata reads, for a message that no consumer has delivered.
func StoredReply(stream string, seq uint64, at time.Time) string {
	return fmt.Sprintf("$JS.ACK.%s.stored.1.%d.0.%d.0", stream, seq, at.UnixNano())
}

// Delivered returns a message of a stream as a consumer would deliver it.
func (m *StoredMessage) Delivered(stream string) Message {
	header, raw := m.ParseHeader()
	msg := &nats.Msg{
		Subject: m.Subject, Header: header, Data: m.Data, Sub: &nats.Subscription{},
		Reply: StoredReply(stream, m.Seq, m.Time),
	}
	if msg.Data == nil { // a delivered message has an empty payload, which is another JSON than none
		msg.Data = []byte{}
	}
	return Message{
		Msg: msg, Seq: m.Seq, Time: m.Time.UnixNano(), Header: raw, Block: string(m.KeptBlock()),
		Size: len(m.Subject) + len(m.Header) + len(m.Data),
	}
}
