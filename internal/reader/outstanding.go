package reader

import (
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// outstanding counts what a shared reader has delivered and not acknowledged, and since when. Redeliveries make the
// order irregular, so every message is remembered by its stream sequence. It may be used from any goroutine.
type outstanding struct {
	mu       sync.Mutex           // guards all fields
	runs     map[uint64]*delivery // by stream sequence
	order    []*delivery          // oldest first
	ackWait  time.Duration
	maxUnack int // MaxAckPending; 0 or less: no limit
	parser   ackParser
}

// delivery is a number of messages that were delivered together.
type delivery struct {
	at   time.Time
	left int // messages neither acknowledged nor delivered again since
}

// limits takes over the limits of the consumer.
func (o *outstanding) limits(cfg jetstream.ConsumerConfig) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ackWait, o.maxUnack = cfg.AckWait, cfg.MaxAckPending
}

// delivered notes messages that arrived.
func (o *outstanding) delivered(messages []Message, now time.Time) {
	if len(messages) == 0 {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.runs == nil {
		o.runs = make(map[uint64]*delivery)
	}
	d := &delivery{at: now, left: len(messages)}
	o.order = append(o.order, d)
	for i := range messages {
		o.settle(messages[i].Seq)
		o.runs[messages[i].Seq] = d
	}
}

// acked notes messages that are acknowledged.
func (o *outstanding) acked(replies []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, reply := range replies {
		if t, ok := o.parser.parse(reply); ok {
			o.settle(t.sseq)
		}
	}
}

// settle removes a message from its delivery. The caller holds mu.
func (o *outstanding) settle(seq uint64) {
	if d := o.runs[seq]; d != nil {
		d.left--
		delete(o.runs, seq)
	}
}

// unacked is Shared.Unacked.
func (o *outstanding) unacked() (n, limit int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.runs), max(o.maxUnack, 0)
}

// near is Shared.AcksNear.
func (o *outstanding) near(now time.Time) (why string, near bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.order) > 0 && o.order[0].left == 0 {
		o.order = o.order[1:]
	}
	if len(o.order) == 0 {
		return "", false
	}
	return acksNear(now.Sub(o.order[0].at), len(o.runs), o.ackWait, o.maxUnack, pendingLimit(o.maxUnack, 0))
}
