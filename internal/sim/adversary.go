package sim

import "math"

// Adversary is a schedule whose processes are workers of a fleet, which capture while they believe that they hold the
// lease. Who grants it is out to do harm. It gives it to one, to several or to nobody. It takes it away in the middle
// of a cut, from a worker that is frozen just then, and lets that worker go on by its old grant when others have had
// the task. In the end it becomes fair.
type Adversary struct{ *Schedule }

// mostWorkers is how many workers there are at a time.
const mostWorkers = 6

// NewAdversary returns the schedule of a configuration, at its beginning.
func NewAdversary(cfg Config) *Adversary {
	a := &Adversary{newSchedule(cfg)}
	a.World = newWorld(cfg, a)
	a.Cov.Schedules = 1
	return a
}

// Run plays the schedule and returns what is wrong in the end.
func (a *Adversary) Run() (violations []string) { return a.run(a.processes) }

// processes is what happens to the workers in step n of a thousand.
func (a *Adversary) processes(n int) {
	switch running := a.running(); {
	case n < 130:
		a.grant()
	case n < 140:
		a.die()
	case n < 146:
		a.elect()
	case len(running) > 0:
		a.advance(running[a.rng.IntN(len(running))])
	}
}

// running returns the workers that are not frozen, and frozen those that are, the one with the oldest grant first.
func (a *Adversary) running() (running []*process) { return a.those(false) }

func (a *Adversary) frozen() []*process { return a.those(true) }

func (a *Adversary) those(frozen bool) (those []*process) {
	for _, p := range a.live() {
		if (p.paused > a.step) == frozen {
			those = append(those, p)
		}
	}
	return those
}

// grant decides who captures from now on.
func (a *Adversary) grant() {
	switch a.rng.IntN(4) {
	case 0: // one, and those who had the task do not know
		a.freezeAll()
		a.hire()
	case 1: // several at once, each by a grant of its own
		a.hire()
		for _, p := range a.frozen() {
			p.paused = 0
		}
	case 2: // nobody
		a.freezeAll()
	case 3: // one that was frozen, by its old grant
		if frozen := a.frozen(); len(frozen) > 0 {
			a.freezeAll()
			frozen[0].paused = 0
		}
	}
}

// hire starts a worker, unless there are many.
func (a *Adversary) hire() {
	if len(a.live()) < mostWorkers {
		a.launch([]string{"a", "b", "c"}[a.rng.IntN(3)])
	}
}

// freezeAll stops all workers where they stand.
func (a *Adversary) freezeAll() {
	for _, p := range a.running() {
		a.Cov.Paused++
		p.paused = math.MaxInt
	}
}

// crosses is where the adversary is worst, at the arrows of the protocol: it takes the lease away there and gives it
// to another worker, or it lets one go on that was frozen long ago.
func (a *Adversary) crosses(p *process, arrow string) bool {
	if a.Schedule.crosses(p, arrow) {
		return true
	}
	if a.calm || p.still {
		return false
	}
	frozen := a.frozen()
	switch a.rng.IntN(8) {
	case 0:
		a.Cov.Paused++
		p.paused = math.MaxInt
		a.hire()
		p.stand()
	case 1:
		if len(frozen) > 0 {
			frozen[0].paused = 0
		}
	}
	return false
}
