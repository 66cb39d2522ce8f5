package reader

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jetcapture/jetcapture/internal/retry"
	"github.com/nats-io/nats.go"
)

// counts is what the consumer must look like by our own bookkeeping of a life. It is a range, because acks may be under
// way.
type counts struct {
	confirmed, sent uint64 // acknowledged messages: at least, at most
	confSeq         uint64 // stream sequence of the last message whose ack is confirmed
	next            uint64 // stream sequence of the first message whose ack is not sent; 0: none
}

// counts returns the present counts.
func (a *acks) counts() counts {
	a.mu.Lock()
	defer a.mu.Unlock()
	c := counts{confirmed: a.confirmed, sent: a.sent, confSeq: a.confSeq}
	if a.ledger != nil {
		if e, ok := a.ledger.first(); ok {
			c.next = e.sseq
		}
	}
	return c
}

// over widens c, which was taken before a request, by the counts after it.
func (c counts) over(after counts) counts {
	c.sent, c.next = after.sent, after.next
	return c
}

// Check implements Reader. It proves that the stream is the same, and that the consumer stands where our own deliveries
// and acks since our last RESET have brought it. A RESET or an ack of another process shows here.
func (d *Durable) Check(ctx context.Context) error {
	if d.stuck != nil {
		return d.stuck
	}
	if err := d.checkIdentity(ctx); err != nil {
		return err
	}
	for {
		if d.life == nil { // begin proves what the last life brought
			if err := d.begin(ctx); err != nil {
				return err
			}
		}
		if err := d.settle(ctx); err != nil {
			return err
		}
		if d.life != nil {
			return d.checkLife(ctx)
		}
	}
}

// settle takes what has arrived, and ends the life if it is broken.
func (d *Durable) settle(ctx context.Context) error {
	now := time.Now()
	if err := d.take(ctx, d.life.drain(nil, now)); err != nil {
		return d.stop(err)
	}
	if d.life.broken == nil {
		d.life.broken = d.life.trouble(now)
	}
	if why := d.life.broken; why != nil {
		return d.end(why)
	}
	return nil
}

// checkLife compares the consumer's counts with ours. First it waits until everything has arrived that the consumer
// says it has delivered.
func (d *Durable) checkLife(ctx context.Context) error {
	own, asked := d.acks.counts(), d.life.dseq
	consumer, err := d.src.consumer(ctx, d.cfg.Name)
	if err != nil {
		return err
	}
	own = own.over(d.acks.counts())
	if changes := edits(d.config, consumer.Config); len(changes) > 0 {
		return d.disturbed("somebody edited it: " + strings.Join(changes, "; "))
	}
	d.acks.limit(consumer.Config)
	began := d.life
	for d.life == began && d.life.dseq < consumer.Delivered.Consumer {
		if err := d.step(ctx); err != nil {
			return err
		}
	}
	if d.life != began {
		return fmt.Errorf("check consumer %q: the reader positions itself again, another check will tell", d.cfg.Name)
	}
	differs, err := d.compare(ctx, consumer, own, max(asked, consumer.Delivered.Consumer))
	if err == nil && differs == forgetful {
		return d.end(&anomaly{reason: "confirmed acks were forgotten"})
	}
	return err
}

// differingAsks is how many times in a row the consumer must differ from our counts before it counts as moved.
const differingAsks = 3

// proveLife does what checkLife does for a life that has ended, before the next one begins. Only then is what it
// brought in hand.
func (d *Durable) proveLife(ctx context.Context, consumer *consumerInfo) error {
	if !d.consumer.IsZero() && !consumer.Created.Equal(d.consumer) {
		return d.disturbed("it was deleted and created again")
	}
	if !d.proofDue {
		return nil
	}
	if _, err := d.compare(ctx, consumer, d.acks.counts(), d.oldDSeq); err != nil {
		return err
	}
	d.proofDue = false
	return nil
}

// compare compares the consumer's counts with ours. A difference that lasts makes it return ErrDisturbed; it asks
// several times, because a server that has just become the consumer's leader may not have caught up. A consumer that
// has only forgotten acks is as good as before once it is RESET.
func (d *Durable) compare(ctx context.Context, consumer *consumerInfo, own counts, have uint64) (difference, error) {
	for asks := 1; ; asks++ {
		differs, why, err := d.compareCounts(ctx, consumer, own, have)
		switch {
		case err != nil || differs == same:
			return differs, err
		case asks == differingAsks && differs == moved:
			return moved, d.disturbed(why)
		case asks == differingAsks:
			d.log.Warn("the consumer has forgotten acks that it had confirmed; they are repeated", "state", why)
			return forgetful, nil
		}
		d.log.Debug("the consumer's counts differ from ours, asking again", "state", why)
		if err := retry.Pause(ctx, d.timing.Retry); err != nil {
			return differs, err
		}
		if consumer, err = d.src.consumer(ctx, d.cfg.Name); err != nil {
			return differs, err
		}
		own = own.over(d.acks.counts())
	}
}

// difference is how a consumer differs from our counts.
type difference int

const (
	same      difference = iota
	forgetful            // it stands in our own life, but has forgotten acks that it had confirmed
	moved                // another process moved it
)

// compareCounts returns whether the consumer is where we left it, and if not, why. have is the consumer sequence up to
// which everything has arrived. What was delivered beyond it may be redeliveries, so only have bounds the
// unacknowledged messages from below.
func (d *Durable) compareCounts(
	ctx context.Context, c *consumerInfo, own counts, have uint64,
) (differs difference, why string, err error) {
	delivered, floor, pending := c.Delivered.Consumer, c.AckFloor, uint64(c.AckPending)
	least, most := have-min(own.sent, have), delivered-min(own.confirmed, delivered)
	what := fmt.Sprintf("it has delivered %d messages (ours are %d), "+
		"%d of them are unacknowledged (%d to %d by our count), and its ack floor is %d (stream sequence %d)",
		delivered, have, pending, least, most, floor.Consumer, floor.Stream)
	switch {
	case !c.Created.Equal(d.consumer):
		return moved, "it was deleted and created again", nil
	case delivered < have:
		return moved, what, nil
	case pending > most || floor.Consumer < own.confirmed || floor.Stream < own.confSeq:
		if pending >= least && pending+floor.Consumer <= delivered && d.acks.passed(floor) {
			return forgetful, what, nil
		}
		return moved, what, nil
	case pending >= least && floor.Consumer <= own.sent && (own.next == 0 || floor.Stream < own.next):
		return same, "", nil
	}
	dropped, err := d.dropped(ctx, c, have)
	if err != nil {
		return moved, "", err
	}
	if pending+dropped < least || !d.acks.consistent(floor) {
		return moved, what, nil
	}
	return same, "", nil
}

// dropped counts the messages up to a consumer sequence that have arrived, are not acknowledged, and were removed since
// by the stream's own limits: the server counts them as acknowledged. On Limits retention the stream says which those
// are. Elsewhere an ack removes a message, too, so only messages older than the stream's MaxAge count.
func (d *Durable) dropped(ctx context.Context, c *consumerInfo, have uint64) (uint64, error) {
	if d.retention != nats.LimitsPolicy {
		if d.maxAge <= 0 {
			return 0, nil
		}
		deadline := c.ServerTime.Add(time.Second - d.maxAge).UnixNano()
		return d.acks.count(have, func(e entry) bool { return e.time <= deadline }), nil
	}
	info, err := d.src.info(ctx, true)
	if err != nil {
		return 0, err
	}
	removed := make(map[uint64]struct{}, len(info.State.Deleted))
	for _, seq := range info.State.Deleted {
		removed[seq] = struct{}{}
	}
	return d.acks.count(have, func(e entry) bool {
		_, gone := removed[e.sseq]
		return gone || e.sseq < info.State.FirstSeq
	}), nil
}

// count counts the unacknowledged messages up to a consumer sequence for which is returns true.
func (a *acks) count(delivered uint64, is func(entry) bool) (n uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ledger == nil {
		return 0
	}
	for c := a.ledger.entries(); c.next() && c.entry.dseq <= delivered; {
		if is(c.entry) {
			n++
		}
	}
	return n
}

// consistent reports whether the two halves of an ack floor belong together in the present life: its stream sequence
// must lie between those of the messages with its consumer sequence and with the next one. After another reader's RESET
// they do not.
func (a *acks) consistent(floor sequencePair) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ledger == nil {
		return true
	}
	for c := a.ledger.entries(); c.next(); {
		if c.entry.dseq == floor.Consumer && floor.Stream < c.entry.sseq ||
			c.entry.dseq > floor.Consumer && floor.Stream >= c.entry.sseq {
			return false
		}
		if c.entry.dseq > floor.Consumer {
			break
		}
	}
	return true
}
