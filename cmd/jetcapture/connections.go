package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/jetcapture/jetcapture/internal/natsconn"
	"github.com/jetcapture/jetcapture/internal/urls"
	"github.com/nats-io/nats.go"
)

// perConnection is how many captures share a connection. The server ends one for which more than 64 MiB wait, and each
// quiet capture may be sent 256 KiB at once.
const perConnection = 100

// reach says how captures reach a server, and how long they wait for it at the start.
type reach struct {
	natsconn.Config
	wait time.Duration
}

// link is a connection and the prefix of its JetStream API.
type link struct {
	*nats.Conn
	prefix string
}

// connections are those that captures share which reach the server in the same way, under the same user.
type connections = sharing[reach, link]

// newConnections returns none yet. options come on top of each configuration.
func newConnections(log *slog.Logger, options ...nats.Option) *connections {
	return &connections{
		most: perConnection,
		open: func(ctx context.Context, r reach) (l link, err error) {
			l.Conn, l.prefix, err = natsconn.ConnectWithin(ctx, r.wait, r.Config, log, options...)
			if err == nil {
				log.Info("connected", "jetcapture", version, "server", urls.Show(l.ConnectedUrl()))
			}
			return l, err
		},
		close: func(l link) error {
			l.Close()
			return nil
		},
		closed: func(l link) bool { return l.IsClosed() },
	}
}
