package jetcapture

import (
	"context"
	"strings"

	"github.com/jetcapture/jetcapture/internal/reader"
)

// openReader starts to read after a position: through the durable consumer if one is named, else through an ephemeral one of our own.
func (k *archiveKeeper[P, K]) openReader(ctx context.Context, at reader.Position) (reader.Reader, error) {
	if k.opts.NATSConsumerName != "" {
		return reader.OpenDurable(ctx, k.src, k.durableConfig(), at)
	}
	return reader.OpenOrdered(ctx, k.src, reader.OrderedConfig{
		Name:         k.ephemeral(),
		Filter:       k.opts.FilterSubjects,
		Logger:       k.log,
		PullBytes:    int(k.pullBytes()),
		FailWhenGone: k.opts.Once,
	}, at)
}

// ephemeral is the name of this instance's own consumer.
func (k *archiveKeeper[P, K]) ephemeral() string {
	// A consumer's name has no dots, and an escaped one has no %2E.
	return "jetcapture-" + strings.ReplaceAll(k.w.Capture, ".", "%2E") + "-" + k.w.Me.Instance
}

func (k *archiveKeeper[P, K]) durableConfig() reader.DurableConfig {
	return reader.DurableConfig{
		Name:         k.opts.NATSConsumerName,
		Create:       k.opts.CreateConsumer,
		Filter:       k.opts.FilterSubjects,
		MaxAge:       k.opts.MaxAge,
		Logger:       k.log,
		PullBytes:    int(k.pullBytes()),
		FailWhenGone: k.opts.Once,
	}
}
