package reader

import (
	"context"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Before returns the stream sequence after which the messages at or after the time t begin, by way of a short-lived ephemeral consumer of
// the given name: only the server can search by time.
func (s *Source) Before(ctx context.Context, consumer string, t time.Time) (uint64, error) {
	info, err := s.createConsumer(ctx, jetstream.ConsumerConfig{
		Name:              consumer,
		DeliverPolicy:     jetstream.DeliverByStartTimePolicy,
		OptStartTime:      &t,
		AckPolicy:         jetstream.AckNonePolicy,
		MaxDeliver:        -1,
		InactiveThreshold: defaultInactiveThreshold,
		Replicas:          1,
		MemoryStorage:     true,
	})
	if err != nil {
		return 0, err
	}
	// Delivered is where the consumer begins: the sequence before the first that it will deliver.
	return info.Delivered.Stream, s.deleteConsumer(ctx, consumer)
}
