package reader

import (
	"context"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Before returns the stream sequence after which the messages of the time t and later begin. It creates and deletes an
// ephemeral consumer of the given name, since only the server can search by time.
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
	// Deleting it is a courtesy, for which the user may lack the permission: the server does it after InactiveThreshold.
	limited, cancel := context.WithTimeout(ctx, deleteTimeout)
	defer cancel()
	_ = s.deleteConsumer(limited, consumer)
	// Delivered is the sequence before the first one that the consumer will deliver.
	return info.Delivered.Stream, ctx.Err()
}
