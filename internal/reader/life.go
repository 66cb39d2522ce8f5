package reader

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/jetcapture/jetcapture/internal/wire"
	"github.com/nats-io/nats.go"
)

// MaxBatchMessages is the largest number of messages that Next returns at once.
const MaxBatchMessages = 512

// maxTicks bounds how often the time between two ticks is doubled while no message comes.
const maxTicks = 6

// maxBatchBytes limits the bytes of messages that Next returns at once. One message may exceed it.
const maxBatchBytes = 4 << 20

// life follows one life of a consumer, from its creation or RESET on. It checks the deliveries by the rule of the
// server's own mirrors (nats-server, stream.go, processInboundMirrorMsg): each message is delivered for the first time,
// its consumer sequence is the last one plus one, and its stream sequence is greater than the last one. As long as the
// rule holds, the stream does not have the stream sequences that are left out. The first message that breaks the rule
// ends the life.
//
// All fields belong to the reader's goroutine.
type life struct {
	*feed
	consumer string // its name
	parser   ackParser
	shared   bool   // others read from the consumer, too: the rule cannot hold, and nothing is proved
	dseq     uint64 // consumer sequence of the last message
	sseq     uint64 // stream sequence of the last message
	through  uint64 // as Batch.Through
	pending  uint64 // as Batch.Pending
	// suspect is the last consumer sequence by a heartbeat, of a message that has not arrived. On a replicated consumer
	// heartbeats overtake messages, because those wait for the quorum.
	suspect     uint64
	suspectTime time.Time
	broken      *anomaly  // why the life is over; nil while it is not
	odd         int       // messages of the present batch whose header could not be parsed
	hollow      bool      // a message of the present batch looks as if its payload was left out
	filter      []string  // every subject must match one of them; empty: any subject may come
	lenient     bool      // messages of other subjects are left out; otherwise they end the life
	foreign     int       // messages that were left out
	idle        bool      // shared: a heartbeat came, so there was nothing to deliver
	got         uint64    // messages delivered
	quiet       int       // heartbeats in a row without a message
	patience    int       // such heartbeats until the consumer is looked at
	looks       int       // looks at the consumer in a row that found messages pending, none of which has come
	glance      time.Time // when the owner wants to look at the stream
	glanced     uint64    // got at the last look
	timer       *time.Timer
	tick        time.Duration // how often it ticks while messages come
	ticks       int           // since the last message
}

// newLife begins a life in which nothing is delivered yet. Everything up to through is in hand.
func newLife(f *feed, through uint64, tick time.Duration) *life {
	return &life{feed: f, through: through, patience: quietLeast, timer: time.NewTimer(tick), tick: tick}
}

// read waits until there are messages, through has moved, or the life is broken. It takes what is there without waiting
// for more. It fails only with the context or the connection.
func (l *life) read(ctx context.Context) (Batch, error) {
	before := l.through
	l.idle = false
	ready := func(b Batch) bool {
		return len(b.Messages) > 0 || l.through > before || l.idle || l.broken != nil || l.quiet >= l.patience ||
			!l.glance.IsZero() && time.Now().After(l.glance)
	}
	for {
		now := time.Now()
		if err := l.topUp(now); err != nil {
			return Batch{}, err
		}
		if b := l.drain(nil, now); ready(b) {
			return b, nil
		}
		first, err := l.wait(ctx)
		if err != nil {
			return Batch{}, err
		}
		now = time.Now()
		if first == nil {
			l.broken = l.trouble(now)
			continue
		}
		if b := l.drain(first, now); ready(b) {
			return b, nil
		}
	}
}

// wait waits for one message or for a tick, when the message is nil. On a quiet stream the ticks become rarer, up to
// two between two heartbeats. The first of many messages wakes us while the connection's goroutine is still parsing
// the others. Letting it run first makes one batch of them instead of one wake-up for each.
func (l *life) wait(ctx context.Context) (*nats.Msg, error) {
	select {
	case m := <-l.ch:
		runtime.Gosched()
		return m, nil
	case <-l.timer.C:
		l.timer.Reset(max(l.tick, min(l.tick<<l.ticks, l.limits.heartbeat/2)))
		l.ticks = min(l.ticks+1, maxTicks)
		return nil, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// drain takes first, if it is not nil, and what else has arrived, up to the limits of a batch.
func (l *life) drain(first *nats.Msg, now time.Time) Batch {
	messages, alive := l.collect(first, now)
	if alive {
		l.active = now
	}
	l.settle()
	return Batch{Messages: messages, Through: l.through, Pending: l.pending}
}

// collect is the loop over what has arrived. alive reports whether anything had.
func (l *life) collect(first *nats.Msg, now time.Time) (messages []Message, alive bool) {
	bytes := 0
	for l.broken == nil && len(messages) < MaxBatchMessages && bytes < maxBatchBytes {
		m := first
		first = nil
		if m == nil {
			select {
			case m = <-l.ch:
			default:
				return messages, alive
			}
		}
		alive = true
		if m.Reply == "" {
			l.control(m, now)
			continue
		}
		l.received(m.Size())
		msg, ok := l.accept(m)
		if !ok {
			continue
		}
		if messages == nil {
			messages = make([]Message, 0, min(MaxBatchMessages, len(l.ch)+1))
		}
		messages = append(messages, msg)
		bytes += msg.Size
	}
	return messages, alive
}

// accept checks a message by the rule. It returns false, with the life broken, for one that breaks it.
func (l *life) accept(m *nats.Msg) (Message, bool) {
	t, ok := l.parser.parse(m.Reply)
	if !ok {
		l.broken = &anomaly{reason: fmt.Sprintf("a message came with the unknown reply subject %q", m.Reply)}
		return Message{}, false
	}
	if !l.shared {
		if t.delivered != 1 || t.dseq != l.dseq+1 || t.sseq <= l.sseq {
			l.broken = l.violation(t)
			return Message{}, false
		}
		l.dseq, l.sseq = t.dseq, t.sseq
		l.through = max(l.through, t.sseq)
	}
	l.pending, l.quiet, l.patience, l.looks, l.ticks = t.pending, 0, quietLeast, 0, 0
	l.got++
	if len(l.filter) > 0 && !matchesAny(l.filter, m.Subject) {
		l.outside(m.Subject)
		return Message{}, false
	}
	if len(m.Data) == 0 && hollow(m) {
		l.hollow = true
	}
	msg := Message{Msg: m, Seq: t.sseq, Time: t.time, Size: m.Size() - len(m.Reply)}
	if blockSize(m) > 0 {
		l.header(&msg)
	}
	return msg, true
}

// header notes whether the client has lost some of the message's header block.
func (l *life) header(m *Message) {
	switch {
	case isEmptyBlock(m.Msg.Header, blockSize(m.Msg)):
		m.Block = wire.EmptyBlock
	case odd(m.Msg):
		l.odd++
	}
}

// violation returns how a message breaks the rule.
func (l *life) violation(t ackToken) *anomaly {
	switch {
	case t.delivered != 1:
		return &anomaly{
			foreign: true,
			reason:  fmt.Sprintf("stream sequence %d is delivered again (delivery %d)", t.sseq, t.delivered),
		}
	default:
		return &anomaly{
			foreign: true,
			reason: fmt.Sprintf("consumer sequence %d (stream %d) follows %d (stream %d)",
				t.dseq, t.sseq, l.dseq, l.sseq),
		}
	}
}

// control handles a status message.
func (l *life) control(m *nats.Msg, now time.Time) {
	s := l.readStatus(m)
	if s.kind != statusHeartbeat {
		l.broken = l.endOf(s)
		return
	}
	l.quiet++
	if l.shared {
		l.idle = true
		return
	}
	switch {
	case s.dseq == l.dseq:
		l.suspect = 0
		l.through = max(l.through, s.sseq)
	case s.dseq < l.dseq:
		l.broken = &anomaly{
			foreign: true,
			reason:  fmt.Sprintf("server's last consumer sequence is %d, ours %d", s.dseq, l.dseq),
		}
	case l.suspect == 0 || l.suspect <= l.dseq:
		l.suspect, l.suspectTime = s.dseq, now
	case now.Sub(l.suspectTime) > l.limits.heartbeat/2:
		l.broken = &anomaly{
			reason: fmt.Sprintf("messages up to consumer sequence %d were sent and did not arrive", l.suspect),
			advice: "a server or leaf node on the way drops messages that are larger than its max_payload: raise that, or " +
				"connect to the servers of the stream",
		}
	}
}

// outside deals with a message whose subject the filter does not match. Some servers deliver such ones to a consumer
// with several filters, and those before 2.10 know only one filter and ignore them.
func (l *life) outside(subject string) {
	if l.lenient {
		l.foreign++
		return
	}
	l.broken = &anomaly{final: true, reason: fmt.Sprintf(
		"the server delivers subject %q, which the filter of the consumer does not match: update nats-server", subject)}
}

// matchesAny reports whether one of the filters matches a subject.
func matchesAny(filters []string, subject string) bool {
	for _, f := range filters {
		if wire.Matches(f, subject) {
			return true
		}
	}
	return false
}
