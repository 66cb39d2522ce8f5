package reader

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jetcapture/jetcapture/internal/retry"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// warnedLives is how many lives in a row may bring nothing of what is pending without a warning, the last one
	// excluded.
	warnedLives = 3
	// lastLife is the number of the life in such a row with which a reader gives up that is to reach an end.
	lastLife = 6
	// warnedLooks is how many looks at the consumer in a row must find messages pending until there is a warning. While
	// the owner did not read, heartbeats may have waited that are older than the messages.
	warnedLooks = 2
	// quietLeast is after how many heartbeats in a row without a message, of two pulls, the consumer is looked at. If
	// nothing is pending, it is looked at less and less often, down to each quietMost heartbeats.
	quietLeast, quietMost = 4, 24
	// givenUpLooks is how many looks in a row must find that acks do not reach the consumer, until a reader that is to
	// reach an end gives up.
	givenUpLooks = 3
)

// standstill is what a follower knows about reading that does not get on. It belongs to the reader's goroutine.
type standstill struct {
	dry       int    // lives in a row that brought nothing, although messages were pending
	advice    string // what the last of them that knew its cause advises
	warned    retry.Limiter
	toldPause retry.Limiter
	blind     bool // we may not ask for the consumer
}

// dry reports whether the life, which was ended by why, has brought nothing although messages were pending. What ends
// with the connection says nothing. If heartbeats are missing, one message for each pull is as good as nothing: an
// export of the JetStream API that is not of response type stream lets only the first answer through.
func (l *life) dry(why *anomaly) bool {
	return !why.connection && l.pending > 0 && (l.got == 0 || why.silent && l.got <= l.serial)
}

// dried notes the end of a life. Positioning again and again without a message becomes a warning, and in the end the
// error of a reader that waits for no stream.
func (f *follower) dried(why *anomaly) error {
	if !f.life.dry(why) {
		f.still.dry, f.still.advice = 0, ""
		return nil
	}
	f.still.dry++
	advice := f.advise(why)
	if f.still.dry >= warnedLives && f.still.warned.Ready(time.Now()) {
		f.log.Warn("reading does not get on: messages are pending and do not come", "pending", f.life.pending,
			"times", f.still.dry, "reason", why.reason, "after", f.through, "advice", advice)
	}
	if !f.failWhenGone || f.still.dry < lastLife {
		return nil
	}
	return permanent{fmt.Errorf("%d messages are pending in stream %q after sequence %d and did not come in %d tries: "+
		"%s: %s",
		f.life.pending, f.src.stream, f.through, f.still.dry, why.reason, advice)}
}

// advise says what an operator can do about a reason that does not go away. A life that ended without a cause of its
// own, such as one whose server did not answer for a moment, gets the advice of the one before.
func (f *follower) advise(why *anomaly) string {
	switch {
	case why.advice != "":
		f.still.advice = why.advice
	case why.silent && f.src.imported():
		f.still.advice = "the account of JetStream must export its API with response_type: stream, or the first answer " +
			"to a request is the only one"
	case why.silent:
		f.still.advice = "look whether the consumer's server is alive, and whether the messages are larger than the " +
			"max_payload of a server or leaf node on the way"
	case f.still.advice == "":
		return "look at the consumer and at the log of its server"
	}
	return f.still.advice
}

// imported reports whether the JetStream API is that of another account, reached through an import.
func (s *Source) imported() bool { return !strings.HasPrefix(s.prefix, "$JS.") }

// look finds out why the present life brings nothing of what is pending, though the server sends heartbeats.
func (f *follower) look(ctx context.Context) error {
	f.life.quiet = 0
	if f.still.blind {
		return nil
	}
	asked, cancel := context.WithTimeout(ctx, watchTimeout)
	defer cancel()
	info, err := f.src.consumer(asked, f.life.consumer)
	if err != nil { // a consumer that is gone shows by itself
		f.still.blind = ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded)
		return nil
	}
	was := f.life.pending
	f.life.pending = info.NumPending
	if info.NumPending > 0 {
		f.life.patience = quietLeast
		f.life.looks++
		return f.kind.stalled(info)
	}
	f.life.looks = 0
	f.life.patience = min(2*f.life.patience, quietMost)
	if was > 0 { // the stream has dropped them, or others have got them
		f.queue = append(f.queue, batch{Batch: Batch{Through: f.through}})
	}
	return nil
}

// stalled implements kind.
func (f *follower) stalled(info *consumerInfo) error {
	switch {
	case info.Paused:
		f.tellPause(info)
	case info.Config.ReplayPolicy == jetstream.ReplayOriginalPolicy: // messages come at their old pace
	case f.life.looks < warnedLooks:
	case f.still.warned.Ready(time.Now()):
		f.log.Warn("reading does not get on: messages are pending and do not come", "pending", info.NumPending,
			"after", f.through, "unacknowledged", info.AckPending, "max_ack_pending", info.Config.MaxAckPending,
			"advice", "look for other readers of the consumer, and at the log of its server")
	}
	return nil
}

// tellPause says until when a consumer is paused, if it is.
func (f *follower) tellPause(info *consumerInfo) {
	if info.Paused && f.still.toldPause.Ready(time.Now()) {
		f.log.Warn("the consumer is paused: nothing is read until then",
			"until", time.Now().Add(info.PauseRemaining).UTC().Format(time.RFC3339), "pending", info.NumPending)
	}
}
