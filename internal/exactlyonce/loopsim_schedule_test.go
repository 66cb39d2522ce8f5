package exactlyonce

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

const (
	steps = 60 // of chaos
	// patience is for the end of a schedule, when there are no more faults. What a consumer has passed over at the end
	// of a silent stream is noticed by the next empty cut only, which comes after an hour.
	patience = 2 * time.Hour
)

// outcome is what a schedule has met, and the sum of the archive that it leaves.
type outcome struct {
	met     map[string]int
	archive string
}

// play plays the schedule of a seed, and returns its outcome and what is wrong in the end.
func play(t *testing.T, seed uint64, m mutant) (end outcome, wrong error) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, seed, m)
		w.publish(1 + w.rng.IntN(8))
		w.launch("a")
		for range steps {
			w.wait(time.Duration(1+w.rng.IntN(20_000)) * time.Millisecond)
			for _, p := range w.live() {
				p.race()
			}
			w.happen()
		}
		wrong = errors.Join(w.settle(), w.end())
		end = outcome{w.met, w.sum()}
	})
	return end, wrong
}

// happen is one step of chaos.
func (w *world) happen() {
	switch n := w.rng.IntN(100); {
	case n < 47:
		w.publish(1 + w.rng.IntN(5))
	case n < 50:
		w.elect(time.Duration(w.rng.IntN(180)-90) * time.Second)
	case n < 56:
		w.expire(1 + w.rng.IntN(3))
	case n < 60:
		w.remove(w.cur.last - w.rng.Uint64N(min(w.cur.last, 6)+1))
	case n < 62:
		w.recreate()
		w.publish(w.rng.IntN(4))
	case n < 66:
		w.rollBack(1 + w.rng.Uint64N(5))
		w.publish(w.rng.IntN(8))
	case n < 77:
		if p := w.anyone(); p != nil {
			p.freeze(time.Duration(1+w.rng.IntN(60_000)) * time.Millisecond)
		}
	case n < 82:
		if p := w.anyone(); p != nil {
			w.trace("%s is killed", p.name)
			p.kill()
		}
	case n < 85:
		if p := w.anyone(); p != nil {
			p.stop()
		}
	case len(w.live()) < 3:
		w.launch([]string{"a", "a", "b"}[w.rng.IntN(3)])
	}
}

// live returns the processes that run or are frozen.
func (w *world) live() (live []*process) {
	for _, p := range w.procs {
		if !p.isDead() && !p.hasEnded() {
			live = append(live, p)
		}
	}
	return live
}

// anyone returns one of the live processes, or nil.
func (w *world) anyone() *process {
	live := w.live()
	if len(live) == 0 {
		return nil
	}
	return live[w.rng.IntN(len(live))]
}

// settle ends the faults. Then one process must finish alone: one that was there, perhaps a zombie, or a new one.
func (w *world) settle() error {
	w.calm.Store(true)
	last := w.anyone()
	for _, p := range w.live() {
		if p != last || p.stopped || p.once || w.rng.IntN(2) == 0 {
			p.kill()
		}
	}
	if len(w.live()) == 0 {
		w.launch("z")
	}
	w.trace("%s is alone", w.live()[0].name)
	w.publish(1 + w.rng.IntN(8))
	var v verdict
	judged := -1
	for began := time.Now(); time.Since(began) < patience; w.wait(5 * time.Second) {
		cuts := w.done()
		if !w.quiet() || cuts == judged { // reading the archive takes long, so only after news
			continue
		}
		judged = cuts
		if v = w.judge(); v.wrong != nil || v.missing == nil {
			return v.wrong
		}
	}
	return fmt.Errorf("%v after the last fault: %w", patience, v.missing)
}

// done returns how many cuts were reported as done.
func (w *world) done() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.cuts
}

// end ends all processes, and returns what is wrong with those that have ended before.
func (w *world) end() (wrong error) {
	for _, p := range w.procs {
		wrong = errors.Join(wrong, p.wrong())
		p.kill()
	}
	for _, p := range w.procs {
		<-p.over
	}
	w.late.Wait()
	return wrong
}
