package reader

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// SharedConfig configures a shared reader.
type SharedConfig struct {
	Name   string   // of the consumer
	Create bool     // create the consumer if it is missing
	Filter []string // subjects of a consumer that is created
	// length of the capture's windows; AckWait of a created consumer is at least four times that
	MaxAge       time.Duration
	Created      time.Time    // when the stream was created; zero: any time
	FailWhenGone bool         // Next returns ErrStreamNotFound instead of waiting for the stream
	PullBytes    int          // bytes of a pull; 0: 16 MiB, or twice the server's maximum payload if that is more
	Logger       *slog.Logger // nil: none
	Timing       Timing
}

// Shared reads through a durable consumer that others may read from, too. It hands over whatever is delivered,
// including redeliveries, and proves nothing: Batch.Through is 0. It accepts the consumer's settings as they are.
// Messages are acknowledged by their reply subjects.
//
// Next, Check and Close belong to one goroutine, as all fields but pending do. AckReplies and AcksNear may be called
// from any goroutine.
type Shared struct {
	follower
	cfg     SharedConfig
	pending outstanding
	heard   heard
}

var _ Reader = (*Shared)(nil)

// OpenShared binds to the consumer, or creates it. With *UnsuitableError it refuses only a consumer that cannot work:
// one that pushes, or whose acks mean something else. With *DivergedError it refuses a stream that was created at
// another time than cfg.Created; Next returns that error if the stream is recreated later. It does not wait for errors
// to go away.
func OpenShared(ctx context.Context, src *Source, cfg SharedConfig) (*Shared, error) {
	at := Position{Created: cfg.Created}
	s := &Shared{cfg: cfg, follower: newFollower(src, cfg.Logger, cfg.Timing, cfg.FailWhenGone, cfg.PullBytes, at)}
	s.kind, s.heard.warned.Every = s, s.timing.Warn
	s.log = s.log.With("consumer", cfg.Name)
	var err error
	if s.life, err = s.position(ctx); err != nil {
		return nil, err
	}
	s.began = time.Now()
	return s, nil
}

// position implements kind.
func (s *Shared) position(ctx context.Context) (*life, error) {
	if err := s.sameStream(ctx); err != nil { // first, so that a missing stream is not taken for a missing consumer
		return nil, err
	}
	consumer, err := s.src.consumer(ctx, s.cfg.Name)
	if hasCode(err, codeConsumerNotFound) {
		consumer, err = s.create(ctx)
	}
	if err != nil {
		return nil, err
	}
	if reasons := checkShared(consumer.Config); len(reasons) > 0 {
		return nil, permanent{&UnsuitableError{Stream: s.src.stream, Consumer: s.cfg.Name, Reasons: reasons}}
	}
	f, err := openFeed(s.src.nc, s.src.pullSubject(s.cfg.Name), clampPull(consumer.Config, pullLimits{
		batch: maxPullBatch, bytes: s.pullBytes, expires: s.timing.Expires, heartbeat: s.timing.Heartbeat,
	}), s.src.room)
	if err != nil {
		return nil, err
	}
	l := newLife(f, 0, s.timing.Tick)
	l.shared, l.consumer, l.pending = true, s.cfg.Name, consumer.NumPending
	s.tellPause(consumer)
	s.pending.limits(consumer.Config)
	if l.pending == 0 {
		s.queue = append(s.queue, batch{}) // nothing to wait for
	}
	return l, nil
}

// sameStream returns an error unless the stream is the one that was read so far. The sequences of another stream would
// seem to be in hand already.
func (s *Shared) sameStream(ctx context.Context) error {
	info, err := s.src.Info(ctx)
	if err != nil {
		return err
	}
	s.retention = info.Retention
	if s.id.created.IsZero() {
		s.id.created = info.Created
	}
	if info.Created.Equal(s.id.created) {
		return nil
	}
	return &DivergedError{Stream: s.src.stream, Was: s.id.created, Is: info.Created, Info: info}
}

// create creates the missing consumer.
func (s *Shared) create(ctx context.Context) (*consumerInfo, error) {
	if !s.cfg.Create {
		return nil, permanent{&ConsumerGoneError{
			Stream: s.src.stream, Consumer: s.cfg.Name,
			Advice: "create it, or allow the capture to create it",
		}}
	}
	return s.src.createDurable(ctx, durableConsumer(s.cfg.Name, s.cfg.Filter, s.cfg.MaxAge))
}

// checkShared returns all reasons why a consumer cannot work at all.
func checkShared(cfg jetstream.ConsumerConfig) []string {
	var reasons []string
	if cfg.DeliverSubject != "" {
		reasons = append(reasons, fmt.Sprintf("it is a push consumer (deliver_subject %q)", cfg.DeliverSubject))
	}
	if cfg.AckPolicy != jetstream.AckExplicitPolicy {
		reasons = append(reasons, fmt.Sprintf("its ack policy is %v, not explicit", cfg.AckPolicy))
	}
	return reasons
}

// admit implements kind.
func (s *Shared) admit(ctx context.Context, b *Batch) error {
	b.Through = 0
	s.pending.delivered(b.Messages, time.Now())
	s.askPending(ctx, s.cfg.Name, b)
	return nil
}

// ended implements kind.
func (s *Shared) ended(*anomaly) {}

// Check implements Reader. There is nothing to prove.
func (s *Shared) Check(context.Context) error { return nil }

// Ack implements Reader. It does nothing, because it is not known which messages below a sequence went to others. See
// AckReplies.
func (s *Shared) Ack(context.Context, uint64) error { return nil }

// AckReplies acknowledges the messages with these reply subjects (Msg.Reply): plain acks, the last one confirmed. A
// missing confirmation is not an error, because the message comes again. It may run beside Next.
func (s *Shared) AckReplies(ctx context.Context, replies []string) error {
	if len(replies) == 0 {
		return nil
	}
	s.pending.acked(replies)
	last := len(replies) - 1
	if err := publishAcks(s.src.nc, replies[:last]); err != nil {
		return err
	}
	err := s.src.confirmedAck(ctx, replies[last])
	return s.heard.confirmed(ctx, s.src, s.log, replies[last], err)
}

// Unheard returns an error if acks do not reach the consumer. It may be called from any goroutine.
func (s *Shared) Unheard() error { return s.heard.unheard(s.src) }

// AckAgain sends the ack again because of which Unheard has returned an error, see Durable.AckAgain.
func (s *Shared) AckAgain(ctx context.Context) error { return s.heard.again(ctx, s.src) }

// AcksNear reports whether a cut is due because of the consumer's settings, see Durable.AcksNear. It may be called from
// any goroutine.
func (s *Shared) AcksNear(now time.Time) (why string, near bool) { return s.pending.near(now) }

// Unacked is that of Durable. It may be called from any goroutine.
func (s *Shared) Unacked() (n, limit int) { return s.pending.unacked() }

// Close implements Reader. The consumer stays.
func (s *Shared) Close(context.Context) error {
	s.drop()
	return nil
}
