package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/jetcapture/jetcapture/internal/engine"
)

// Schedule is a world at random. Everything that happens in it is a function of its seed.
type Schedule struct {
	*World
	rng  *rand.Rand
	calm bool // the faults are over
}

// NewSchedule returns the schedule of a configuration, at its beginning.
func NewSchedule(cfg Config) *Schedule {
	s := newSchedule(cfg)
	s.World = newWorld(cfg, s)
	s.Cov.Schedules = 1
	return s
}

// newSchedule returns a schedule without a world.
func newSchedule(cfg Config) *Schedule {
	return &Schedule{rng: rand.New(rand.NewPCG(cfg.Seed, 0x6a65740a))}
}

// Run plays the schedule and returns what is wrong in the end.
func (s *Schedule) Run() (violations []string) { return s.run(s.processes) }

// run plays the schedule. In a step in which nothing happens to the stream, it calls processes with the step's number
// of a thousand.
func (s *Schedule) run(processes func(n int)) (violations []string) {
	defer s.endAll()
	s.stream.publish(3 + s.rng.IntN(10))
	s.rise()
	for s.step = 0; s.step < s.cfg.Steps; s.step++ {
		s.store.flushLate(false)
		if n := s.rng.IntN(1000); !s.happens(n) {
			processes(n)
		}
	}
	if v := s.settle(); v != "" {
		return append(s.broken, v)
	}
	return append(s.broken, judge(s.World)...)
}

// streamEvents is how many of a thousand steps are events of the stream.
const streamEvents = 102

// happens is what happens to the stream in step n of a thousand. It reports whether anything did.
func (s *Schedule) happens(n int) bool {
	switch {
	case n < 60:
		s.stream.publish(1 + s.rng.IntN(4))
	case n < 70 && !s.stream.cur.rolled:
		s.Cov.Expired++
		s.stream.expire(1 + s.rng.IntN(3))
	case n < 76 && !s.stream.cur.rolled:
		s.Cov.Deleted++
		s.stream.remove(1 + s.rng.Uint64N(s.stream.cur.last+1))
	case n < 79:
		s.Cov.Recreated++
		s.stream.recreate()
		s.stream.publish(s.rng.IntN(4))
	case n < 84:
		s.rollBack(1 + s.rng.IntN(6))
	case n < 90:
		s.stream.back()
	case n < 97:
		s.restore()
	case n < streamEvents && s.cfg.Durable:
		s.Cov.Resets++
		s.stream.reset()
	default:
		return false
	}
	return true
}

// processes is what happens to the processes in step n of a thousand.
func (s *Schedule) processes(n int) {
	switch {
	case n < 116:
		s.die()
	case n < 132:
		s.pause()
	case n < 146:
		s.rise()
	case n < 152:
		s.elect()
	default:
		s.resume()
	}
}

// rollBack loses the newest n messages of the stream and lets it grow again. Only an anchor tells that. On a work
// queue, and where messages have expired, the anchor may be gone and nobody could notice, so the schedule does not do
// it there.
func (s *Schedule) rollBack(n int) {
	if s.cfg.WorkQueue || !s.stream.whole(n) {
		return
	}
	s.Cov.RolledBack++
	s.stream.rollBack(n)
	s.stream.backup = nil // restored now, it would have older messages than what was stored since, which nobody could tell
	s.stream.publish(s.rng.IntN(8))
}

// restore restores the stream, and lets it grow. On a work queue the acknowledged messages come back, and where the
// anchors of the log are not among them, nobody can tell; so it is not done there.
func (s *Schedule) restore() {
	if s.cfg.WorkQueue || s.stream.backup == nil {
		return
	}
	s.Cov.Restored++
	s.stream.restore(s.rng.IntN(2) == 0)
	s.stream.publish(s.rng.IntN(8))
}

// elect gives the stream another leader, whose clock differs.
func (s *Schedule) elect() {
	s.Cov.Leaders++
	s.stream.clock = time.Duration(s.rng.IntN(21)-10) * time.Second
}

// die kills a process.
func (s *Schedule) die() {
	if live := s.live(); len(live) > 0 {
		s.Cov.Killed++
		live[s.rng.IntN(len(live))].end()
	}
}

// pause stops a process for a while. When it goes on, it may be a zombie.
func (s *Schedule) pause() {
	if live := s.live(); len(live) > 0 {
		s.Cov.Paused++
		live[s.rng.IntN(len(live))].paused = s.step + s.rng.IntN(80)
	}
}

// rise starts a process, at most three at a time.
func (s *Schedule) rise() {
	if len(s.live()) < 3 {
		s.launch([]string{"a", "a", "b"}[s.rng.IntN(3)])
	}
}

// launch starts a process of an instance. Its decoder is of any version.
func (s *Schedule) launch(instance string) *process {
	return s.start(instance, fmt.Sprintf("%s%d", instance, len(s.procs)+1), s.rng.IntN(3))
}

// resume lets a process go on.
func (s *Schedule) resume() {
	ready := slices.DeleteFunc(s.live(), func(p *process) bool { return p.paused > s.step })
	if len(ready) == 0 {
		s.rise()
		return
	}
	s.advance(ready[s.rng.IntN(len(ready))])
}

// advance runs p up to its next touch of the world. A process that ends by itself has met something that it cannot
// mend.
func (s *Schedule) advance(p *process) {
	if p.advance(); p.err != nil {
		s.broken = append(s.broken, fmt.Sprintf("process %s gave up: %v", p.name, p.err))
	}
}

// settle ends the faults and lets one new process, and the zombies that are left, finish.
func (s *Schedule) settle() string {
	const limit = 30_000
	s.calm = true
	for _, p := range s.live() {
		p.paused = 0
		if s.rng.IntN(2) == 0 {
			p.end()
		}
	}
	last := s.launch("z")
	for range limit {
		s.step++
		s.store.flushLate(false)
		live := s.live()
		if len(live) == 0 {
			return "nobody is left to finish"
		}
		s.advance(live[s.rng.IntN(len(live))])
		if !slices.ContainsFunc(live, s.finished) {
			continue
		}
		s.store.flushLate(true) // one may be the plan of a zombie: then there is one more cut to finish
		if slices.ContainsFunc(live, s.finished) {
			return ""
		}
	}
	h := last.entry.Head
	return fmt.Sprintf("after %d steps without a fault the archive stands at cut %d, the stream at %d",
		limit, h.N, s.stream.cur.last)
}

// The methods below implement luck.

func (s *Schedule) key(int) int { return s.rng.IntN(3) }

// crosses counts arrows. Processes die more often where few ever come.
func (s *Schedule) crosses(_ *process, arrow string) bool {
	s.Cov.Crossed[arrow]++
	oneIn := s.cfg.CrashOneIn
	if arrow == engine.BeforeRedo || arrow == engine.AfterLost {
		oneIn = 3
	}
	if s.calm || s.rng.IntN(oneIn) > 0 {
		return false
	}
	s.Cov.Crashed[arrow]++
	return true
}

func (s *Schedule) meets(*process, event) {}

func (s *Schedule) put(*process, string) fault { return s.fault() }

func (s *Schedule) refuses(*process) bool { return s.fault() == faultRefused }

// fault draws a fault, or none.
func (s *Schedule) fault() fault {
	if s.calm || s.rng.IntN(12) > 0 {
		return noFault
	}
	return faults[s.rng.IntN(len(faults))]
}

func (s *Schedule) stale() bool { return !s.calm && s.rng.IntN(8) == 0 }

func (s *Schedule) survives() bool { return s.rng.IntN(2) == 0 }

func (s *Schedule) delay() int { return s.rng.IntN(400) }

func (s *Schedule) reads(*process) int { return 1 + s.rng.IntN(6) }

func (s *Schedule) cuts(*process, bool, bool) bool { return s.rng.IntN(3) == 0 }

func (s *Schedule) ends() bool { return s.rng.IntN(2) == 0 }

func (s *Schedule) rests() bool { return s.rng.IntN(3) == 0 }
