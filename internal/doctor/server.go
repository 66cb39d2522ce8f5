package doctor

import (
	"fmt"
	"time"

	"github.com/jetcapture/jetcapture/internal/permission"
	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/jetcapture/jetcapture/internal/urls"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// natsFacts is what an examination has learnt of the server.
type natsFacts struct {
	conn   *nats.Conn // nil: there is none
	prefix string     // of the JetStream API
	rules  []permission.Rule
	mute   bool // no answer can come
	// subjects that get no answer, so that nobody waits for one again
	unanswered []string
	source     *reader.Source
	stream     *jetstream.StreamInfo // nil: not known
	asked      time.Time             // when stream was asked for, by our clock
	consumer   *jetstream.ConsumerInfo
}

// now is the time by the server's clock, as far as that is known.
func (n *natsFacts) now() time.Time {
	if n.stream == nil || n.stream.TimeStamp.IsZero() {
		return time.Now()
	}
	return n.stream.TimeStamp.Add(time.Since(n.asked))
}

// connect is check N1.
func (e *exam) connect() bool {
	const name = "connection"
	nc, prefix, err := e.Connect()
	if err != nil {
		e.problem("N1", name, err.Error(), "nothing can be read without it", "nats rtt")
		return false
	}
	if prefix == "" {
		prefix = "$JS.API"
	}
	e.nats.conn, e.nats.prefix = nc, prefix
	e.Capture.APIPrefix, e.Capture.Inbox = prefix, nc.Opts.InboxPrefix
	e.nats.rules = e.Capture.Rules()
	e.nats.source = reader.NewSource(nc, prefix, e.Capture.Stream)
	return true
}

// checkServer ends check N1: what is known of the server's version.
func (e *exam) checkServer() {
	const name = "connection"
	nc := e.nats.conn
	seen := fmt.Sprintf("nats-server %s at %s", nc.ConnectedServerVersion(), urls.Show(nc.ConnectedUrl()))
	version := nc.ConnectedServerVersion()
	durable, sound := e.Capture.Durable != "", true
	if durable && older(version, 2, 14, 0) {
		sound = false
		e.problem("N1", name, seen, "a durable consumer is reset to what is stored, which servers before 2.14 cannot do",
			"update nats-server to 2.14 or later, or leave out --consumer-name on a stream with limits retention")
	}
	if len(e.Filter) > 1 && older(version, 2, 14, 4) {
		sound = false
		e.warn("N1", name, seen,
			"servers up to 2.14.3 can leave out messages of a consumer with several filter subjects (nats-server #8571); the "+
				"capture asks the stream for what is missing, which is slow",
			"update nats-server, or begin a capture without --filter-subject")
	}
	if durable && e.nats.prefix != "$JS.API" && older(version, 2, 14, 4) {
		sound = false
		e.warn("N1", name, seen, "servers up to 2.14.3 lose the answer to a RESET through an import (nats-server #8396)",
			"update nats-server")
	}
	if sound {
		e.ok("N1", name, seen)
	}
}

// older reports whether a version is older than another one. It is false for what is not a version.
func older(version string, major, minor, patch int) bool {
	var a, b, c int
	if n, _ := fmt.Sscanf(version, "%d.%d.%d", &a, &b, &c); n != 3 {
		return false
	}
	if a != major {
		return a < major
	}
	if b != minor {
		return b < minor
	}
	return c < patch
}
