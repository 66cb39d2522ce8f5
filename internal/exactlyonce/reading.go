package exactlyonce

import (
	"context"
	"errors"
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/capture"
	"github.com/jetcapture/jetcapture/internal/engine"
	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/jetcapture/jetcapture/internal/retry"
)

// streamReader is the reader of a stream for an archive: *reader.Ordered or *reader.Durable.
type streamReader interface {
	reader.Reader
	AcksNear(now time.Time) (setting string, near bool)
	Unacked() (n, limit int)
}

// reading is the capture.Reading of an archive.
type reading struct {
	streamReader
	k     *Keeper
	floor func() uint64 // ack floor of a durable consumer; 0 with an ephemeral one
	acks  acknowledger  // the durable reader; nil with an ephemeral consumer
	passed
	copy *copyReader // the reader, if the messages come from an archive; otherwise nil

	// The last Check sets these for the Commit that follows. There is no other Check before that Commit has ended.
	checked   engine.StreamFacts
	witnessed engine.Witness
	designed  lossByDesign
}

// acknowledger is what a durable reader knows about its acks.
type acknowledger interface {
	Unheard() error
	AckAgain(ctx context.Context) error
}

// newReading returns a reading without a reader, and without a durable consumer.
func newReading(k *Keeper) *reading {
	return &reading{k: k, floor: func() uint64 { return 0 }}
}

// openReading starts to read after a position for the loop.
func (k *Keeper) openReading(ctx context.Context, at reader.Position) (*reading, error) {
	rd := newReading(k)
	if k.cfg.Consumer == "" {
		return rd, rd.openOrdered(ctx, at)
	}
	cfg := k.durableConfig()
	if k.doubt.times > 0 {
		cfg.Again = at.After + 1
	}
	if k.again > 0 { // it is lower
		cfg.Again = k.again
	}
	durable, err := reader.OpenDurable(ctx, k.run.Source, cfg, at)
	if err != nil {
		return nil, err
	}
	k.again = 0
	rd.streamReader, rd.floor, rd.acks = durable, durable.Floor, durable
	return rd, nil
}

// openOrdered starts to read through an ephemeral consumer. A new one may be served by another replica, so it may
// deliver what the one before has passed over. What two of them have passed over is read without a consumer.
func (rd *reading) openOrdered(ctx context.Context, at reader.Position) error {
	k, after := rd.k, at.After
	direct := k.doubt.times > 1 && k.doubt.through > after
	if direct {
		var err error
		if at, err = k.beyondDoubt(ctx, at); err != nil {
			return err
		}
	}
	ordered, err := k.stream.openOrdered(ctx, k.orderedConfig(), at)
	if err != nil {
		return err
	}
	rd.streamReader = ordered
	rd.copy, _ = ordered.(*copyReader)
	if direct {
		stored := reader.OpenStored(k.stream, k.cfg.Filter, after, k.doubt.through)
		rd.streamReader = &doubted{streamReader: ordered, stored: stored}
	}
	return nil
}

// openReader starts to read after a position for a redo, which does not need the ack floor.
func (k *Keeper) openReader(ctx context.Context, at reader.Position) (streamReader, error) {
	if k.cfg.Consumer == "" {
		return k.stream.openOrdered(ctx, k.orderedConfig(), at)
	}
	return reader.OpenDurable(ctx, k.run.Source, k.durableConfig(), at)
}

// position returns where to go on after the sequence after. The plan's anchor proves that the stream is still the same.
func position(after uint64, p *cutlog.Plan) reader.Position {
	a := reader.Anchor{Seq: p.Anchor.Seq, Time: p.Anchor.Time, Subject: string(p.Anchor.Subject)}
	return reader.Position{After: after, Created: p.Stream.Created, Anchor: a}
}

// ephemeral returns the name of this instance's ephemeral consumer.
func (k *Keeper) ephemeral() string { return ConsumerName(k.writer.Capture, k.writer.Me.Instance) }

// metadata says in the list of the server's consumers whose a consumer is.
func (k *Keeper) metadata() map[string]string {
	return map[string]string{
		"jetcapture.capture":  k.writer.Capture,
		"jetcapture.instance": k.writer.Me.Instance,
		"jetcapture.output":   k.cfg.Bucket.String(), // without credentials
	}
}

// orderedConfig configures the reader with an ephemeral consumer.
func (k *Keeper) orderedConfig() reader.OrderedConfig {
	return reader.OrderedConfig{
		Name: k.ephemeral(), Filter: k.cfg.Filter, Logger: k.run.Config.Logger, PullBytes: k.run.PullBytes(),
		FailWhenGone: k.run.Config.Once, Timing: reader.Timing{SecondLook: k.cfg.SecondLook}, Metadata: k.metadata(),
	}
}

// durableConfig configures the reader with the durable consumer.
func (k *Keeper) durableConfig() reader.DurableConfig {
	return reader.DurableConfig{
		Name: k.cfg.Consumer, Create: k.cfg.CreateIt, Filter: k.cfg.Filter, MaxAge: k.run.Config.MaxAge,
		Logger: k.run.Config.Logger, PullBytes: k.run.PullBytes(), FailWhenGone: k.run.Config.Once,
		Timing: reader.Timing{SecondLook: k.cfg.SecondLook}, Metadata: k.metadata(),
	}
}

// Close implements reader.Reader. A capture that ends although acks do not reach the consumer has an error.
func (rd *reading) Close(ctx context.Context) error {
	return errors.Join(rd.streamReader.Close(ctx), rd.unheard(ctx))
}

// unheard returns an error if acks do not reach the durable consumer. Before it says so, it looks at the consumer, and
// sends the last ack again: one alone may have got lost with a leader. While the server cannot be asked, nothing is
// known. The goroutine of Run.Live calls it when no cut is being stored.
func (rd *reading) unheard(ctx context.Context) error {
	if rd.acks == nil {
		return nil
	}
	unheard := rd.acks.Unheard()
	if unheard == nil {
		return nil
	}
	if rd.owesAcks(ctx) && rd.acks.AckAgain(ctx) != nil {
		return unheard
	}
	return nil
}

// owesAcks reports whether the durable consumer certainly lacks acks of what is stored, and may get them.
func (rd *reading) owesAcks(ctx context.Context) bool {
	done, err := reader.Acknowledged(ctx, rd.k.run.Source, rd.k.cfg.Consumer, rd.k.writer.Head.Plan.To)
	if done || err != nil {
		return false
	}
	same, err := rd.k.entry.MayAck(ctx)
	return same && err == nil
}

// Ordered implements capture.Reading.
func (*reading) Ordered() bool { return true }

// Repeated implements capture.Reading. These readers deliver each message once.
func (*reading) Repeated(*reader.Message) bool { return false }

// Bound implements capture.Reading.
func (*reading) Bound() {}

// Detach implements capture.Reading. Nothing is noted per message, so nothing changes hands.
func (*reading) Detach() {}

// Check implements capture.Reading. Beside the reader it asks for the state of the stream, which the plan keeps.
func (rd *reading) Check(ctx context.Context, c *engine.Cut) error {
	if rd.copy != nil {
		return nil // Commit asks for everything
	}
	if err := rd.streamReader.Check(ctx); err != nil {
		return err
	}
	info, err := rd.k.stream.Info(ctx)
	if err != nil {
		return err
	}
	rd.k.run.Observer.Observe(capture.StreamSeen{Info: info})
	rd.checked, rd.designed = rd.k.streamFacts(info), lossesByDesign(info)
	rd.witnessed = engine.Witness{Floor: rd.floor(), Never: rd.never}
	return rd.witness(ctx, c, info)
}

// Commit implements capture.Reading. engine.Entry.Commit makes the steps: plan, files, done, ack.
func (rd *reading) Commit(ctx context.Context, s *capture.Sealed) (capture.Committed, error) {
	k := rd.k
	checked := engine.Checked{
		Reason: s.Reason, Stream: rd.checked, Witness: rd.witnessed, Notes: k.notes,
	}
	checked.Unproved = s.Reason == cutlog.ReasonDiverged
	if rd.copy != nil {
		var err error
		if checked, err = rd.copy.account(ctx, s.Cut, k.writer.Head.Plan); err != nil {
			return capture.Committed{}, err
		}
		checked.Reason = s.Reason
	}
	done, err := k.entry.Commit(ctx, s.Cut, checked, &delivery{rd, s})
	if err != nil {
		return capture.Committed{}, err
	}
	switch done.Outcome {
	case engine.Beaten:
		k.run.Observer.Observe(capture.CutLost{})
		return capture.Committed{Behind: errBeaten}, nil
	case engine.Overtaken:
		return capture.Committed{Behind: engine.ErrOvertaken}, nil
	}
	k.notes = nil // the plan has them
	k.lostByPlan(done.Cut.Plan, rd.designed)
	k.absentByPlan(done.Cut.Plan)
	k.lostAtRedo(done.Cut)
	if done.Unacked != nil && ctx.Err() == nil {
		k.run.Observer.Observe(capture.Unacknowledged{To: done.Cut.Plan.To, Err: done.Unacked})
	}
	return capture.Committed{Done: cutDone(done.Cut.Plan, done.Cut.Done)}, nil
}

// errBeaten says that another writer's plan got the number of ours.
var errBeaten = errors.New("another writer was first")

// delivery gives engine.Entry.Commit the files and the acks of one cut.
type delivery struct {
	rd  *reading
	cut *capture.Sealed
}

// Content implements engine.Delivery.
func (d *delivery) Content(b *engine.Block) engine.Content { return d.cut.File(b).Sealed }

// OwesAcks implements engine.Delivery. If the stream is gone, there is nothing left to acknowledge.
func (d *delivery) OwesAcks(ctx context.Context) bool {
	if d.rd.k.cfg.Consumer == "" {
		return false
	}
	_, err := d.rd.k.stream.Info(ctx)
	return !errors.Is(err, reader.ErrStreamNotFound)
}

// Ack implements engine.Delivery. It acknowledges everything up to a sequence.
func (d *delivery) Ack(ctx context.Context, to uint64) error { return d.rd.Ack(ctx, to) }

const (
	settleTimeout = 5 * time.Second       // for acks that an earlier run owes
	settleEvery   = 20 * time.Millisecond // between two looks at the consumer
)

// Settle implements capture.Reading. An earlier run may have stored messages and died before it acknowledged them. They
// are delivered again, and the reader acknowledges them if it gets the time. Otherwise they would stay in a work queue.
// That is only reported, because everything is stored, unless acks do not reach the consumer.
func (rd *reading) Settle(ctx context.Context) error {
	k := rd.k
	if k.cfg.Consumer == "" {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	for {
		to := k.writer.Head.Plan.To
		ok, err := reader.Acknowledged(limited, k.run.Source, k.cfg.Consumer, to)
		if ok || ctx.Err() != nil {
			return nil
		}
		if paused := retry.Pause(limited, settleEvery); paused != nil {
			if unheard := rd.unheard(ctx); unheard != nil {
				return unheard
			}
			k.run.Observer.Observe(capture.Unsettled{To: to, Err: err})
			return nil
		}
	}
}
