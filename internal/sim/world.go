// Package sim proves the cut log: it runs the real cutlog package and the real decisions of internal/engine under a simulated store, stream and clock,
// with processes that crash, pause, come back as zombies and write at the same time, and lets an oracle that shares no code with them
// check the archive. A schedule is a function of its seed.
package sim

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"time"

	"github.com/jetcapture/jetcapture/internal/engine"
)

var epochStart = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)

// Mutant takes one rule of the protocol out, to show that the simulation would notice.
type Mutant string

// The mutants.
const (
	None            Mutant = ""
	NoCreateOnly    Mutant = "no-create-only" // the store overwrites
	NoReadBack      Mutant = "no-read-back"   // "exists" is taken for one's own earlier try
	WinByWriter     Mutant = "win-by-writer"  // a plan by the same instance is taken for one's own
	AckBeforeDone   Mutant = "ack-before-done"
	NoRedo          Mutant = "no-redo"        // a plan without done is taken as carried out
	GroupByToday    Mutant = "group-by-today" // a redo groups by today's decoder
	NoAnchor        Mutant = "no-anchor"
	NoConsumerCheck Mutant = "no-consumer-check" // no CONSUMER.INFO before a cut
)

// Mutants lists all mutants.
func Mutants() []Mutant {
	return []Mutant{NoCreateOnly, NoReadBack, WinByWriter, AckBeforeDone, NoRedo, GroupByToday, NoAnchor, NoConsumerCheck}
}

// Config is what a world is made of.
type Config struct {
	Seed       uint64
	Mutant     Mutant
	Durable    bool // a durable consumer, else ordered reading
	WorkQueue  bool // acked messages are deleted; needs Durable
	Steps      int  // of chaos
	CrashOneIn int  // arrows
}

// NewConfig draws a configuration from a seed.
func NewConfig(seed uint64, m Mutant) Config {
	kind := seed % 3
	return Config{Seed: seed, Mutant: m, Durable: kind > 0, WorkQueue: kind == 2, Steps: 120, CrashOneIn: 25}
}

// Coverage counts what schedules went through.
type Coverage struct {
	Schedules, Plans, Redone, CutsLost, Overtaken, Awaited, Disturbed, Incarnations, LostAtRedo int
	Refused, LatePuts, LostResponses, Repeated, StaleLists                                      int
	Killed, Paused, Recreated, RolledBack, Resets, Expired, Deleted                             int
	Crossed, Crashed                                                                            map[string]int // by arrow
}

// Add sums up.
func (c *Coverage) Add(o Coverage) {
	sum, more := reflect.ValueOf(c).Elem(), reflect.ValueOf(o)
	for i := range sum.NumField() {
		if f := sum.Field(i); f.Kind() == reflect.Int {
			f.SetInt(f.Int() + more.Field(i).Int())
		}
	}
	for k, v := range o.Crossed {
		c.Crossed[k] += v
	}
	for k, v := range o.Crashed {
		c.Crashed[k] += v
	}
}

// Missing names what no schedule went through.
func (c Coverage) Missing() (names []string) {
	v := reflect.ValueOf(c)
	for i := range v.NumField() {
		if f := v.Field(i); f.Kind() == reflect.Int && f.Int() == 0 {
			names = append(names, v.Type().Field(i).Name)
		}
	}
	for point, n := range c.Crossed {
		if n == 0 || c.Crashed[point] == 0 {
			names = append(names, "crash at "+point)
		}
	}
	return names
}

// NewCoverage returns empty counters.
func NewCoverage() Coverage {
	c := Coverage{Crossed: map[string]int{}, Crashed: map[string]int{}}
	for _, point := range []string{
		engine.BeforePlan, engine.AfterPlan, engine.AfterFile, engine.AfterFiles, engine.AfterDone, engine.AfterAck, engine.AfterLost, engine.AfterFormat,
		engine.BeforeRedo,
	} {
		c.Crossed[point] = 0 // one that no schedule crosses is missed, too
	}
	return c
}

// World is one schedule.
type World struct {
	cfg      Config
	rng      *rand.Rand
	store    *store
	stream   *stream
	procs    []*process
	contents map[*engine.Block]*open
	parsed   map[uint64]*planRecord
	boots    int
	step     int
	faults   bool
	broken   []string // violations seen on the way
	Cov      Coverage
	// Trace, if set, hears of everything that happens, to find out why a seed fails.
	Trace func(format string, args ...any)
}

// trace tells what happens.
func (w *World) trace(format string, args ...any) {
	if w.Trace != nil {
		w.Trace("%5d "+format, append([]any{w.step}, args...)...)
	}
}

// NewWorld returns a world at its beginning.
func NewWorld(cfg Config) *World {
	w := &World{
		cfg: cfg, rng: rand.New(rand.NewPCG(cfg.Seed, 0x6a65740a)), Cov: NewCoverage(),
		contents: map[*engine.Block]*open{}, parsed: map[uint64]*planRecord{},
	}
	w.store = &store{w: w, objects: map[string][]byte{}}
	w.stream = newStream(w)
	w.Cov.Schedules = 1
	return w
}

// The faults of a store operation.
const (
	noFault = iota
	faultRefused
	faultLate
	faultLost
	faultRepeated
)

// fault draws what happens to a store operation.
func (w *World) fault() int {
	if !w.faults || w.rng.IntN(12) > 0 {
		return noFault
	}
	return 1 + w.rng.IntN(4)
}

// Run plays the schedule and returns what is wrong in the end.
func (w *World) Run() (violations []string) {
	defer func() {
		for _, p := range w.procs {
			p.kill()
		}
	}()
	w.faults = true
	w.stream.publish(3 + w.rng.IntN(10))
	w.start("a")
	for w.step = 0; w.step < w.cfg.Steps; w.step++ {
		w.store.flushLate(false)
		w.happen()
	}
	if v := w.settle(); v != "" {
		return append(w.broken, v)
	}
	return append(w.broken, judge(w)...)
}

// happen is one step of chaos.
func (w *World) happen() {
	switch n := w.rng.IntN(1000); {
	case n < 60:
		w.stream.publish(1 + w.rng.IntN(4))
	case n < 70 && !w.stream.cur.rolled:
		w.Cov.Expired++
		w.stream.expire(1 + w.rng.IntN(3))
	case n < 76 && !w.stream.cur.rolled:
		w.Cov.Deleted++
		w.stream.remove(1 + w.rng.Uint64N(w.stream.cur.last+1))
	case n < 79:
		w.Cov.Recreated++
		w.stream.recreate()
		w.stream.publish(w.rng.IntN(4))
	case n < 84:
		w.rollBack(1 + w.rng.IntN(6))
	case n < 89 && w.cfg.Durable:
		w.Cov.Resets++
		w.stream.reset()
	case n < 103:
		w.die()
	case n < 119:
		w.pause()
	case n < 133:
		w.rise()
	default:
		w.resume()
	}
}

// rollBack loses the newest n messages of the stream and lets it grow again. Only an anchor tells that: where it may have been dropped,
// on a work queue or after an expiry, nobody could notice, so the world does not do it there.
func (w *World) rollBack(n int) {
	if w.cfg.WorkQueue || !w.stream.whole(n) {
		return
	}
	w.Cov.RolledBack++
	w.stream.rollBack(n)
	w.stream.publish(w.rng.IntN(8))
}

func (w *World) live() []*process {
	return slices.DeleteFunc(slices.Clone(w.procs), func(p *process) bool { return p.over })
}

// die kills a process.
func (w *World) die() {
	if live := w.live(); len(live) > 0 {
		w.Cov.Killed++
		w.end(live[w.rng.IntN(len(live))])
	}
}

// end kills p.
func (w *World) end(p *process) {
	p.kill()
	p.over = true
}

// pause stops a process for a while: when it goes on, it is a zombie.
func (w *World) pause() {
	if live := w.live(); len(live) > 0 {
		w.Cov.Paused++
		live[w.rng.IntN(len(live))].paused = w.step + w.rng.IntN(80)
	}
}

// rise starts a process, at most three at a time.
func (w *World) rise() {
	if len(w.live()) < 3 {
		w.start([]string{"a", "a", "b"}[w.rng.IntN(3)])
	}
}

// resume lets a process go on.
func (w *World) resume() {
	ready := slices.DeleteFunc(w.live(), func(p *process) bool { return p.paused > w.step })
	if len(ready) == 0 {
		w.rise()
		return
	}
	w.advance(ready[w.rng.IntN(len(ready))])
}

// advance runs p up to its next touch of the world. A process that ends by itself has met something that it cannot mend.
func (w *World) advance(p *process) {
	if _, ok := p.next(); !ok {
		p.over = true
		if p.err != nil {
			w.broken = append(w.broken, fmt.Sprintf("process %s (%s) gave up: %v", p.instance, p.boot, p.err))
		}
	}
}

// settle ends the faults and lets one process, and the zombies that are left, finish.
func (w *World) settle() string {
	const limit = 30_000
	w.faults = false
	for _, p := range w.live() {
		if w.rng.IntN(2) == 0 {
			w.end(p)
		}
	}
	last := w.start("z")
	for range limit {
		w.step++
		w.store.flushLate(false)
		live := w.live()
		if len(live) == 0 {
			return "nobody is left to finish"
		}
		w.advance(live[w.rng.IntN(len(live))])
		if !slices.ContainsFunc(live, w.finished) {
			continue
		}
		w.store.flushLate(true) // one may be the plan of a zombie: then there is a cut more to finish
		if slices.ContainsFunc(live, w.finished) {
			for _, p := range w.live() {
				w.end(p)
			}
			return ""
		}
	}
	h := last.entry.Head
	return fmt.Sprintf("after %d steps without a fault the archive stands at cut %d, the stream at %d", limit, h.N, w.stream.cur.last)
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

// plan parses plan n, once.
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
