// Package monitor shows the captures of a process to operators: over HTTP as metrics, probes, status and a page, as a
// file of metrics, and as a heartbeat. It only reads what the captures count.
package monitor

import (
	"slices"
	"sync"
	"time"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/internal/status"
	"github.com/jetcapture/jetcapture/promexport"
)

// Board has the captures of a process. Any goroutine may use it. The zero value has none.
type Board struct {
	mu  sync.Mutex
	all []*Entry
}

// Entry is a capture on a Board.
type Entry struct {
	mu    sync.Mutex
	what  status.Running // its Stats are those of the end, or of the time before Run
	stats func() jetcapture.Stats
}

// Add adds a capture that has not started, so that its metrics are there before it counts anything. Of what, Capture,
// Stream, Output and Consumer are set.
func (b *Board) Add(what status.Running) *Entry {
	now := time.Now()
	what.Stats = jetcapture.Stats{State: jetcapture.StateStarting, Began: now, Since: now, Pulse: now}
	e := &Entry{what: what}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.all = append(b.all, e)
	return e
}

// Remove takes a capture off the board: nothing of it is shown any more.
func (b *Board) Remove(e *Entry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.all = slices.DeleteFunc(slices.Clone(b.all), func(other *Entry) bool { return other == e }) // entries has given it out
}

// Run says that the capture runs now, and counts. It may do so again after its end.
func (e *Entry) Run(stats func() jetcapture.Stats) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stats, e.what.Ended, e.what.Err = stats, false, nil
}

// End says that the capture has ended. Its counters stay, and it is not held any more.
func (e *Entry) End(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.stats != nil {
		e.what.Stats, e.stats = e.stats(), nil
	}
	e.what.Ended, e.what.Err = true, err
}

// now returns the capture as it is now.
func (e *Entry) now() status.Running {
	e.mu.Lock()
	defer e.mu.Unlock()
	r := e.what
	if e.stats != nil {
		r.Stats = e.stats()
	}
	return r
}

// entries returns the captures, in the order in which they were added.
func (b *Board) entries() []*Entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clip(b.all)
}

// Running returns all captures as they are now.
func (b *Board) Running() (all []status.Running) {
	for _, e := range b.entries() {
		all = append(all, e.now())
	}
	return all
}

// exported returns all captures for their metrics.
func (b *Board) exported() (all []promexport.Capture) {
	for _, e := range b.entries() {
		all = append(all, promexport.Capture{
			Name: e.what.Capture, Stream: e.what.Stream, Stats: func() jetcapture.Stats { return e.now().Stats },
		})
	}
	return all
}

// Healthy reports whether all captures store what they read in time.
func (b *Board) Healthy(now time.Time) bool {
	for _, r := range b.Running() {
		if r.Of(now).Health.Code != status.OK {
			return false
		}
	}
	return true
}
