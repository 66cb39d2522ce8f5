package doctor

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	codeStreamNotFound   = 10059
	codeConsumerNotFound = 10014
)

// lookUpStream asks for the stream, and reports whether it is there.
func (e *exam) lookUpStream(ctx context.Context) bool {
	n := &e.nats
	info, err := ask[jetstream.StreamInfo](ctx, n, "STREAM.INFO."+e.Capture.Stream)
	switch {
	case hasCode(err, codeStreamNotFound):
		e.problem("N4", "stream", fmt.Sprintf("there is no stream %s", e.Capture.Stream), "it is what is captured",
			"check --stream-name: nats stream ls")
	case err != nil:
		e.skip("N4", "stream", err.Error(), "the stream cannot be asked: see N2 and N3")
	default:
		n.stream, n.asked = info, time.Now()
		return true
	}
	return false
}

// checkStream are the checks N4, N8 and N9.
func (e *exam) checkStream(ctx context.Context) {
	e.checkRetention()
	e.checkHeadroom(ctx)
	e.checkHistory()
	e.checkClock()
	e.checkDeleted()
}

// checkRetention is the part of N4 about what happens to messages that were read.
func (e *exam) checkRetention() {
	const name = "stream"
	s := e.nats.stream.Config
	stream := e.Capture.Stream
	seen := fmt.Sprintf("%s retention, %s storage, replicas: %d, %d messages of %s",
		strings.ToLower(s.Retention.String()), strings.ToLower(s.Storage.String()), s.Replicas,
		e.nats.stream.State.Msgs, bytesText(e.nats.stream.State.Bytes))
	if s.Retention != jetstream.LimitsPolicy && e.Capture.Durable == "" {
		e.problem("N4", name, seen, "what is acknowledged is deleted there, so it is read through a durable consumer only",
			"give --consumer-name NAME")
	} else {
		e.ok("N4", name, seen)
	}
	if s.Retention != jetstream.LimitsPolicy && s.Discard == jetstream.DiscardNew {
		e.warn("N4", name, "the stream refuses new messages when it is full (discard: new)",
			"it fills while the capture stands still, and publishers are refused then",
			fmt.Sprintf("nats stream edit %s, with limits that hold the messages of the longest outage", stream))
	}
	if s.Sealed {
		e.note("N4", name, "the stream is sealed", "no message comes any more: --once is enough")
	}
	if s.Mirror != nil || len(s.Sources) > 0 {
		e.note("N4", name, "the stream is made of other ones (mirror or sources)",
			"the sequences of a mirror can have gaps; they count as absent")
	}
	if s.Storage == jetstream.MemoryStorage {
		e.warn("N4", name, "the stream is in memory", "what is not stored yet is lost when its server stops",
			"a file stream, if its messages matter: storage cannot be changed later")
	}
}

// checkHistory is the part of N4 about what can remove messages at any time.
func (e *exam) checkHistory() {
	const name = "stream"
	s := e.nats.stream.Config
	if n := s.MaxMsgsPerSubject; n > 0 {
		e.note("N4", name, fmt.Sprintf("the stream keeps the newest %d of the messages of each subject", n),
			"older ones of a subject may vanish between two reads, at any rate of publishing; they count as absent")
	}
	if s.AllowMsgTTL {
		e.note("N4", name, "messages may have a time to live of their own",
			"one that is shorter than the capture is behind is never seen")
	}
	if s.AllowRollup && !s.DenyPurge {
		e.note("N4", name, "publishers may roll up subjects", "a rollup deletes what it replaces, read or not")
	}
}

// checkClock is check N8. Windows and expiry go by the server's clock, "now" in the log by ours.
func (e *exam) checkClock() {
	const name, tolerated = "clock", 5 * time.Second
	n := &e.nats
	if n.stream.TimeStamp.IsZero() {
		e.skip("N8", name, "the server does not say its time", "nats-server 2.10 and later do")
		return
	}
	offset := n.asked.Sub(n.stream.TimeStamp).Round(time.Millisecond)
	seen := fmt.Sprintf("this machine is %v ahead of the server", offset)
	if offset < 0 {
		seen = fmt.Sprintf("this machine is %v behind the server", -offset)
	}
	if offset.Abs() <= tolerated {
		e.ok("N8", name, seen)
		return
	}
	e.warn("N8", name, seen, "windows end by this machine's clock when no message comes: files come early or late",
		"timedatectl set-ntp true, on the machine whose clock is wrong")
}

// checkDeleted is check N9.
func (e *exam) checkDeleted() {
	const name, many, witnessList = "deleted messages", 1_000_000, 20_000
	n := e.nats.stream.State.NumDeleted
	seen := fmt.Sprintf("%d sequences between the first and the last one are not in the stream", n)
	switch {
	case n > many && e.Capture.Durable != "":
		e.warn("N9", name, seen, "at a start, and after each disturbance, a durable reader asks for the whole list of them: "+
			"some megabytes in one answer", "nats stream purge "+e.Capture.Stream+" --seq SEQ, up to what is stored")
	case n > witnessList:
		e.note("N9", name, seen, "the list is too long to compare each gap with it: gaps are looked up at random instead")
	default:
		e.ok("N9", name, seen)
	}
}
