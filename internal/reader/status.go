package reader

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"
)

// Headers of the status messages of a pull consumer (nats-server, consumer.go).
const (
	headerStatus       = "Status"
	headerDescription  = "Description"
	headerPendingMsgs  = "Nats-Pending-Messages"
	headerPendingBytes = "Nats-Pending-Bytes"
	headerLastConsumer = "Nats-Last-Consumer"
	headerLastStream   = "Nats-Last-Stream"
)

// anomaly is why a reader gives up one life of its consumer and positions itself again.
type anomaly struct {
	reason  string
	foreign bool // not explained by the connection or the servers: somebody else may read from the same consumer
	small   bool // a message is larger than the consumer allows a pull to be
}

// statusKind is what a status message means to the reader.
type statusKind int

const (
	statusHeartbeat statusKind = iota
	statusEnd                  // the pull ended as pulls do
	statusBroken               // the life of the consumer is over
	statusRefused              // the pull was refused; it is asked again later
)

// status is a message of the server that carries no stored message.
type status struct {
	kind   statusKind
	serial uint64 // of the pull
	text   string
	msgs   int // left of the pull
	bytes  int
	dseq   uint64 // heartbeat: last consumer sequence
	sseq   uint64 // heartbeat: the consumer has nothing more to deliver up to this stream sequence
}

// readStatus reads a message that came without reply subject.
func (f *feed) readStatus(m *nats.Msg) status {
	code, text := m.Header.Get(headerStatus), m.Header.Get(headerDescription)
	s := status{serial: f.serialOf(m.Subject), text: strings.TrimSpace(code + " " + text)}
	s.msgs, _ = strconv.Atoi(m.Header.Get(headerPendingMsgs)) // absent: nothing is known to be left
	s.bytes, _ = strconv.Atoi(m.Header.Get(headerPendingBytes))
	switch code {
	case "100":
		s.kind = statusHeartbeat
		s.dseq, _ = strconv.ParseUint(m.Header.Get(headerLastConsumer), 10, 64)
		s.sseq, _ = strconv.ParseUint(m.Header.Get(headerLastStream), 10, 64)
	case "404", "408":
		s.kind = statusEnd
	case "409":
		s.kind = kindOfConflict(text)
	case "503": // no responders: nobody serves the consumer
		s.kind = statusBroken
	default: // 400, 412, 423 and what later servers say
		s.kind = statusRefused
	}
	return s
}

// kindOfConflict sorts the many meanings of status 409.
func kindOfConflict(text string) statusKind {
	switch text {
	case textTooLarge, "Batch Completed":
		return statusEnd
	case "Consumer Deleted", "Leadership Change", "Server Shutdown":
		return statusBroken
	default: // "Exceeded MaxRequestBatch of 10", "Exceeded MaxWaiting", "Consumer is push based", ...
		return statusRefused
	}
}

// textTooLarge ends a pull whose rest is smaller than the next message.
const textTooLarge = "Message Size Exceeds MaxBytes"

// endOf accounts the end of a pull, and gives an anomaly where the end means more.
func (f *feed) endOf(s status) *anomaly {
	untouched := f.ended(s.serial, s.msgs, s.bytes)
	switch {
	case s.kind == statusBroken:
		return &anomaly{reason: "server says: " + s.text}
	case s.kind == statusRefused:
		return &anomaly{reason: "server refuses the pull: " + s.text}
	case untouched && strings.HasSuffix(s.text, textTooLarge) && !f.limits.grow():
		return &anomaly{small: true, reason: fmt.Sprintf(
			"a message is larger than the %d bytes that the consumer allows a pull (max_bytes): raise that limit", f.limits.bytes)}
	default:
		return nil
	}
}
