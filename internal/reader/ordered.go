package reader

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
)

const (
	defaultInactiveThreshold = time.Minute
	// deleteTimeout bounds the deletion of our own consumer. It is a courtesy: the server deletes it after InactiveThreshold, and the user
	// may lack the permission.
	deleteTimeout = 2 * time.Second
)

// OrderedConfig configures an ordered reader.
type OrderedConfig struct {
	Name              string        // of the consumer; no two readers of a stream may use one name at the same time
	Filter            []string      // subjects; empty: the whole stream
	FailWhenGone      bool          // Next returns ErrStreamNotFound instead of waiting for the stream
	PullBytes         int           // of a pull; 0: 16 MiB, or twice the server's maximum payload if that is more
	InactiveThreshold time.Duration // after which the server deletes the consumer of a reader that died; 0: 1 min
	Logger            *slog.Logger  // nil: none
	Timing            Timing
}

// Ordered reads through an ephemeral AckNone consumer of its own, which it makes anew at each re-position. It is for streams with Limits
// retention: on others AckNone deletes what was not stored yet.
type Ordered struct {
	follower
	cfg  OrderedConfig
	from uint64     // everything up to here was in hand when the present life began
	mark string     // what the descriptions of all our consumers begin with, and nobody else's
	info StreamInfo // as proved then

	warnedTwin time.Time
}

var _ Reader = (*Ordered)(nil)

// OpenOrdered proves that the stream is the one of the position, creates the consumer and begins to read after it. An error at open is
// returned and not waited out: besides those of Source.Info it is a *DivergedError, or says that the retention forbids this reader.
func OpenOrdered(ctx context.Context, src *Source, cfg OrderedConfig, at Position) (*Ordered, error) {
	if cfg.InactiveThreshold <= 0 {
		cfg.InactiveThreshold = defaultInactiveThreshold
	}
	o := &Ordered{cfg: cfg, mark: "jetcapture " + nuid.Next() + " ", follower: newFollower(src, cfg.Logger, cfg.Timing, cfg.FailWhenGone, cfg.PullBytes, at)}
	o.kind = o
	var err error
	if o.life, err = o.position(ctx); err != nil {
		return nil, err
	}
	o.began = time.Now()
	return o, nil
}

// position implements kind.
func (o *Ordered) position(ctx context.Context) (*life, error) {
	info, err := o.src.prove(ctx, &o.id, o.timing.SecondLook)
	if err != nil {
		return nil, err
	}
	if info.Retention != nats.LimitsPolicy {
		return nil, permanent{fmt.Errorf("stream %q has %v retention, which needs a durable consumer: name one", o.src.stream, info.Retention)}
	}
	start := o.id.after + 1
	if seq := o.id.anchorSeq(); seq > 0 { // what comes before after+1 proves a rollback
		start = seq + 1
	}
	consumer, err := o.create(ctx, start)
	if err != nil {
		return nil, err
	}
	if err := o.belongs(ctx, info); err != nil {
		return nil, err
	}
	o.id.created = info.Created
	o.from, o.info = o.id.after, info
	return o.listen(consumer)
}

// create makes the consumer, in place of one that a former life or a killed process has left.
func (o *Ordered) create(ctx context.Context, start uint64) (*consumerInfo, error) {
	cfg := jetstream.ConsumerConfig{
		Name:              o.cfg.Name,
		Description:       o.mark + nuid.Next(), // no two lives have equal configurations, so a left-over is never taken for a new one
		DeliverPolicy:     jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:       start,
		AckPolicy:         jetstream.AckNonePolicy,
		MaxDeliver:        -1,
		ReplayPolicy:      jetstream.ReplayInstantPolicy,
		InactiveThreshold: o.cfg.InactiveThreshold,
		Replicas:          1,
		MemoryStorage:     true,
	}
	setFilter(&cfg, o.cfg.Filter)
	info, err := o.src.createConsumer(ctx, cfg)
	if !hasCode(err, codeConsumerExists, codeConsumerNameUsed) {
		return info, err
	}
	o.warnOfTwin(ctx)
	if deleteErr := o.src.deleteConsumer(ctx, o.cfg.Name); deleteErr != nil {
		return nil, errors.Join(err, deleteErr)
	}
	return o.src.createConsumer(ctx, cfg)
}

// warnOfTwin warns when the consumer that is in the way is none of ours. At open nobody knows: it may be a left-over.
func (o *Ordered) warnOfTwin(ctx context.Context) {
	if o.began.IsZero() || time.Since(o.warnedTwin) < o.timing.Warn {
		return
	}
	if other, err := o.src.consumer(ctx, o.cfg.Name); err != nil || strings.HasPrefix(other.Config.Description, o.mark) {
		return
	}
	o.warnedTwin = time.Now()
	o.log.Warn("another process reads under the same name, and each takes the consumer away from the other: give every process its own instance name",
		"consumer", o.cfg.Name)
}

// belongs makes sure that the consumer belongs to the stream that was proved: equal creation times before and after it was created.
func (o *Ordered) belongs(ctx context.Context, proved StreamInfo) error {
	info, err := o.src.Info(ctx)
	if err != nil {
		return err
	}
	if info.Created.Equal(proved.Created) {
		return nil
	}
	o.remove(ctx)
	return &DivergedError{Stream: o.src.stream, Was: proved.Created, Is: info.Created, Info: info}
}

// listen opens the feed of the new consumer.
func (o *Ordered) listen(consumer *consumerInfo) (*life, error) {
	f, err := openFeed(o.src.nc, o.src.pullSubject(o.cfg.Name), pullLimits{
		batch: maxPullBatch, bytes: o.pullBytes, expires: o.timing.Expires, heartbeat: o.timing.Heartbeat,
	})
	if err != nil {
		return nil, err
	}
	l := newLife(f, o.id.after, o.timing.Tick)
	l.pending = consumer.NumPending
	return l, nil
}

// admit implements kind: a message at or below what was in hand is one that the stream did not have before.
func (o *Ordered) admit(ctx context.Context, b *Batch) error {
	if len(b.Messages) == 0 || b.Messages[0].Seq > o.from {
		o.askPending(ctx, o.cfg.Name, b)
		return nil
	}
	return &DivergedError{Stream: o.src.stream, Was: o.id.created, Is: o.id.created, RolledBack: true, Info: o.info}
}

// ended implements kind.
func (o *Ordered) ended(*anomaly) {}

// Check implements Reader.
func (o *Ordered) Check(ctx context.Context) error { return o.checkIdentity(ctx) }

// Ack implements Reader: there is nothing to acknowledge.
func (o *Ordered) Ack(context.Context, uint64) error { return nil }

// AcksNear reports that no cut is ever due because of acks, as there are none.
func (o *Ordered) AcksNear(time.Time) (why string, near bool) { return "", false }

// Close implements Reader.
func (o *Ordered) Close(ctx context.Context) error {
	o.drop()
	if o.src.nc.IsConnected() {
		o.remove(ctx)
	}
	return nil
}

// remove deletes the consumer if it can; else the server does it after InactiveThreshold.
func (o *Ordered) remove(ctx context.Context) {
	limited, cancel := context.WithTimeout(ctx, deleteTimeout)
	defer cancel()
	if err := o.src.deleteConsumer(limited, o.cfg.Name); err != nil {
		o.log.Debug("the consumer is left to its inactive threshold", "consumer", o.cfg.Name, "error", err)
	}
}
