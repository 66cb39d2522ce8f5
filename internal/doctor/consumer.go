package doctor

import (
	"context"
	"fmt"

	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/nats-io/nats.go/jetstream"
)

// checkConsumer is check N5: the durable consumer, if the capture reads through one.
func (e *exam) checkConsumer(ctx context.Context) {
	const name = "consumer"
	durable, stream := e.Capture.Durable, e.Capture.Stream
	if durable == "" {
		e.ok("N5", name, "the capture makes an ephemeral consumer of its own")
		return
	}
	info, err := ask[jetstream.ConsumerInfo](ctx, &e.nats, "CONSUMER.INFO."+stream+"."+durable)
	switch {
	case hasCode(err, codeConsumerNotFound) && e.Capture.Create:
		e.ok("N5", name, fmt.Sprintf("there is no consumer %s yet: the capture makes it", durable))
	case hasCode(err, codeConsumerNotFound):
		e.problem("N5", name, fmt.Sprintf("there is no consumer %s", durable), "the capture reads through it",
			"check --consumer-name: nats consumer ls "+stream+"; or --create-consumer")
	case err != nil:
		e.skip("N5", name, err.Error(), "the consumer cannot be asked: see N2")
	default:
		e.nats.consumer = info
		e.judgeConsumer(info)
	}
}

// judgeConsumer checks an existing consumer.
func (e *exam) judgeConsumer(info *jetstream.ConsumerInfo) {
	const name = "consumer"
	c, stream := info.Config, e.Capture.Stream
	edit := fmt.Sprintf("nats consumer edit %s %s", stream, info.Name)
	for _, reason := range reader.CheckConsumer(c, e.Filter) {
		e.problem("N5", name, reason, "a capture through this consumer could lose messages, and refuses it",
			fmt.Sprintf("nats consumer rm %s %s, if nobody else needs it: the capture makes one that fits; "+
				"or give another --consumer-name", stream, info.Name))
	}
	if need := 2 * e.MaxAge; c.AckWait < need {
		e.warn("N5", name, fmt.Sprintf("ack_wait is %v, windows are %v", c.AckWait, e.MaxAge),
			"messages are acknowledged when their window is stored; what is not by then is delivered again, so cuts come early",
			fmt.Sprintf("%s --wait %v", edit, 4*e.MaxAge))
	}
	if window := e.sample.rate.messages * e.MaxAge.Seconds(); c.MaxAckPending > 0 && float64(c.MaxAckPending) < window {
		e.warn("N5", name, fmt.Sprintf("max_ack_pending is %d, a window brings about %s messages",
			c.MaxAckPending, countText(window)),
			"at the limit the server delivers nothing more until a cut is stored, so cuts come early and files are small",
			fmt.Sprintf("%s --max-pending %s", edit, countDigits(2*window)))
	}
	if info.NumWaiting > 0 {
		e.note("N5", name, fmt.Sprintf("somebody pulls from %s at present (num_waiting %d)", info.Name, info.NumWaiting),
			"if that is not this capture, the two take messages from each other: this one stands by while it goes on")
	}
	e.ok("N5", name, fmt.Sprintf("%s: %d messages are to be delivered, %d wait for an acknowledgement",
		info.Name, info.NumPending, info.NumAckPending))
}

func countDigits(f float64) string { return fmt.Sprint(int64(f)) }

// checkLimits are the checks N6, of consumers, and N7, of messages.
func (e *exam) checkLimits(ctx context.Context) {
	const name = "limits"
	limits := e.nats.stream.Config.ConsumerLimits
	if t := limits.InactiveThreshold; t > 0 && e.Capture.Durable != "" && e.nats.consumer == nil {
		e.problem("N6", name, fmt.Sprintf("consumers of this stream are deleted after %v without a reader", t),
			"what a deleted consumer had kept may be gone, so the capture refuses such a consumer",
			"nats stream edit "+e.Capture.Stream+", without the consumer limit inactive_threshold")
	}
	if most := e.nats.stream.Config.MaxConsumers; most > 0 && e.nats.stream.State.Consumers >= most && e.makesConsumer() {
		e.problem("N6", name, fmt.Sprintf("the stream has %d of at most %d consumers", e.nats.stream.State.Consumers, most),
			"the capture makes one", "nats consumer ls "+e.Capture.Stream+", and remove one or raise max_consumers")
	}
	e.checkAccount(ctx)
	e.checkMessageSize()
}

// makesConsumer reports whether a start makes a consumer.
func (e *exam) makesConsumer() bool {
	return e.Capture.Durable == "" || e.nats.consumer == nil && e.Capture.Create
}

// checkAccount is the part of N6 about the account. A capture does not need to ask for it, so it may be denied.
func (e *exam) checkAccount(ctx context.Context) {
	const name = "limits"
	info, err := ask[jetstream.AccountInfo](ctx, &e.nats, "INFO")
	if err != nil {
		e.skip("N6", name, "the limits of the account may not be asked", "only this check needs "+e.nats.prefix+".INFO")
		return
	}
	if most := info.Limits.MaxConsumers; most > 0 && info.Consumers >= most && e.makesConsumer() {
		e.problem("N6", name, fmt.Sprintf("the account has %d of at most %d consumers", info.Consumers, most),
			"the capture makes one", "raise the limit of the account, or remove consumers: nats consumer report")
		return
	}
	e.ok("N6", name, fmt.Sprintf("consumers of the account: %d, and there is room for one more", info.Consumers))
}

// checkMessageSize is check N7.
func (e *exam) checkMessageSize() {
	const name, inFlight = "message size", 4 // two pulls, each of twice the largest message
	largest := e.nats.conn.MaxPayload()
	seen := fmt.Sprintf("the server takes messages of up to %s", bytesText(largest))
	if s := e.nats.stream.Config.MaxMsgSize; s > 0 && int64(s) < largest {
		largest = int64(s)
		seen = fmt.Sprintf("the stream takes messages of up to %s", bytesText(largest))
	}
	if need := inFlight * largest; need > e.MemoryLimit {
		e.warn("N7", name, seen, fmt.Sprintf("two pulls are in flight, each of twice that: %s, whatever --memory-limit says",
			bytesText(need)), fmt.Sprintf("--memory-limit %dMiB", need>>20+1))
	} else {
		e.ok("N7", name, seen)
	}
	if c := e.nats.consumer; c != nil && c.Config.MaxRequestMaxBytes > 0 && int64(c.Config.MaxRequestMaxBytes) < largest {
		e.problem("N7", name, fmt.Sprintf("max_bytes of the consumer is %s", bytesText(int64(c.Config.MaxRequestMaxBytes))),
			"a larger message can never be delivered, and everything behind it waits",
			fmt.Sprintf("nats consumer edit %s %s --max-pull-bytes %d", e.Capture.Stream, c.Name, 2*largest))
	}
}

// checkWriter ends check X1: whether the process that made the last cut still reads.
func (e *exam) checkWriter(ctx context.Context) {
	if e.log.writer == "" || e.Capture.Durable != "" {
		return
	}
	info, err := ask[jetstream.ConsumerInfo](ctx, &e.nats, "CONSUMER.INFO."+e.Capture.Stream+"."+e.log.consumer)
	if err != nil || info.NumWaiting == 0 {
		return
	}
	e.note("X1", "archive", fmt.Sprintf("instance %s, which made the last cut, reads at present", e.log.writer),
		"several processes may run one capture: each reads everything, and one stores it")
}
