package main

import (
	"log/slog"
	"sync"
	"time"

	"github.com/jetcapture/jetcapture/internal/natsconn"
	"github.com/nats-io/nats.go"
)

// The times of roamers.
const (
	roamEvery = 5 * time.Second
	// roamAfter leaves time for the second question about an idle stream, which comes after 30 s: one may get lost while a
	// leader is elected. It ends before the minute that a start waits.
	roamAfter = 40 * time.Second
)

// roamers have a connection of captures leave its server if JetStream answers none of them there. Its methods may be
// called from any goroutine.
type roamers struct {
	log          *slog.Logger
	every, after time.Duration

	mu  sync.Mutex // guards all, and what is in it
	all map[*nats.Conn]*roamer
}

// roamer is a connection.
type roamer struct {
	captures map[*rowCapture]bool
	roaming  *natsconn.Roaming
}

func newRoamers(log *slog.Logger) *roamers {
	return &roamers{log: log, every: roamEvery, after: roamAfter, all: map[*nats.Conn]*roamer{}}
}

// add adds a capture that is about to run through a connection. The caller calls end when it has ended.
func (r *roamers) add(nc *nats.Conn, c *rowCapture) (end func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	one := r.all[nc]
	if one == nil {
		one = &roamer{captures: map[*rowCapture]bool{}, roaming: natsconn.NewRoaming(nc, r.log)}
		r.all[nc] = one
	}
	one.captures[c] = true
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if delete(one.captures, c); len(one.captures) == 0 {
			delete(r.all, nc)
		}
	}
}

// start starts a goroutine that looks from time to time. stop ends it and waits for it.
func (r *roamers) start() (stop func()) {
	ended, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(r.every)
		defer tick.Stop()
		for {
			select {
			case <-ended:
				return
			case now := <-tick.C:
				r.look(now)
			}
		}
	}()
	return func() {
		close(ended)
		<-done
	}
}

// look looks whether the captures get answers. Those that do keep their connection where it is for all others.
func (r *roamers) look(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, one := range r.all {
		if one.answered() {
			one.roaming.Answered()
		} else {
			one.roaming.Unanswered(now, r.after)
		}
	}
}

// answered reports whether a capture gets answers. The caller holds the lock of the roamers.
func (r *roamer) answered() bool {
	for c := range r.captures {
		if c.Stats().Unanswered.IsZero() {
			return true
		}
	}
	return false
}
