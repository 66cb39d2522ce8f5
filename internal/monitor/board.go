// Package monitor shows the captures of a process to operators: over HTTP as metrics, probes, status and a page, as a
// file of metrics, and as a heartbeat. It only reads what the captures count.
package monitor

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/internal/status"
	"github.com/jetcapture/jetcapture/promexport"
)

// Board has the captures of a process. Any goroutine may use it. The zero value has none.
type Board struct {
	// Fleet returns the fleet that the process works for; nil if it does not. It is set before the board is shown.
	Fleet func() *status.Fleet

	mu  sync.Mutex
	all []*Entry
}

// Entry is a capture on a Board.
type Entry struct {
	mu   sync.Mutex
	what status.Running // its Stats are those of the end, or of the time before Run
	runs Capture        // nil while it does not run

	events published
}

// Capture is a capture that runs. Any goroutine may ask it.
type Capture interface {
	Stats() jetcapture.Stats
	// LargestBlocks returns at most n open blocks. It may have to wait until ctx ends.
	LargestBlocks(ctx context.Context, n int) ([]jetcapture.OpenBlock, error)
	// Flush makes a cut now, and returns when everything is stored that was read.
	Flush(ctx context.Context) error
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
	kept := slices.Clone(b.all) // entries has given out the old one
	b.all = slices.DeleteFunc(kept, func(other *Entry) bool { return other == e })
}

// Run says that the capture runs now. It may do so again after its end.
func (e *Entry) Run(c Capture) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.runs, e.what.Ended, e.what.Err = c, false, nil
}

// End says that the capture has ended. Its counters stay, and it is not held any more.
func (e *Entry) End(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.runs != nil {
		e.what.Stats, e.runs = e.runs.Stats(), nil
	}
	e.what.Ended, e.what.Err = true, err
}

// now returns the capture as it is now.
func (e *Entry) now() status.Running {
	e.mu.Lock()
	defer e.mu.Unlock()
	r := e.what
	if e.runs != nil {
		r.Stats = e.runs.Stats()
	}
	return r
}

// capture returns the capture while it runs, else nil.
func (e *Entry) capture() Capture {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.runs
}

const (
	largestBlocks = 10                     // that a status has
	largestWait   = 300 * time.Millisecond // for a capture that is at work
)

// Look returns the capture as it is now, with its largest blocks if it says them in time.
func (e *Entry) Look(ctx context.Context) status.Running {
	r := e.now()
	c := e.capture()
	if c == nil {
		return r
	}
	ctx, cancel := context.WithTimeout(ctx, largestWait)
	defer cancel()
	if blocks, err := c.LargestBlocks(ctx, largestBlocks); err == nil {
		r.Largest = blocks
	}
	return r
}

// look returns all captures as Look does. They are asked side by side.
func (b *Board) look(ctx context.Context) []status.Running {
	entries := b.entries()
	all := make([]status.Running, len(entries))
	var asked sync.WaitGroup
	for i, e := range entries {
		asked.Go(func() { all[i] = e.Look(ctx) })
	}
	asked.Wait()
	return all
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
