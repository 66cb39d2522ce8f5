package fleet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Config says how the stream of a fleet is made.
type Config struct {
	// Replicas of the stream. 0: as an existing one has; of a new one 3 in a cluster, and 1 on a single server.
	Replicas int
	// Lease after which the task of a worker that is silent goes to another. 0: as an existing one has, or DefaultLease.
	Lease time.Duration
}

// Made is a fleet as Init has left it.
type Made struct {
	Config       // without zeros
	Created bool // it was not there before
}

// mostReplicas is what a new fleet has in a cluster.
const mostReplicas = 3

// Init makes the stream of tasks and its consumer, or changes an existing one to what cfg says. The tasks of an
// existing one stay.
func (f *Fleet) Init(ctx context.Context, cfg Config) (m Made, err error) {
	m.Config, m.Created, err = f.asItIs(ctx, cfg)
	if err != nil {
		return m, err
	}
	m.Lease = cmp.Or(m.Lease, DefaultLease)
	replicas := []int{m.Replicas}
	if m.Replicas == 0 {
		replicas = []int{mostReplicas, 1}
	}
	for _, m.Replicas = range replicas {
		if err = f.make(ctx, m.Config); !isTooMany(err) {
			break
		}
	}
	if err != nil {
		return m, fmt.Errorf("make stream %s of the fleet: %w", f.Stream(), err)
	}
	return m, nil
}

// asItIs is a configuration with what an existing fleet has in the place of zeros.
func (f *Fleet) asItIs(ctx context.Context, cfg Config) (is Config, missing bool, err error) {
	info, err := f.info(ctx)
	if missing = errors.Is(err, jetstream.ErrStreamNotFound); missing {
		return cfg, true, nil
	}
	if err == nil && cfg.Replicas == 0 {
		cfg.Replicas = max(info.Config.Replicas, 1)
	}
	if err == nil && cfg.Lease == 0 {
		var c jetstream.Consumer
		switch c, err = f.js.Consumer(ctx, f.Stream(), consumer); {
		case err == nil:
			cfg.Lease = c.CachedInfo().Config.AckWait
		case errors.Is(err, jetstream.ErrConsumerNotFound):
			err = nil
		default:
			err = fmt.Errorf("look at consumer %s of stream %s: %w", consumer, f.Stream(), err)
		}
	}
	return cfg, false, err
}

// isTooMany reports whether an error says that there is a single server, or that the account has no such streams. That
// a cluster has too few servers may be so for a while only.
func isTooMany(err error) bool {
	const notClustered, noTier = 10074, 10120
	var api *jetstream.APIError
	return errors.As(err, &api) && (api.ErrorCode == notClustered || api.ErrorCode == noTier)
}

// make makes the stream and its consumer, or changes them.
func (f *Fleet) make(ctx context.Context, cfg Config) error {
	stream, consumer, err := f.config(cfg)
	if err != nil {
		return err
	}
	_, err = f.js.CreateStream(ctx, stream)                  // does nothing if there is the same one
	if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) { // it has another configuration
		var have *jetstream.StreamInfo
		if have, err = f.info(ctx); err == nil {
			err = suitable(have.Config, stream)
		}
		if err == nil && have.Config.Replicas != stream.Replicas { // the rest is its owner's
			have.Config.Replicas = stream.Replicas
			_, err = f.js.UpdateStream(ctx, have.Config)
		}
	}
	if err == nil {
		_, err = f.js.CreateOrUpdateConsumer(ctx, f.Stream(), consumer)
	}
	return err
}

// config is what a fleet consists of.
func (f *Fleet) config(cfg Config) (s jetstream.StreamConfig, c jetstream.ConsumerConfig, err error) {
	if cfg.Lease == 0 {
		cfg.Lease = DefaultLease
	}
	if cfg.Lease < MinLease {
		return s, c, fmt.Errorf("a lease of %v is too short: give at least %v", cfg.Lease, MinLease)
	}
	s = jetstream.StreamConfig{
		Name: f.Stream(), Description: "captures that jetcapture workers share",
		Subjects: []string{f.subject("task") + ".*"}, Retention: jetstream.WorkQueuePolicy,
		MaxMsgsPerSubject: 1, Discard: jetstream.DiscardOld, // a new revision takes the place of the old one
		Replicas: max(cfg.Replicas, 1),
	}
	c = jetstream.ConsumerConfig{
		Durable: consumer, AckPolicy: jetstream.AckExplicitPolicy, AckWait: cfg.Lease,
		MaxDeliver: -1, MaxAckPending: -1,
	}
	return s, c, nil
}
