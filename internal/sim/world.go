// Package sim proves the cut log. It runs the real cutlog package and the real decisions of internal/engine on a
// simulated store, stream and clock. Processes crash, pause, come back as zombies and write at the same time. An
// oracle that shares no code with them checks the archive.
//
// There are two ways to drive a world: a Schedule is random and a function of its seed, a script is written by hand
// and tells one story, see testdata.
package sim

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jetcapture/jetcapture/internal/engine"
)

var epochStart = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)

// World is a store, a stream and the processes that capture the one into the other.
type World struct {
	cfg      Config
	luck     luck
	store    *store
	stream   *stream
	procs    []*process
	contents map[*engine.Block]*open
	parsed   map[uint64]*planRecord
	step     int
	broken   []string // violations seen on the way
	misread  int      // heads that a mutant has taken for others
	Cov      Coverage
	// Trace, if not nil, is told everything that happens. It helps to find out why a seed fails.
	Trace func(format string, args ...any)
}

// newWorld returns a world with an empty stream and an empty store.
func newWorld(cfg Config, l luck) *World {
	w := &World{
		cfg: cfg, luck: l, Cov: NewCoverage(), contents: map[*engine.Block]*open{}, parsed: map[uint64]*planRecord{},
	}
	w.store = &store{w: w, objects: map[string][]byte{}}
	w.stream = newStream(w)
	return w
}

// trace tells what happens.
func (w *World) trace(format string, args ...any) {
	if w.Trace != nil {
		w.Trace(format, args...)
	}
}

// live returns the processes that have neither ended nor died.
func (w *World) live() []*process {
	return slices.DeleteFunc(slices.Clone(w.procs), func(p *process) bool { return p.over })
}

// endAll kills every process.
func (w *World) endAll() {
	for _, p := range w.procs {
		p.end()
	}
}

// pulledByOther reports whether another process has a pull at the durable consumer. That of a paused one has expired.
func (w *World) pulledByOther(p *process) bool {
	return slices.ContainsFunc(w.live(), func(o *process) bool { return o != p && o.pulls && o.paused <= w.step })
}

// finished reports whether everything is stored, as far as p knows.
func (w *World) finished(p *process) bool {
	h := p.entry.Head
	if h.Plan == nil || h.Done == nil || !h.Plan.Stream.Created.Equal(w.stream.cur.created) {
		return false
	}
	if _, more := w.store.objects[planName(h.N+1)]; more || w.stream.cur.last < h.Plan.To {
		return false
	}
	if a := h.Plan.Anchor; a.Seq > 0 {
		if m, ok := w.stream.cur.alive[a.Seq]; ok && m.anchor(a.Seq) != a {
			return false
		}
	}
	for seq := range w.stream.cur.alive {
		// What a durable consumer has acknowledged before a rollback does not come again: the earlier incarnation has it.
		if seq > h.Plan.To && !(w.cfg.Durable && seq <= w.stream.consumer.floor) {
			return false
		}
	}
	return true
}

// acked checks, at the moment of an ack, that a done record covers the message.
func (w *World) acked(seq uint64) {
	n := uint64(1)
	var to uint64
	for ; ; n++ {
		if _, done := w.store.objects[doneName(n)]; !done {
			break
		}
		if p := w.plan(n); p != nil && p.Stream.Created.Equal(w.stream.cur.created) {
			to = p.To
		}
	}
	if seq > to {
		w.broken = append(w.broken, fmt.Sprintf("sequence %d was acknowledged, done records cover up to %d", seq, to))
	}
}

// plan returns plan n as the oracle reads it, or nil. It parses each plan once.
func (w *World) plan(n uint64) *planRecord {
	data := w.store.objects[planName(n)]
	if p := w.parsed[n]; p != nil && len(data) > 0 && w.cfg.Mutant != NoCreateOnly {
		return p
	}
	p, err := parsePlan(data)
	if err != nil {
		return nil
	}
	w.parsed[n] = p
	return p
}

// sortedNames lists the objects.
func (w *World) sortedNames() []string { return slices.Sorted(maps.Keys(w.store.objects)) }
