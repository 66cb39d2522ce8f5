package natsconn

import (
	"log/slog"
	"net"
	"net/url"
	"time"

	"github.com/nats-io/nats.go"
)

// Roaming brings a connection to another server if JetStream does not answer through the one that it is at. That server
// may have lost its peers, and the network may lose every packet: the client would keep such a connection for minutes,
// or for ever. One goroutine at a time uses it.
//
// All users of the connection are disturbed for a moment, so it is done less and less often.
type Roaming struct {
	nc    *nats.Conn
	log   *slog.Logger
	since time.Time     // when JetStream began not to answer, or when the connection last went to another server
	wait  time.Duration // until it goes
}

// mostRoaming is the longest time between two attempts.
const mostRoaming = 10 * time.Minute

// NewRoaming returns the Roaming of a connection.
func NewRoaming(nc *nats.Conn, log *slog.Logger) *Roaming { return &Roaming{nc: nc, log: log} }

// Answered notes that JetStream answers.
func (r *Roaming) Answered() { r.since = time.Time{} }

// Unanswered notes that JetStream does not answer, and brings the connection to another server when that has lasted for
// long: at first for the time first, then for twice as long each time.
func (r *Roaming) Unanswered(now time.Time, first time.Duration) {
	switch {
	case r.since.IsZero():
		r.since, r.wait = now, first
	case !r.nc.IsConnected(): // the client looks for a server, and the next one has as long as this one had
		r.since = now
	case now.Sub(r.since) < r.wait || isAlone(r.nc):
	default:
		r.log.Warn("JetStream does not answer through this server, connecting to another one",
			"server", r.nc.ConnectedUrlRedacted(), "for", now.Sub(r.since).Round(time.Second).String())
		_ = r.nc.ForceReconnect() // fails if the connection is closed
		r.since, r.wait = now, min(2*r.wait, mostRoaming)
	}
}

// isAlone reports whether the client knows of no other server. The name of one in a cluster may stand for several.
func isAlone(nc *nats.Conn) bool {
	if len(nc.Servers()) > 1 {
		return false
	}
	at, err := url.Parse(nc.ConnectedUrl())
	return err != nil || nc.ConnectedClusterName() == "" || net.ParseIP(at.Hostname()) != nil
}
