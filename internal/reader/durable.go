package reader

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/jetcapture/jetcapture/internal/retry"
	"github.com/nats-io/nats.go/jetstream"
)

// standByAsks is how many answers in a row must say that nobody pulls before a reader that stands by goes on.
const standByAsks = 3

// DurableConfig configures a durable reader.
type DurableConfig struct {
	Name   string   // of the consumer
	Create bool     // create the consumer if it is missing
	Filter []string // subjects that the consumer must have; empty: the whole stream
	// length of the capture's windows; AckWait of a created consumer is at least four times that
	MaxAge time.Duration
	// Again is the stream sequence from which on the consumer delivers again, even if it has passed over some of it; 0:
	// from its ack floor on.
	Again        uint64
	Metadata     map[string]string // of a consumer that is created
	FailWhenGone bool              // Next returns ErrStreamNotFound instead of waiting for the stream
	PullBytes    int               // bytes of a pull; 0: 16 MiB, or twice the server's maximum payload if that is more
	Logger       *slog.Logger      // nil: none
	Timing       Timing
}

// ConsumerGoneError says that the durable consumer does not exist and may not be created.
type ConsumerGoneError struct {
	Stream, Consumer string
	Advice           string
}

// Error says what is missing and what to do.
func (e *ConsumerGoneError) Error() string {
	return fmt.Sprintf("consumer %q on stream %q does not exist: %s", e.Consumer, e.Stream, e.Advice)
}

// Durable reads through a durable AckExplicit consumer. Each time it positions itself it RESETs the consumer to its ack
// floor, so that everything unacknowledged comes again, once and in order. What is in hand already is recognised by its
// sequence.
//
// Another reader's RESET cannot be seen in the deliveries. It shows in the consumer's own counts, which are compared
// with ours before each cut (Check) and before each RESET of our own (proveLife).
//
// Next, Check and Close belong to one goroutine, as all fields but acks do. Ack, AcksNear and Floor may be called from
// any goroutine.
type Durable struct {
	follower
	cfg     DurableConfig
	foreign bool // the last life was ended by something that we did not cause

	consumer time.Time                // when the consumer was created; zero before the first life
	config   jetstream.ConsumerConfig // of the consumer, when the present life began
	maxAge   time.Duration            // MaxAge of the stream
	opened   uint64                   // the position that the reader was opened at
	oldDSeq  uint64                   // last consumer sequence of the life that has ended
	proofDue bool                     // what the ended life brought must be proved before the next one begins

	acks   acks
	heard  heard
	capped int // looks in a row that found MaxAckPending reached by acks that the consumer has not got
}

var _ Reader = (*Durable)(nil)

// OpenDurable binds to the consumer, or creates it, and begins to read after the position. A done record must cover
// everything up to at.After, because what comes again of that is acknowledged at once.
//
// It does not wait for errors to go away. Besides those of Source.Info it returns *DivergedError, *UnsuitableError and
// *ConsumerGoneError. While another reader pulls from the consumer, Next stands by.
func OpenDurable(ctx context.Context, src *Source, cfg DurableConfig, at Position) (*Durable, error) {
	d := &Durable{cfg: cfg, follower: newFollower(src, cfg.Logger, cfg.Timing, cfg.FailWhenGone, cfg.PullBytes, at)}
	d.kind, d.heard.warned.Every = d, d.timing.Warn
	d.log = d.log.With("consumer", cfg.Name)
	d.acks.to, d.opened = at.After, at.After
	info, err := d.src.prove(ctx, &d.id, d.timing.SecondLook)
	if err != nil {
		return nil, err
	}
	consumer, err := d.bind(ctx, info)
	if err != nil {
		return nil, err
	}
	if consumer.Waiting > 0 { // Next takes the position: it may have to wait for long
		return d, nil
	}
	if d.life, err = d.position(ctx); err != nil {
		return nil, err
	}
	d.began = time.Now()
	return d, nil
}

// position implements kind.
func (d *Durable) position(ctx context.Context) (*life, error) {
	info, err := d.src.prove(ctx, &d.id, d.timing.SecondLook)
	if err != nil {
		return nil, err
	}
	consumer, err := d.bind(ctx, info)
	if err != nil {
		return nil, err
	}
	if err := d.proveLife(ctx, consumer); err != nil {
		return nil, err
	}
	if err := d.standBy(ctx, consumer); err != nil {
		return nil, err
	}
	if err := d.awaitReplicas(ctx, consumer); err != nil {
		return nil, err
	}
	d.tellPause(consumer)
	d.id.created, d.consumer, d.config = info.Created, consumer.Created, consumer.Config
	d.retention, d.maxAge = info.Retention, info.MaxAge
	return d.reset(ctx, consumer.Config)
}

// bind looks up the consumer, creates it if that is allowed, and refuses one that does not fit.
func (d *Durable) bind(ctx context.Context, info StreamInfo) (*consumerInfo, error) {
	if err := d.src.checkReset(info.Server); err != nil {
		return nil, err
	}
	consumer, err := d.src.consumer(ctx, d.cfg.Name)
	if hasCode(err, codeConsumerNotFound) {
		consumer, err = d.create(ctx, info)
	}
	if err != nil {
		return nil, err
	}
	if err := d.cfg.unsuitable(consumer.Config, info); err != nil {
		return nil, permanent{err}
	}
	return consumer, nil
}

// standBy leaves the consumer to another live reader until that is gone.
func (d *Durable) standBy(ctx context.Context, consumer *consumerInfo) error {
	if consumer.Waiting == 0 && !d.foreign {
		return nil
	}
	d.log.Warn("standing by: another reader seems to pull from the consumer", "num_waiting", consumer.Waiting)
	for idle := 0; idle < standByAsks; {
		if err := retry.Pause(ctx, d.timing.StandBy/2+rand.N(d.timing.StandBy)); err != nil {
			return err
		}
		info, err := d.src.consumer(ctx, d.cfg.Name)
		if err != nil {
			return err
		}
		if idle++; info.Waiting > 0 {
			idle = 0
		}
	}
	d.foreign = false
	return nil
}

// reset begins a new life. It opens a fresh inbox first, so that nothing of the new life is missed and nothing of the
// old one arrives.
func (d *Durable) reset(ctx context.Context, cfg jetstream.ConsumerConfig) (*life, error) {
	f, err := openFeed(d.src.nc, d.src.pullSubject(d.cfg.Name), d.limits(cfg), d.src.room)
	if err != nil {
		return nil, err
	}
	consumer, err := d.src.resetConsumer(ctx, d.cfg.Name, d.cfg.Again)
	if err == nil {
		err = d.sameStream(ctx)
	}
	if err != nil {
		f.close()
		return nil, err
	}
	d.cfg.Again = 0
	l := newLife(f, d.through, d.timing.Tick)
	l.consumer, l.pending, l.filter = d.cfg.Name, consumer.NumPending, d.cfg.Filter
	d.acks.begin(consumer.AckFloor.Stream, cfg)
	return l, nil
}

// sameStream returns an error unless the stream is still the one that was proved before the RESET.
func (d *Durable) sameStream(ctx context.Context) error {
	info, err := d.src.Info(ctx)
	if err != nil || info.Created.Equal(d.id.created) {
		return err
	}
	return &DivergedError{Stream: d.src.stream, Was: d.id.created, Is: info.Created, Info: info}
}

// limits returns the limits of a pull, within what the consumer allows.
func (d *Durable) limits(cfg jetstream.ConsumerConfig) pullLimits {
	return clampPull(cfg, pullLimits{
		batch: maxPullBatch, bytes: d.pullBytes, expires: d.timing.Expires, heartbeat: d.timing.Heartbeat,
	})
}

// clampPull lowers the limits of a pull to those of the consumer's configuration. The server refuses pulls that exceed
// them.
func clampPull(cfg jetstream.ConsumerConfig, p pullLimits) pullLimits {
	if n := cfg.MaxRequestBatch; n > 0 {
		p.batch = min(p.batch, n)
	}
	if n := cfg.MaxRequestMaxBytes; n > 0 {
		p.bytes, p.maxBytes = min(p.bytes, n), n
	}
	if t := cfg.MaxRequestExpires; t > 0 && t < p.expires {
		p.expires = t
		p.heartbeat = min(p.heartbeat, t/2)
	}
	return p
}

// admit implements kind. It enters every delivery in the ledger, and takes out of the batch what is in hand already.
func (d *Durable) admit(ctx context.Context, b *Batch) error {
	d.askPending(ctx, d.cfg.Name, b)
	if !d.acks.add(b.Messages, d.life.parser.prefix) {
		d.life.broken = &anomaly{reason: "the reply subjects of the messages changed their form"}
		*b = Batch{}
		return nil
	}
	i := 0
	for i < len(b.Messages) && b.Messages[i].Seq <= d.through {
		i++
	}
	if i == 0 {
		return nil
	}
	if d.grownPast(b.Messages[i-1].Seq) {
		info, _ := d.src.Info(ctx) // only for the text: an error here must not drop the batch
		return &DivergedError{
			Stream: d.src.stream, Was: d.id.created, Is: d.id.created, RolledBack: true, Info: info,
		}
	}
	if seq := d.acks.unknown(b.Messages[:i]); seq != 0 {
		return d.disturbed(fmt.Sprintf("stream sequence %d comes again and was not in hand", seq))
	}
	b.Messages = b.Messages[i:]
	if !d.acks.due() {
		return nil
	}
	if _, err := d.sendAcks(false); err != nil { // a done record covers them already
		d.life.broken = &anomaly{reason: err.Error()}
	}
	return nil
}

// grownPast reports whether a message in the first life proves that the stream was rolled back and has grown past our
// position since: after the anchor, which was the last message up to the position, there was none before.
func (d *Durable) grownPast(seq uint64) bool {
	return d.acks.first() && d.id.anchor.Seq > 0 && seq > d.id.anchor.Seq && seq <= d.opened
}

// ended implements kind.
func (d *Durable) ended(why *anomaly) {
	ours := d.acks.overdue(time.Now()) || d.src.nc.Stats().Reconnects != d.life.reconnects
	d.foreign = why.foreign && !ours
	d.oldDSeq, d.proofDue = d.life.dseq, true
}

// stalled implements kind. A consumer that has reached MaxAckPending, though we have acknowledged everything, does not
// get the acks. Nothing comes until that is mended.
func (d *Durable) stalled(info *consumerInfo) error {
	limit := info.Config.MaxAckPending
	if info.Paused || limit <= 0 || info.AckPending < limit || d.acks.open() > 0 {
		d.capped = 0
		return d.follower.stalled(info)
	}
	err := d.heard.unheard(d.src)
	if err == nil {
		return d.follower.stalled(info)
	}
	if d.capped++; d.failWhenGone && d.capped >= givenUpLooks {
		return permanent{err}
	}
	if d.still.warned.Ready(time.Now()) {
		d.log.Warn("reading does not get on", "error", err, "max_ack_pending", limit, "pending", info.NumPending)
	}
	return nil
}

// Close implements Reader. The consumer stays.
func (d *Durable) Close(context.Context) error {
	d.drop()
	return nil
}
