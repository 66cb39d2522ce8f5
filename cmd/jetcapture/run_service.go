package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/monitor"
	"github.com/jetcapture/jetcapture/internal/service"
	"github.com/nats-io/nats.go"
)

// serve shows a capture on NATS until stop is called. Without the permissions, or without a connection, it says so in
// one line: the capture does not need it.
func (r *runner) serve(s *settings, output string, seen *monitor.Entry, c monitor.Capture) (stop func()) {
	if !s.service.micro {
		return func() {}
	}
	log := r.log.With("capture", s.capture.name())
	nc, leave, err := r.services.take(context.Background(), reach{Config: s.nats.named("jetcapture service")})
	if err != nil {
		log.Warn("there is no micro service", "error", err)
		return func() {}
	}
	name := cutlog.EscapeSegment(s.capture.name())
	host, _ := os.Hostname() // for people
	whose := map[string]string{
		"capture": name, "stream": s.capture.library.NATSStreamName, "host": host, "output": output,
	}
	if i := s.capture.library.Archive.Instance; i != "" { // else one is chosen when reading begins, see the status
		whose["instance"] = i
	}
	served, err := service.Start(nc.Conn, service.Config{
		Version: version, Capture: name, Metadata: whose,
		Status: func() any {
			is := seen.Look(context.Background()) // which has a limit of its own
			return is.Of(time.Now())
		},
		Flush: c.Flush,
	})
	if err != nil {
		log.Warn("there is no micro service", "error", err)
		_ = leave()
		return func() {}
	}
	return func() {
		_ = served.Close() // its subscriptions end with the connection at the latest
		_ = leave()
	}
}

// newServiceConnections returns the connections of micro services. The captures do not need them, so nothing is logged
// but that permissions are missing, once.
func newServiceConnections(log *slog.Logger) *connections {
	var once sync.Once
	denied := func(_ *nats.Conn, _ *nats.Subscription, err error) {
		if errors.Is(err, nats.ErrPermissionViolation) {
			once.Do(func() {
				log.Warn("the micro service is not whole: the user lacks permissions, see docs/COMMAND.md", "error", err)
			})
		}
	}
	return newConnections(slog.New(slog.DiscardHandler), nats.ErrorHandler(denied))
}
