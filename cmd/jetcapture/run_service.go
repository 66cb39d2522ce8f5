package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"sync"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/natsconn"
	"github.com/jetcapture/jetcapture/internal/service"
	"github.com/nats-io/nats.go"
)

// running is a capture as others may ask it.
type running interface {
	Stats() jetcapture.Stats
	Flush(ctx context.Context) error
}

// serve shows a capture on NATS until stop is called. Without the permissions, or without a connection, it says so in
// one line: the capture does not need it.
func (r *runner) serve(s *settings, output string, c running) (stop func()) {
	if !s.service.micro {
		return func() {}
	}
	log := r.log.With("capture", s.capture.name())
	var once sync.Once
	denied := func(_ *nats.Conn, _ *nats.Subscription, err error) {
		if errors.Is(err, nats.ErrPermissionViolation) {
			once.Do(func() {
				log.Warn("the micro service is not whole: the user lacks permissions, see docs/COMMAND.md", "error", err)
			})
		}
	}
	nc, _, err := natsconn.Connect(s.nats.named("jetcapture service"), slog.New(slog.DiscardHandler),
		nats.ErrorHandler(denied))
	if err != nil {
		log.Warn("there is no micro service", "error", err)
		return func() {}
	}
	name := cutlog.EscapeSegment(s.capture.name())
	host, _ := os.Hostname() // for people
	served, err := service.Start(nc, service.Config{
		Version: version, Capture: name,
		Metadata: map[string]string{
			"capture": name, "stream": s.capture.library.NATSStreamName, "host": host, "output": output,
			"instance": s.capture.library.Archive.Instance,
		},
		Status: func() any { return statusOf(name, s.capture.library.NATSStreamName, output, c.Stats()) },
		Flush:  c.Flush,
	})
	if err != nil {
		log.Warn("there is no micro service", "error", err)
		nc.Close()
		return func() {}
	}
	return func() {
		_ = served.Close() // the connection ends with it
		nc.Close()
	}
}

// captureStatus is what the service answers about a capture, for scripts: members are added, never renamed.
type captureStatus struct {
	Capture string           `json:"capture"`
	Stream  string           `json:"stream"`
	Output  string           `json:"output"`
	State   jetcapture.State `json:"state"`
	Source  struct {
		Lag     uint64 `json:"lag"`
		ReadSeq uint64 `json:"read_seq"`
	} `json:"source"`
	Archive struct {
		StoredSeq  uint64 `json:"stored_seq"`
		OpenBlocks int64  `json:"open_blocks"`
		Retries    int64  `json:"retries"`
		LastError  string `json:"last_error"`
	} `json:"archive"`
	Accounting struct {
		Messages int64            `json:"messages"`
		Bytes    int64            `json:"bytes"`
		Rows     int64            `json:"rows"`
		Files    int64            `json:"files"`
		Dead     int64            `json:"dead"`
		Skipped  int64            `json:"skipped"`
		Lost     map[string]int64 `json:"lost"`
		Absent   int64            `json:"absent"`
	} `json:"accounting"`
}

func statusOf(capture, stream, output string, s jetcapture.Stats) captureStatus {
	c := captureStatus{Capture: capture, Stream: stream, Output: output, State: s.State}
	c.Source.Lag, c.Source.ReadSeq = s.Lag, s.LastSeq
	c.Archive.StoredSeq, c.Archive.OpenBlocks = s.StoredSeq, s.OpenBlocks
	c.Archive.Retries, c.Archive.LastError = s.Retries, s.StoreError
	a := &c.Accounting
	a.Messages, a.Bytes, a.Rows, a.Files = s.Messages, s.Bytes, s.Rows, s.Blocks
	a.Dead, a.Skipped, a.Lost, a.Absent = s.Dead, s.Skipped, s.LostBy, s.Absent
	return c
}
