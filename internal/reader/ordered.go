package reader

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/jetcapture/jetcapture/internal/retry"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"
)

const (
	defaultInactiveThreshold = time.Minute
	// watchTimeout bounds the question whether somebody has edited the consumer, which the user may not be permitted to
	// ask.
	watchTimeout = time.Second
	// mostWatchPause is the longest time without that question.
	mostWatchPause = time.Hour
)

// OrderedConfig configures an ordered reader.
type OrderedConfig struct {
	Name              string            // of the consumer; no two readers of a stream may use one name at the same time
	Filter            []string          // subjects; empty: the whole stream
	FailWhenGone      bool              // Next returns ErrStreamNotFound instead of waiting for the stream
	PullBytes         int               // bytes of a pull; 0: 16 MiB, or twice the server's maximum payload if more
	InactiveThreshold time.Duration     // the server deletes the consumer of a dead reader after this time; 0: 1 min
	Metadata          map[string]string // of the consumer
	Logger            *slog.Logger      // nil: none
	Timing            Timing
}

// Ordered reads through an ephemeral AckNone consumer of its own, which it creates again each time it positions itself.
// It is for streams with Limits retention only: on others AckNone deletes what is not stored yet.
//
// Its methods and fields belong to one goroutine, except that Ack and AcksNear may be called from any.
type Ordered struct {
	follower
	cfg  OrderedConfig
	made *consumerInfo // the consumer of the present life, as the server made it
	from uint64        // everything up to here was in hand when the present life began
	next uint64        // where its consumer begins: at the message after the newest anchor
	info StreamInfo    // of the stream that was proved then
	mark string        // the descriptions of all consumers of this reader begin with it, and no others do

	warnedTwin    retry.Limiter
	warnedForeign retry.Limiter
	undeleted     bool // we may not delete consumers, so they are left to the server

	// The consumer could not be asked whether it was edited, and is asked again then.
	watchAgain time.Time
	watchPause time.Duration // 0: it has answered
}

var _ Reader = (*Ordered)(nil)

// OpenOrdered proves that the stream is the one of the position, creates the consumer, and begins to read after the
// position. It does not wait for errors to go away. Besides those of Source.Info it returns *DivergedError, and an
// error if the retention forbids this reader.
func OpenOrdered(ctx context.Context, src *Source, cfg OrderedConfig, at Position) (*Ordered, error) {
	if cfg.InactiveThreshold <= 0 {
		cfg.InactiveThreshold = defaultInactiveThreshold
	}
	o := &Ordered{
		follower: newFollower(src, cfg.Logger, cfg.Timing, cfg.FailWhenGone, cfg.PullBytes, at),
		cfg:      cfg, mark: "jetcapture " + nuid.Next() + " ",
	}
	o.kind, o.warnedTwin.Every, o.warnedForeign.Every = o, o.timing.Warn, o.timing.Warn
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
		return nil, permanent{&RetentionError{o.src.stream, info.Retention}}
	}
	o.retention, o.ackless = info.Retention, true
	o.next = o.id.after + 1
	if seq := o.id.anchorSeq(); seq > 0 { // a message before after+1 proves a rollback
		o.next = seq + 1
	}
	if o.made, err = o.create(ctx, o.next, info.ConsumerLimits); err != nil {
		return nil, err
	}
	if err := o.belongs(ctx, info); err != nil {
		return nil, err
	}
	o.id.created = info.Created
	o.from, o.info = o.id.after, info
	return o.listen(o.made)
}

// belongs returns an error unless the consumer belongs to the stream that was proved, which has the same creation time
// before and after the consumer was created.
func (o *Ordered) belongs(ctx context.Context, proved StreamInfo) error {
	info, err := o.src.Info(ctx)
	if err != nil {
		return err
	}
	if info.Created.Equal(proved.Created) {
		return nil
	}
	o.remove(ctx, o.made.Config.Name)
	return &DivergedError{Stream: o.src.stream, Was: proved.Created, Is: info.Created, Info: info}
}

// listen opens the feed of the new consumer.
func (o *Ordered) listen(consumer *consumerInfo) (*life, error) {
	f, err := openFeed(o.src.nc, o.src.pullSubject(o.made.Config.Name), clampPull(consumer.Config, pullLimits{
		batch: maxPullBatch, bytes: o.pullBytes, expires: o.timing.Expires, heartbeat: o.timing.Heartbeat,
	}), o.src.room)
	if err != nil {
		return nil, err
	}
	l := newLife(f, o.id.after, o.timing.Tick)
	l.consumer = consumer.Config.Name
	l.pending, l.filter, l.lenient = consumer.NumPending, o.cfg.Filter, true
	return l, nil
}

// admit implements kind. A message at or below what was in hand is one that the stream did not have before: it was
// rolled back. One from before the beginning of the consumer proves nothing, if there is an anchor that says more. It
// comes from an earlier consumer of this name: for a moment, a server that has just started knows those that were
// deleted meanwhile.
func (o *Ordered) admit(ctx context.Context, b *Batch) error {
	if o.life.foreign > 0 && !o.filtersItself() && o.warnedForeign.Ready(time.Now()) {
		o.log.Warn("the server delivers subjects that the filter does not match, they are left out: update nats-server",
			"server", o.src.Server(), "messages", o.life.foreign)
	}
	if len(b.Messages) == 0 || b.Messages[0].Seq > o.from {
		o.askPending(ctx, o.made.Config.Name, b)
		return nil
	}
	if seq := b.Messages[0].Seq; seq < o.next && o.id.anchorSeq() > 0 {
		*b = Batch{}
		o.life.broken = &anomaly{reason: fmt.Sprintf("sequence %d came from a consumer that begins at %d", seq, o.next)}
		return nil
	}
	return &DivergedError{Stream: o.src.stream, Was: o.id.created, Is: o.id.created, RolledBack: true, Info: o.info}
}

// ended implements kind.
func (o *Ordered) ended(*anomaly) {}

// stalled implements kind. A consumer of ours that somebody has paused is replaced.
func (o *Ordered) stalled(info *consumerInfo) error {
	if info.Paused {
		o.life.broken = &anomaly{reason: "somebody has paused the consumer"}
		return nil
	}
	return o.follower.stalled(info)
}

// Check implements Reader. Besides the stream it looks at the consumer: nobody but us should have changed it.
func (o *Ordered) Check(ctx context.Context) error {
	if err := o.checkIdentity(ctx); err != nil {
		return err
	}
	if o.life == nil || time.Now().Before(o.watchAgain) { // it ended, and the next one has not begun; or nobody can ask
		return nil
	}
	asked, cancel := context.WithTimeout(ctx, watchTimeout)
	defer cancel()
	is, err := o.src.consumer(asked, o.made.Config.Name)
	if hasCode(err, codeConsumerNotFound) { // with its server, perhaps: what it delivered until then was held to the rule
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil { // the stream has just answered, so it is this request that gets no answer
		o.unwatched(err)
		return nil
	}
	o.watchPause = 0
	changes := edits(o.made.Config, is.Config)
	if !is.Created.Equal(o.made.Created) {
		changes = append(changes, "it was deleted and created again")
	}
	if len(changes) > 0 {
		return o.disturbed("somebody edited it: " + strings.Join(changes, "; "))
	}
	return nil
}

// unwatched takes that the consumer cannot be asked. It has one replica, whose server may be away for a while. Or the
// user may not ask, which looks the same: so that no cut waits for an answer for nothing, pauses get longer.
func (o *Ordered) unwatched(err error) {
	if o.watchPause == 0 {
		o.log.Warn("the consumer cannot be asked whether somebody has edited it, it is asked again later: if that stays so, "+
			"give the user the permission for CONSUMER.INFO", "error", err)
	}
	o.watchPause = min(max(2*o.watchPause, o.timing.Watch), mostWatchPause)
	o.watchAgain = time.Now().Add(o.watchPause)
}

// Ack implements Reader. There is nothing to acknowledge.
func (o *Ordered) Ack(context.Context, uint64) error { return nil }

// AcksNear reports that no cut is ever due because of acks, as there are none.
func (o *Ordered) AcksNear(time.Time) (why string, near bool) { return "", false }

// Unacked returns nothing, as there are no acks.
func (o *Ordered) Unacked() (n, limit int) { return 0, 0 }

// Close implements Reader.
func (o *Ordered) Close(ctx context.Context) error {
	o.drop()
	// Deleting the last consumer of an interest stream deletes the messages.
	if o.src.nc.IsConnected() && o.made != nil && o.retention == nats.LimitsPolicy {
		o.remove(ctx, o.made.Config.Name)
	}
	return nil
}
