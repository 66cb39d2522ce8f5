// Package service shows a capture on NATS as a micro service: `nats micro ls`, `nats micro info` and `nats micro stats`
// know it, and it answers requests for its status and for a cut.
package service

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

// Name is the name of the service, the same for all captures: `nats micro stats jetcapture` lists them.
const Name = "jetcapture"

// Config says what a service shows.
type Config struct {
	Version  string            // semantic
	Capture  string            // name of the capture, escaped
	Metadata map[string]string // whose the service is; without secrets
	// Status returns what the status endpoint and the statistics of the service answer, as JSON. It is called from any
	// goroutine.
	Status func() any
	// Flush makes a cut and returns when it is stored. It is called from any goroutine. ctx ends when the service stops,
	// or after FlushTimeout. If it is nil, there is no endpoint for it.
	Flush func(ctx context.Context) error
}

// FlushTimeout is how long a flush may take. The request of a client ends earlier unless it waits as long.
const FlushTimeout = 5 * time.Minute

// StatusSubject and FlushSubject are where the endpoints of a capture listen. A subject has a token for the whole name.
func StatusSubject(capture string) string { return "jetcapture.status." + token(capture) }

// FlushSubject is that of StatusSubject for a cut.
func FlushSubject(capture string) string { return "jetcapture.flush." + token(capture) }

// token makes one token of the name of a capture, which may have dots. An escaped name has no %2E.
func token(capture string) string { return strings.ReplaceAll(capture, ".", "%2E") }

// Service is a running service.
type Service struct {
	cfg   Config
	micro micro.Service
	work  context.Context //nolint:containedctx // of the handlers, which get none of their own
	stop  context.CancelFunc
	room  chan struct{} // holds one for each flush that is waiting
	all   sync.WaitGroup
}

// maxFlushes is how many flushes may wait at the same time. One cut answers all of them.
const maxFlushes = 64

// Start adds the service to a connection that is for it alone: package micro takes the connection's handlers. What the
// server denies it tells to the connection's error handler, and the rest works.
func Start(nc *nats.Conn, cfg Config) (*Service, error) {
	s := &Service{cfg: cfg, room: make(chan struct{}, maxFlushes)}
	s.work, s.stop = context.WithCancel(context.Background())
	var err error
	s.micro, err = micro.AddService(nc, micro.Config{
		Name: Name, Version: cfg.Version, Description: "copies a stream of NATS into files", Metadata: cfg.Metadata,
		QueueGroupDisabled: true, // each process answers
		StatsHandler:       func(*micro.Endpoint) any { return cfg.Status() },
	})
	if err == nil {
		err = s.addEndpoints()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("show the capture as a micro service: %w", err), s.Close())
	}
	return s, nil
}

func (s *Service) addEndpoints() error {
	err := s.micro.AddEndpoint("status", micro.HandlerFunc(s.status),
		micro.WithEndpointSubject(StatusSubject(s.cfg.Capture)))
	if err != nil || s.cfg.Flush == nil {
		return err
	}
	return s.micro.AddEndpoint("flush", micro.HandlerFunc(s.flush), micro.WithEndpointSubject(FlushSubject(s.cfg.Capture)))
}

// Close ends the service. A flush that is waiting gets an error. The connection stays open.
func (s *Service) Close() error {
	s.stop()
	var err error
	if s.micro != nil {
		err = s.micro.Stop()
	}
	s.all.Wait()
	return err
}

func (s *Service) status(r micro.Request) { _ = r.RespondJSON(s.cfg.Status()) } // who asked may be gone

// flushed is the answer to a flush.
type flushed struct {
	Took   float64 `json:"took_s"`
	Status any     `json:"status"` // after the cut
}

// flush lets a goroutine answer, since the endpoint has only one for all requests.
func (s *Service) flush(r micro.Request) {
	select {
	case s.room <- struct{}{}:
		s.all.Go(func() {
			s.flushNow(r)
			<-s.room
		})
	default:
		_ = r.Error("429", "too many flushes are waiting", nil) // who asked may be gone
	}
}

// flushNow answers when everything that was read before is stored.
func (s *Service) flushNow(r micro.Request) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(s.work, FlushTimeout)
	defer cancel()
	if err := s.cfg.Flush(ctx); err != nil {
		_ = r.Error("503", err.Error(), nil) // who asked may be gone
		return
	}
	_ = r.RespondJSON(flushed{Took: time.Since(began).Seconds(), Status: s.cfg.Status()}) // as above
}
