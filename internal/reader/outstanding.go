package reader

import (
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// outstanding counts what a shared reader has delivered and not acknowledged, and since when. Redeliveries make the order irregular, so
// every message is remembered by its stream sequence.
type outstanding struct {
	mu       sync.Mutex
	runs     map[uint64]*delivery // by stream sequence
	order    []*delivery          // oldest first
	ackWait  time.Duration
	maxUnack int
	parser   ackParser
}

// delivery is a number of messages that were delivered together.
type delivery struct {
	at   time.Time
	left int // not acknowledged, nor delivered again since
}

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

// settle takes a message off its delivery. The lock is held.
func (o *outstanding) settle(seq uint64) {
	if d := o.runs[seq]; d != nil {
		d.left--
		delete(o.runs, seq)
	}
}

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
