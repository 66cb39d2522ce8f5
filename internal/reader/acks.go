package reader

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	ackBatch   = 1024 // reply subjects built at a time
	pathLength = 256  // confirmed acks that are remembered

	// A cut is due when pendingShare percent of MaxAckPending are unacknowledged. While the stream holds more than
	// behindShare percent beyond what was read, backfillShare is enough, if that is at least backfillLeast messages: the
	// server can then deliver some messages while the acks of others are on their way.
	pendingShare, backfillShare, behindShare = 80, 25, 5
	backfillLeast                            = 100_000
)

// ackBody is what an acknowledgement says (nats-server, consumer.go, AckAck).
var ackBody = []byte("+ACK")

// acks is the acknowledging half of a durable reader. The goroutine that reads and the one that calls Ack share it: mu
// guards every field below it, and is never held during a request. sending is locked before mu.
type acks struct {
	sending sync.Mutex // held while acks are published, so that they leave in order

	mu     sync.Mutex
	ledger *ledger // delivered in the present life and not acknowledged; nil before the first life
	before *ledger // in hand and not acknowledged when the present life began; nil: nothing
	seen   cursor  // in before, at the last message that came again
	to     uint64  // everything up to this stream sequence may be acknowledged

	// Of the present life.
	sent      uint64         // messages acknowledged
	confirmed uint64         // messages whose acks the server has certainly counted, at most sent
	confSeq   uint64         // stream sequence of the last confirmed one, or of the ack floor when the life began
	floor     uint64         // stream sequence of the ack floor when the life began
	path      []sequencePair // where the ack floor has been, oldest first

	ackWait  time.Duration
	maxUnack int    // MaxAckPending; 0 or less: no limit
	behind   uint64 // messages that the stream held beyond the last one delivered
}

// begin starts the bookkeeping of a new life.
func (a *acks) begin(floor uint64, cfg jetstream.ConsumerConfig) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.before, a.ledger = a.inHand(), &ledger{}
	if a.before != nil {
		a.seen = a.before.entries()
	}
	a.sent, a.confirmed, a.confSeq, a.floor = 0, 0, floor, floor
	a.path = append(a.path[:0], sequencePair{Stream: floor})
	a.ackWait, a.maxUnack = cfg.AckWait, cfg.MaxAckPending
}

// limit takes over the consumer's limits, which an operator may have changed.
func (a *acks) limit(cfg jetstream.ConsumerConfig) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ackWait, a.maxUnack = cfg.AckWait, cfg.MaxAckPending
}

// inHand returns what is in hand and not acknowledged. That is still the earlier ledger if the life broke before
// everything in it had come again. The caller holds mu.
func (a *acks) inHand() *ledger {
	if a.before != nil && (a.ledger == nil || a.ledger.back.sseq < a.before.back.sseq) {
		return a.before
	}
	return a.ledger
}

// add enters messages in the ledger. It returns false if their reply subjects begin otherwise than those before.
func (a *acks) add(messages []Message, prefix string) (ok bool) {
	if len(messages) == 0 {
		return true
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ledger.prefix == "" {
		a.ledger.prefix = prefix
	}
	for i := range messages {
		reply := messages[i].Msg.Reply
		t, parsed := parseNumbers(reply, len(prefix))
		if !parsed || a.ledger.prefix != prefix {
			return false
		}
		a.ledger.add(t)
		a.behind = t.pending
	}
	a.ledger.mark(time.Now())
	return true
}

// unknown returns the first of the redelivered messages that was not in hand, which means that it is neither covered by
// an ack nor in the ledger of the life before; 0 if all were. Messages come in the order of their sequences.
func (a *acks) unknown(again []Message) uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.before == nil {
		return 0 // everything up to the position was in hand when the reader was opened
	}
	for i := range again {
		seq := again[i].Seq
		for a.seen.entry.sseq < seq && a.seen.next() {
		}
		if seq > a.to && a.seen.entry.sseq != seq {
			return seq
		}
	}
	return 0
}

// first reports whether this is the first life.
func (a *acks) first() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.before == nil
}

// overdue reports whether AckWait lets the server redeliver messages about now.
func (a *acks) overdue(now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ledger == nil {
		return false
	}
	oldest := a.ledger.oldest()
	return !oldest.IsZero() && now.Sub(oldest) > a.ackWait*9/10
}

// AcksNear reports whether a cut is due because of the consumer's settings: half of AckWait has passed since the oldest
// unacknowledged message was delivered, or 80 % of MaxAckPending are unacknowledged, or 25 % in a backfill. why names
// the setting. It may be called from any goroutine.
func (d *Durable) AcksNear(now time.Time) (why string, near bool) {
	a := &d.acks
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ledger == nil || a.ledger.n == 0 {
		return "", false
	}
	due := pendingLimit(a.maxUnack, a.behind)
	return acksNear(now.Sub(a.ledger.oldest()), a.ledger.n, a.ackWait, a.maxUnack, due)
}

// Unacked returns how many messages were delivered and not acknowledged, and MaxAckPending, 0 if there is no limit. It
// may be called from any goroutine.
func (d *Durable) Unacked() (n, limit int) {
	a := &d.acks
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ledger != nil {
		n = a.ledger.n
	}
	return n, max(a.maxUnack, 0)
}

// pendingLimit returns how many unacknowledged messages make a cut due. maxUnacked is MaxAckPending, behind the number
// of messages that are still to be delivered.
func pendingLimit(maxUnacked int, behind uint64) int {
	limit := maxUnacked * pendingShare / 100
	if behind*100 > uint64(max(0, maxUnacked))*behindShare {
		limit = min(limit, max(maxUnacked*backfillShare/100, backfillLeast))
	}
	return limit
}

// acksNear compares the age of the oldest of n unacknowledged messages with AckWait, and n with due, which pendingLimit
// has computed.
func acksNear(age time.Duration, n int, ackWait time.Duration, maxUnacked, due int) (why string, near bool) {
	switch {
	case ackWait > 0 && age >= ackWait/2:
		return fmt.Sprintf("ack_wait %v", ackWait), true
	case maxUnacked > 0 && n >= due:
		return fmt.Sprintf("max_ack_pending %d", maxUnacked), true
	default:
		return "", false
	}
}

// Floor returns the stream sequence of the consumer's ack floor when the reader last positioned itself. Nothing up to
// it is delivered any more. It may be called from any goroutine.
func (d *Durable) Floor() uint64 {
	d.acks.mu.Lock()
	defer d.acks.mu.Unlock()
	return d.acks.floor
}

// Ack implements Reader.
func (d *Durable) Ack(ctx context.Context, to uint64) error {
	d.acks.mu.Lock()
	d.acks.to = max(d.acks.to, to)
	d.acks.mu.Unlock()
	reconnects := d.src.nc.Stats().Reconnects
	last, err := d.sendAcks(true)
	if err != nil || last.reply == "" {
		return err
	}
	err = d.src.confirmedAck(ctx, last.reply)
	if err == nil && d.src.nc.Stats().Reconnects == reconnects { // else acks before this one may have been lost
		d.acks.confirm(last)
	}
	return d.heard.confirmed(ctx, d.src, d.log, last.reply, err)
}

// Unheard returns an error if acks do not reach the consumer. It may be called from any goroutine.
func (d *Durable) Unheard() error { return d.heard.unheard(d.src) }

// AckAgain sends the ack again because of which Unheard has returned an error: one alone may have got lost with a
// leader of the consumer. It returns nil if it is confirmed now. The caller has made sure that the stream is still the
// same. It may be called from any goroutine, after Close, too.
func (d *Durable) AckAgain(ctx context.Context) error { return d.heard.again(ctx, d.src) }

// confirmedAck sends an ack and waits until the server has counted it, and thereby every ack sent before. An ack of a
// delivery that the server has taken back is never confirmed.
func (s *Source) confirmedAck(ctx context.Context, reply string) error {
	limited, cancel := context.WithTimeout(ctx, ackConfirmation)
	defer cancel()
	_, err := s.nc.RequestWithContext(limited, reply, ackBody)
	return err
}

// acked is the last message of a run of acks.
type acked struct {
	reply  string
	ledger *ledger
	sent   uint64
	seq    uint64
}

// sendAcks acknowledges everything that may be acknowledged, in order. With keepLast it does not send the last ack but
// returns it, so that the caller can have it confirmed.
func (d *Durable) sendAcks(keepLast bool) (acked, error) {
	a := &d.acks
	a.sending.Lock()
	defer a.sending.Unlock()
	var last acked
	for {
		replies, now := a.next()
		if len(replies) == 0 {
			break
		}
		if last.reply != "" {
			replies = append([]string{last.reply}, replies...)
		}
		last = now
		if keepLast {
			replies = replies[:len(replies)-1]
		}
		if err := publishAcks(d.src.nc, replies); err != nil {
			return acked{}, err
		}
	}
	if !keepLast {
		last = acked{}
	}
	return last, nil
}

// next takes the next reply subjects out of the ledger.
func (a *acks) next() ([]string, acked) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ledger == nil {
		return nil, acked{}
	}
	replies := a.ledger.take(a.to, ackBatch)
	if len(replies) == 0 {
		return nil, acked{}
	}
	a.sent += uint64(len(replies))
	return replies, acked{reply: replies[len(replies)-1], ledger: a.ledger, sent: a.sent, seq: a.ledger.front.sseq}
}

// confirm notes that the server has counted everything up to an ack.
func (a *acks) confirm(last acked) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ledger != last.ledger || last.sent <= a.confirmed {
		return
	}
	a.confirmed, a.confSeq = last.sent, last.seq
	if len(a.path) == pathLength {
		a.path = append(a.path[:0], a.path[pathLength/2:]...)
	}
	a.path = append(a.path, sequencePair{Consumer: last.sent, Stream: last.seq})
}

// passed reports whether the ack floor may have been there in the present life. The pairs of sequences on the path are
// those of this life only. Between two of them the floor moves by at least one stream sequence for each consumer
// sequence, which bounds what lies between.
func (a *acks) passed(floor sequencePair) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, from := range slices.Backward(a.path) {
		if from.Consumer > floor.Consumer {
			continue
		}
		if floor.Stream < from.Stream || floor.Stream-from.Stream < floor.Consumer-from.Consumer {
			return false
		}
		if i == len(a.path)-1 {
			return true
		}
		to := a.path[i+1]
		return floor.Stream < to.Stream && to.Stream-floor.Stream >= to.Consumer-floor.Consumer
	}
	return false
}

// open returns how many messages are delivered and not acknowledged.
func (a *acks) open() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ledger == nil {
		return 0
	}
	return a.ledger.n
}

// due reports whether the ledger holds messages that may be acknowledged.
func (a *acks) due() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ledger == nil {
		return false
	}
	first, ok := a.ledger.first()
	return ok && first.sseq <= a.to
}

// publishAcks sends plain acks.
func publishAcks(nc *nats.Conn, replies []string) error {
	for _, reply := range replies {
		if err := nc.Publish(reply, ackBody); err != nil {
			return fmt.Errorf("acknowledge: %w", err)
		}
	}
	return nil
}
