package reader

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	minAckWait    = time.Hour // AckWait of a consumer that we create; more for long windows
	maxAckPending = 1_000_000 // MaxAckPending of a consumer that we create
)

// AckFloor returns the stream sequence up to which everything is acknowledged on the consumer: the first plan starts
// there. A server that is too old for a durable reader is refused here, before anything is written. A missing consumer
// is created if cfg allows it, so that one which is missing later is known to have been deleted.
func AckFloor(ctx context.Context, src *Source, cfg DurableConfig) (uint64, error) {
	stream, err := src.Info(ctx)
	if err != nil {
		return 0, err
	}
	if err := src.checkReset(stream.Server); err != nil {
		return 0, err
	}
	info, err := src.consumer(ctx, cfg.Name)
	if hasCode(err, codeConsumerNotFound) && cfg.Create {
		info, err = src.createSuitable(ctx, cfg, stream)
	}
	// another process has created it meanwhile, with other settings
	if hasCode(err, codeConsumerExists, codeConsumerNameUsed) {
		info, err = src.consumer(ctx, cfg.Name)
	}
	if err != nil {
		return 0, err
	}
	return info.AckFloor.Stream, nil
}

// create creates the missing consumer. It refuses if an ack deletes and something was read before: together with the
// consumer the stream may have dropped messages, and nobody knows which.
func (d *Durable) create(ctx context.Context, info StreamInfo) (*consumerInfo, error) {
	gone := &ConsumerGoneError{Stream: d.src.stream, Consumer: d.cfg.Name}
	switch {
	case !d.cfg.Create:
		gone.Advice = "create it, or allow the capture to create it"
		return nil, permanent{gone}
	case info.Retention == nats.LimitsPolicy && !d.consumer.IsZero():
		return nil, d.disturbed("it was deleted") // the next reader creates it after what is stored
	case info.Retention != nats.LimitsPolicy && d.id.after > 0:
		gone.Advice = fmt.Sprintf("it was deleted, and with it perhaps messages after stream sequence %d "+
			"that were not captured; create it again to go on with what is left", d.id.after)
		return nil, permanent{gone}
	}
	consumer, err := d.src.createSuitable(ctx, d.cfg, info)
	if err != nil {
		return nil, err
	}
	made := consumer.Config
	d.log.Info("created the consumer", "ack_wait", made.AckWait, "max_ack_pending", made.MaxAckPending)
	if d.id.after == 0 {
		return consumer, nil
	}
	// Nothing is acknowledged on a new consumer. What is stored need not come again.
	return d.src.resetConsumer(ctx, d.cfg.Name, d.id.after+1)
}

// durableConsumer is the configuration of a consumer that we create for windows of maxAge.
func durableConsumer(name string, filter []string, maxAge time.Duration) jetstream.ConsumerConfig {
	cfg := jetstream.ConsumerConfig{
		Name: name, Durable: name, Description: "jetcapture",
		DeliverPolicy: jetstream.DeliverAllPolicy,
		AckPolicy:     jetstream.AckExplicitPolicy,
		AckWait:       max(minAckWait, 4*maxAge),
		MaxDeliver:    -1,
		MaxAckPending: maxAckPending,
		ReplayPolicy:  jetstream.ReplayInstantPolicy,
	}
	setFilter(&cfg, filter)
	return cfg
}

// createDurable creates a consumer, with a lower MaxAckPending if stream, account or server allow no more.
func (s *Source) createDurable(ctx context.Context, cfg jetstream.ConsumerConfig) (*consumerInfo, error) {
	for {
		setMonitor(&cfg)
		info, err := s.createConsumer(ctx, cfg)
		var refused *APIError
		if !hasCode(err, codeMaxAckPending) || !errors.As(err, &refused) {
			return info, err
		}
		text := refused.Description // it ends with the limit
		limit, _ := strconv.Atoi(text[strings.LastIndexByte(text, ' ')+1:])
		if limit <= 0 || limit >= cfg.MaxAckPending {
			return nil, err
		}
		cfg.MaxAckPending = limit
	}
}

// createSuitable creates the consumer of an archive. One that is of no use is not left behind.
func (s *Source) createSuitable(ctx context.Context, cfg DurableConfig, info StreamInfo) (*consumerInfo, error) {
	made := durableConsumer(cfg.Name, cfg.Filter, cfg.MaxAge)
	made.Metadata = cfg.Metadata
	consumer, err := s.createDurable(ctx, made)
	if err != nil {
		return nil, err
	}
	if err := cfg.unsuitable(consumer.Config, info); err != nil {
		return nil, permanent{errors.Join(err, s.deleteConsumer(ctx, cfg.Name))}
	}
	return consumer, nil
}

// unsuitable returns an error that wraps *UnsuitableError if a consumer cannot be captured from, or nil. On a stream
// with limits retention a consumer that we may create may also vanish: it is made again, and begins after what is
// stored.
func (c *DurableConfig) unsuitable(has jetstream.ConsumerConfig, info StreamInfo) error {
	if c.Create && info.Retention == nats.LimitsPolicy {
		has.InactiveThreshold = 0
	}
	reasons := CheckConsumer(has, c.Filter)
	if len(reasons) == 0 {
		return nil
	}
	err := &UnsuitableError{Stream: info.Name, Consumer: c.Name, Reasons: reasons}
	if t := has.InactiveThreshold; t > 0 && t == info.ConsumerLimits.InactiveThreshold {
		return fmt.Errorf("%w; every consumer of the stream inherits the threshold: take consumer_limits.inactive_threshold "+
			"out of the stream's configuration first", err)
	}
	return err
}
