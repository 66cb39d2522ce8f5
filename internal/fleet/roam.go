package fleet

import (
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
)

// roaming brings a worker to another server if the queue does not answer through the one that it is connected to. That
// server may have lost its peers, and the network may lose every packet: the client would keep such a connection for
// minutes, or for ever. One goroutine uses it: first that of Run, then the one that renews.
//
// The captures of the worker may use the same connection. They are disturbed for a moment, so it is done less and less
// often.
type roaming struct {
	nc    *nats.Conn
	log   *slog.Logger
	since time.Time     // when the queue began not to answer, or when the worker last went to another server
	wait  time.Duration // until it goes
}

// mostRoaming is the longest time between two attempts.
const mostRoaming = 10 * time.Minute

// answered takes that the queue has answered.
func (r *roaming) answered() { r.since = time.Time{} }

// unanswered takes that the queue has not answered. first is how long the worker waits before it goes elsewhere.
func (r *roaming) unanswered(now time.Time, first time.Duration) {
	switch {
	case r.since.IsZero():
		r.since, r.wait = now, first
	case now.Sub(r.since) < r.wait || !r.nc.IsConnected(): // without a connection, the client looks for a server
	default:
		r.log.Warn("the fleet does not answer through this server, connecting to another one",
			"server", r.nc.ConnectedUrlRedacted())
		_ = r.nc.ForceReconnect() // fails if the connection is closed
		r.since, r.wait = now, min(2*r.wait, mostRoaming)
	}
}
