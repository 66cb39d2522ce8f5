// Package top shows captures on a terminal, wherever their processes run: it asks them for their status, over HTTP or
// NATS, follows the answers, and draws them as text.
package top

import (
	"context"
	"sync"
	"time"

	"github.com/jetcapture/jetcapture/internal/status"
)

// Seen is a capture as its process has described it.
type Seen struct {
	status.Capture
	Process Process `json:"process"`
}

// Process is the process of a capture, as far as it is known.
type Process struct {
	From    string    `json:"from"` // what tells it from others: its URL, or the id of its micro service
	Host    string    `json:"host,omitempty"`
	Version string    `json:"version"`
	Started time.Time `json:"started"`
	Now     time.Time `json:"now"` // when it answered, by its own clock if it told that
}

// Source is something that knows captures. It is asked by one goroutine at a time.
type Source interface {
	// Look returns all captures that the source knows, as they are now, and the fleet that it works for, if it is a worker
	// of one. With an error it may return some.
	Look(ctx context.Context) ([]Seen, *status.Fleet, error)
}

// Found is what one look at all sources has found. As JSON it is for scripts: fields are added, never renamed.
type Found struct {
	Now      time.Time `json:"now"`
	Captures []Seen    `json:"captures"`
	// Fleets are those that the processes work for, each as one of its workers sees it.
	Fleets []*status.Fleet `json:"fleets,omitempty"`
	Errors []string        `json:"errors"` // of sources that cannot be asked
}

// Look asks all sources side by side.
func Look(ctx context.Context, sources []Source) Found {
	seen, fleets, failed := make([][]Seen, len(sources)), make([]*status.Fleet, len(sources)), make([]error, len(sources))
	var all sync.WaitGroup
	for i, s := range sources {
		all.Go(func() { seen[i], fleets[i], failed[i] = s.Look(ctx) })
	}
	all.Wait()
	f := Found{Now: time.Now().UTC(), Captures: []Seen{}, Errors: []string{}}
	for i := range sources {
		f.Captures = append(f.Captures, seen[i]...)
		if fleets[i] != nil {
			f.Fleets = append(f.Fleets, fleets[i])
		}
		if failed[i] != nil {
			f.Errors = append(f.Errors, failed[i].Error())
		}
	}
	return f
}
