package reader

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	// defaultPullBytes is what one pull may bring, unless the server's maximum payload needs more.
	defaultPullBytes = 16 << 20
	// maxPullBatch is how many messages one pull may bring.
	maxPullBatch = 32 << 10
	// statusReserve is the part of the channel between the connection and the reader that is kept free for status
	// messages. Each of the few outstanding pulls gets one every heartbeat until it expires. Pulls never ask for more
	// messages at a time than the rest, because the connection drops what finds the channel full.
	statusReserve = 128
	// overdue is how long after its expiry a pull counts as ended even if the server did not say so.
	overdue = 2 * time.Second
)

// pullLimits bound each pull of a consumer.
type pullLimits struct {
	batch     int
	bytes     int
	maxBytes  int // the consumer's limit for bytes; 0: none
	expires   time.Duration
	heartbeat time.Duration
}

// grow lets the pulls of all levels bring twice as many bytes as the present ones, because a message did not fit. It
// returns false if the consumer forbids more.
func (f *feed) grow() bool {
	ok := f.limits.grow()
	f.least = f.limits.bytes
	return ok
}

// grow doubles the bytes of a pull, because a message did not fit. It returns false if the consumer forbids more.
func (p *pullLimits) grow() bool {
	if p.maxBytes > 0 && p.bytes >= p.maxBytes {
		return false
	}
	p.bytes *= 2
	if p.maxBytes > 0 {
		p.bytes = min(p.bytes, p.maxBytes)
	}
	return true
}

// feed is an inbox and the pulls that fill it. While its owner reads, two pulls of limits.bytes are outstanding. An
// owner that does not read sends no pulls, so the server keeps the messages.
//
// The server counts the subject, reply, header and payload of each message against a pull (consumer.go, nextWaiting),
// and nats.Msg.Size counts the same. It spreads the messages over all outstanding pulls in turn, and says at the end of
// a pull what was left of it. So the sum of what is outstanding is known exactly, though not which pull a message
// belonged to.
//
// The reader's goroutine owns everything but ch, which the connection's goroutine fills.
type feed struct {
	nc      *nats.Conn
	subject string // pulls are published to it
	inbox   string
	sub     *nats.Subscription
	ch      chan *nats.Msg
	limits  pullLimits // of the next pull
	least   int        // bytes that a pull must have, since a message did not fit into fewer
	sizer   sizer

	pulls  []pull // outstanding, oldest first
	serial uint64 // of the newest pull, the last token of its inbox
	bytes  int    // bytes that the server may still send
	msgs   int    // messages that the server may still send

	reconnects uint64    // of the connection when the feed began
	active     time.Time // last sign of life from the server, or first pull after a rest
}

// pull is one outstanding request for messages.
type pull struct {
	serial uint64
	bytes  int
	sent   time.Time
}

// openFeed subscribes to a fresh inbox, which no message for an earlier life of the consumer can reach. Its pulls have
// at most the limits, and as much of them as room allows; nil: all.
func openFeed(nc *nats.Conn, subject string, limits pullLimits, room Room) (*feed, error) {
	f := &feed{
		nc: nc, subject: subject, reconnects: nc.Stats().Reconnects,
		sizer: sizer{full: limits, room: room, since: time.Now()},
	}
	f.limits = f.sizer.at(0, 0)
	if err := f.listen(); err != nil {
		return nil, err
	}
	return f, nil
}

// close ends the subscription. The server then drops the outstanding pulls, because their inbox has no listener any
// more.
func (f *feed) close() {
	_ = f.sub.Unsubscribe() // fails only on a closed connection
	f.sizer.give(0)
}

// topUp sends pulls until two are outstanding, and another one as soon as half is used up, by bytes or by number of
// messages.
func (f *feed) topUp(now time.Time) error {
	f.expire(now)
	f.sizer.note(now, f.limits)
	if ready, err := f.resize(now); !ready || err != nil {
		return err
	}
	for (f.bytes <= f.limits.bytes || f.msgs <= f.limits.batch) &&
		f.bytes <= 2*f.limits.bytes && f.msgs+f.limits.batch <= cap(f.ch)-statusReserve {
		if err := f.pull(now); err != nil {
			return err
		}
	}
	return nil
}

// pull sends one request.
func (f *feed) pull(now time.Time) error {
	body, err := json.Marshal(struct {
		Expires   time.Duration `json:"expires"`
		Batch     int           `json:"batch"`
		MaxBytes  int           `json:"max_bytes"`
		Heartbeat time.Duration `json:"idle_heartbeat"`
	}{f.limits.expires, f.limits.batch, f.limits.bytes, f.limits.heartbeat})
	if err != nil {
		return fmt.Errorf("encode a pull: %w", err)
	}
	f.serial++
	reply := f.inbox + "." + strconv.FormatUint(f.serial, 10)
	if err := f.nc.PublishRequest(f.subject, reply, body); err != nil {
		return fmt.Errorf("send a pull: %w", err)
	}
	if len(f.pulls) == 0 {
		f.active = now
	}
	f.pulls = append(f.pulls, pull{serial: f.serial, bytes: f.limits.bytes, sent: now})
	f.bytes += f.limits.bytes
	f.msgs += f.limits.batch
	f.sizer.owe(f.limits.batch, f.limits.bytes)
	return nil
}

// received subtracts a message from what is outstanding.
func (f *feed) received(size int) {
	f.bytes -= size
	f.msgs--
	f.sizer.bytes += size
	f.sizer.msgs++
	f.sizer.owe(-1, -size)
}

// ended removes a pull of which msgs and bytes were left. It reports whether this was a pull of the present size that
// brought nothing.
func (f *feed) ended(serial uint64, msgs, bytes int) (untouched bool) {
	for i, p := range f.pulls {
		if p.serial != serial {
			continue
		}
		f.pulls = append(f.pulls[:i], f.pulls[i+1:]...)
		f.bytes -= bytes
		f.msgs -= msgs
		f.sizer.owe(-msgs, -bytes)
		f.settle()
		return bytes == p.bytes && bytes == f.limits.bytes
	}
	return false
}

// settle resets the sums when nothing is outstanding. The server does not report the end of a pull whose bytes are used
// up exactly.
func (f *feed) settle() {
	if len(f.pulls) == 0 || f.bytes <= 0 || f.msgs <= 0 {
		f.pulls, f.bytes, f.msgs = f.pulls[:0], 0, 0
	}
}

// expire drops pulls that must have ended by now, although the server did not say so.
func (f *feed) expire(now time.Time) {
	for len(f.pulls) > 0 && now.Sub(f.pulls[0].sent) > f.limits.expires+overdue {
		if f.pulls = f.pulls[1:]; len(f.pulls) == 0 {
			f.sizer.forgive()
		}
	}
	f.settle()
}

// trouble returns what has broken the feed, judged by the connection and by missing heartbeats; nil if nothing has.
func (f *feed) trouble(now time.Time) *anomaly {
	if f.nc.IsClosed() {
		return &anomaly{reason: "the connection was closed", connection: true}
	}
	if n := f.nc.Stats().Reconnects; n != f.reconnects {
		return &anomaly{reason: "the connection was lost and restored", connection: true}
	}
	if len(f.pulls) > 0 && now.Sub(f.active) > 2*f.limits.heartbeat+f.limits.heartbeat/4 {
		return &anomaly{reason: "heartbeats are missing", silent: true}
	}
	return nil
}

// serialOf returns the serial of the pull that a status message belongs to.
func (f *feed) serialOf(subject string) uint64 {
	n, _ := strconv.ParseUint(strings.TrimPrefix(subject, f.inbox+"."), 10, 64)
	return n
}
