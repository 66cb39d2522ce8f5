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

// anomaly is why a reader ends a life of its consumer and positions itself again.
type anomaly struct {
	reason  string
	foreign bool // neither the connection nor the servers explain it: another process may read from the same consumer
	final   bool // another life would end in the same way: the capture cannot go on by itself
	silent  bool // the server says nothing any more
	// connection says that the connection has ended the life, and advice what to do if it happens again and again.
	connection bool
	advice     string
}

// statusKind is what a status message means to the reader.
type statusKind int

const (
	statusHeartbeat statusKind = iota
	statusEnd                  // the pull ended as pulls do
	statusBroken               // the life of the consumer is over
	statusRefused              // the pull was refused; another one is sent later
)

// status is a message from the server that holds no stored message.
type status struct {
	kind   statusKind
	serial uint64 // of the pull
	text   string
	msgs   int    // messages left of the pull
	bytes  int    // bytes left of the pull
	dseq   uint64 // heartbeat: last consumer sequence
	sseq   uint64 // heartbeat: everything up to this stream sequence is delivered
}

// readStatus reads a message without a reply subject.
func (f *feed) readStatus(m *nats.Msg) status {
	code, text := m.Header.Get(headerStatus), m.Header.Get(headerDescription)
	s := status{serial: f.serialOf(m.Subject), text: strings.TrimSpace(code + " " + text)}
	s.msgs, _ = strconv.Atoi(m.Header.Get(headerPendingMsgs)) // absent: 0
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
	case "503": // no responders: no server has the consumer
		s.kind = statusBroken
	default: // 400, 412, 423 and codes of later servers
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

// endOf accounts for the end of a pull. It returns an anomaly if the end means more than that.
func (f *feed) endOf(s status) *anomaly {
	untouched := f.ended(s.serial, s.msgs, s.bytes)
	switch {
	case s.kind == statusBroken:
		return &anomaly{reason: "server says: " + s.text}
	case s.kind == statusRefused:
		return &anomaly{
			reason: "server refuses the pull: " + s.text,
			advice: "change the limit that the answer names, of the consumer, the account or the server",
		}
	case untouched && strings.HasSuffix(s.text, textTooLarge) && !f.grow():
		return &anomaly{final: true, reason: fmt.Sprintf(
			"a message is larger than the %d bytes that the consumer allows a pull (max_bytes): raise that limit",
			f.limits.bytes)}
	default:
		return nil
	}
}
