package doctor

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// rate is how fast messages come.
type rate struct {
	messages float64 // a second
	bytes    float64 // a second
	over     time.Duration
}

// A rate is taken over the newest rateSpan messages, or over more if all of these came within shortRate.
const (
	rateSpan  = 10_000
	shortRate = time.Minute
)

// presentRate is the rate over the newest messages, up to now: of a stream that has fallen silent it falls. It is not
// known for fewer than two messages.
func (n *natsFacts) presentRate(ctx context.Context) (r rate, known bool) {
	state := n.stream.State
	if state.Msgs < 2 {
		return rate{}, false
	}
	const wider = 16
	for span := uint64(rateSpan); ; span *= wider {
		first := max(state.FirstSeq, state.LastSeq-min(span, state.LastSeq))
		m, err := n.nextFor(ctx, first)
		over := n.now().Sub(m.Time)
		if err != nil || over <= 0 {
			return rate{}, false
		}
		if over < shortRate && first > state.FirstSeq {
			continue
		}
		messages := float64(state.LastSeq-m.Seq+1) / over.Seconds()
		return rate{messages, messages * float64(state.Bytes) / float64(state.Msgs), over}, true
	}
}

// headroom is the time until the stream drops the oldest message that is still to be read.
type headroom struct {
	left   time.Duration
	limit  string // of the stream, which comes first
	behind bool   // there is a message to be read; else it is about one that comes now
}

// checkHeadroom is the part of N4 about the race of the capture with the limits of the stream.
func (e *exam) checkHeadroom(ctx context.Context) {
	const name = "retention"
	n := &e.nats
	r, known := n.presentRate(ctx)
	e.sample.rate, e.sample.rateKnown = r, known
	h, limited := e.headroom(ctx, r)
	switch c := n.stream.Config; {
	case limited:
		e.judgeHeadroom(h)
	case c.MaxAge == 0 && c.MaxMsgs <= 0 && c.MaxBytes <= 0:
		e.ok("N4", name, "the stream has no limits: it drops nothing by itself")
	default:
		e.ok("N4", name, "nothing is behind, or nothing comes: the stream drops nothing at present")
	}
}

func (e *exam) judgeHeadroom(h headroom) {
	const name = "retention"
	need := max(time.Hour, 4*e.MaxAge)
	which := "a message that comes now"
	if h.behind {
		which = "the oldest message that is still to be read"
	}
	seen := fmt.Sprintf("%s is dropped in %s (%s), at the present rate", which, durationText(h.left), h.limit)
	stream, limit := e.Capture.Stream, h.limit
	switch {
	case h.left <= e.MaxAge:
		e.problem("N4", name, seen, "messages are dropped before their window is stored: they are lost",
			fmt.Sprintf("nats stream edit %s, with a larger %s; or a shorter --max-age", stream, limit))
	case h.left < need:
		e.warn("N4", name, seen, "an outage of that length loses messages",
			fmt.Sprintf("nats stream edit %s, with a larger %s", stream, limit))
	default:
		e.ok("N4", name, seen)
	}
}

// headroom predicts by age, count and bytes. limited is false if no limit drops anything at present.
func (e *exam) headroom(ctx context.Context, r rate) (h headroom, limited bool) {
	n := &e.nats
	c, state := n.stream.Config, n.stream.State
	next := max(e.log.next(e.New, state.LastSeq), state.FirstSeq)
	h.left = math.MaxInt64
	take := func(left time.Duration, limit string) {
		if left = max(left, 0); left < h.left {
			h, limited = headroom{left, limit, next <= state.LastSeq}, true
		}
	}
	if c.MaxAge > 0 {
		left := c.MaxAge // of a message that comes now
		if m, err := n.nextFor(ctx, next); err == nil {
			left = m.Time.Add(c.MaxAge).Sub(n.now())
		}
		take(left, "max_age")
	}
	if c.Discard == jetstream.DiscardNew || c.Retention != jetstream.LimitsPolicy || r.messages <= 0 {
		return h, limited
	}
	behind := float64(state.LastSeq + 1 - min(next, state.LastSeq+1))
	if c.MaxMsgs > 0 {
		take(seconds((float64(c.MaxMsgs)-behind)/r.messages), "max_msgs")
	}
	if c.MaxBytes > 0 && state.Msgs > 0 {
		mean := float64(state.Bytes) / float64(state.Msgs)
		take(seconds((float64(c.MaxBytes)-behind*mean)/r.bytes), "max_bytes")
	}
	return h, limited
}

// seconds is a duration, or the longest one if it is longer.
func seconds(s float64) time.Duration {
	if s >= math.MaxInt64/float64(time.Second) {
		return math.MaxInt64
	}
	return time.Duration(s * float64(time.Second))
}
