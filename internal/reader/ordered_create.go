package reader

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
)

// deleteTimeout bounds the deletion of our own consumer. Deleting is a courtesy: the server does it after
// InactiveThreshold anyway, and the user may lack the permission.
const deleteTimeout = 2 * time.Second

// create creates the consumer, and makes sure that the server has made the one that it was asked for.
func (o *Ordered) create(ctx context.Context, start uint64, limits ConsumerLimits) (*consumerInfo, error) {
	cfg := o.config(start)
	if t := limits.InactiveThreshold; t > 0 {
		cfg.InactiveThreshold = min(cfg.InactiveThreshold, t)
	}
	info, err := o.replace(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if changes := edits(cfg, info.Config); len(changes) > 0 {
		o.remove(ctx, info.Config.Name)
		return nil, permanent{fmt.Errorf("nats-server %s made another consumer than it was asked for: %s: update it",
			o.src.Server(), strings.Join(changes, "; "))}
	}
	return info, nil
}

// config is that of a consumer that starts at a stream sequence.
func (o *Ordered) config(start uint64) jetstream.ConsumerConfig {
	cfg := jetstream.ConsumerConfig{
		Name: o.cfg.Name,
		// differs in each life, so that the server never takes a left-over for the new consumer
		Description:       o.mark + nuid.Next(),
		DeliverPolicy:     jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:       start,
		AckPolicy:         jetstream.AckNonePolicy,
		MaxDeliver:        -1,
		ReplayPolicy:      jetstream.ReplayInstantPolicy,
		InactiveThreshold: o.cfg.InactiveThreshold,
		Replicas:          1,
		MemoryStorage:     true,
		Metadata:          o.cfg.Metadata,
	}
	if !o.filtersItself() {
		setFilter(&cfg, o.cfg.Filter)
	}
	return cfg
}

// filtersItself reports whether the consumer is made without a filter, and the reader leaves out what is not its own.
// With several filter subjects, servers before 2.12 leave out whole subjects and tell that all was delivered
// (nats-server #6824, #7336), and those before 2.10 know only one.
func (o *Ordered) filtersItself() bool { return len(o.cfg.Filter) > 1 && older(o.src.Server(), 2, 12) }

// maxNames is how many consumers one reader may have at the same time, if it cannot delete the older ones.
const maxNames = 16

// replace creates a consumer in place of one that an earlier life or a killed process has left. If that cannot be
// deleted, for want of the permission, the new one gets another name. It must have a character that is in no instance's
// name, or it could be another process's.
func (o *Ordered) replace(ctx context.Context, cfg jetstream.ConsumerConfig) (info *consumerInfo, err error) {
	for n := 1; n <= maxNames; n++ {
		if n > 1 {
			cfg.Name = fmt.Sprintf("%s~%d", o.cfg.Name, n)
		}
		info, err = o.src.createConsumer(ctx, cfg)
		if n > 1 && err != nil && !taken(err) {
			return nil, fmt.Errorf("consumer %q of an earlier start is there until the server deletes it, after %v, and cannot "+
				"be replaced without the permission for CONSUMER.DELETE: %w", o.cfg.Name, o.cfg.InactiveThreshold, err)
		}
		if !taken(err) {
			return info, err
		}
		o.warnOfTwin(ctx, cfg.Name)
		if o.remove(ctx, cfg.Name) {
			return o.src.createConsumer(ctx, cfg)
		}
	}
	return nil, err
}

// taken reports whether a consumer was not made because another one has its name.
func taken(err error) bool { return hasCode(err, codeConsumerExists, codeConsumerNameUsed) }

// remove deletes a consumer of ours if it can, and reports whether it did. Otherwise the server does it after
// InactiveThreshold.
func (o *Ordered) remove(ctx context.Context, name string) bool {
	if o.undeleted {
		return false
	}
	limited, cancel := context.WithTimeout(ctx, deleteTimeout)
	defer cancel()
	err := o.src.deleteConsumer(limited, name)
	if err != nil {
		o.undeleted = ctx.Err() == nil && o.src.nc.IsConnected()
		o.log.Debug("the consumer is left to its inactive threshold", "consumer", name, "error", err)
	}
	return err == nil
}

// warnOfTwin warns if the consumer in our way belongs to another process. While the reader is opened nobody knows: it
// may be a left-over.
func (o *Ordered) warnOfTwin(ctx context.Context, name string) {
	if o.began.IsZero() {
		return
	}
	if other, err := o.src.consumer(ctx, name); err != nil || strings.HasPrefix(other.Config.Description, o.mark) {
		return
	}
	if o.warnedTwin.Ready(time.Now()) {
		o.log.Warn("another process reads under the same name, and each takes the consumer away from the other: "+
			"give every process its own instance name", "consumer", name)
	}
}
