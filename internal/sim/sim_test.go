package sim

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"testing"
)

var (
	seeds = flag.Uint64("sim.seeds", 0, "how many schedules to run; 0: the short form")
	from  = flag.Uint64("sim.from", 1, "first seed")
)

// world is a schedule or an adversary.
type world interface{ Run() (violations []string) }

// random and adverse make worlds, and return what they count.
func random(cfg Config) (world, *Coverage) {
	s := NewSchedule(cfg)
	return s, &s.Cov
}

func adverse(cfg Config) (world, *Coverage) {
	a := NewAdversary(cfg)
	return a, &a.Cov
}

// run plays the schedules from the seed first on, on all cores, until n are played or one shows a violation.
func run(first, n uint64, m Mutant, newWorld func(Config) (world, *Coverage)) (cov Coverage, violation string) {
	var mu sync.Mutex
	var next, stop atomic.Uint64
	next.Store(first)
	cov = NewCoverage()
	var all sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() {
			mine := NewCoverage()
			defer func() {
				mu.Lock()
				defer mu.Unlock()
				cov.Add(mine)
			}()
			for stop.Load() == 0 {
				seed := next.Add(1) - 1
				if seed >= first+n {
					return
				}
				w, counts := newWorld(NewConfig(seed, m))
				wrong := w.Run()
				mine.Add(*counts)
				if len(wrong) > 0 {
					mu.Lock()
					if stop.CompareAndSwap(0, 1) {
						violation = fmt.Sprintf("seed %d: %v", seed, wrong)
					}
					mu.Unlock()
				}
			}
		})
	}
	all.Wait()
	return cov, violation
}

func TestMain(m *testing.M) {
	flag.Parse()
	debug.SetGCPercent(800) // many small worlds
	os.Exit(m.Run())
}

// enough is from how many schedules on each event must have come about. The rarest do so once in some thousands; each
// of them has a scenario, too.
const enough = 20_000

func TestSimulation(t *testing.T) {
	n := *seeds
	if n == 0 {
		n = shortForm
	}
	cov, violation := run(*from, n, None, random)
	t.Logf("%+v", cov)
	if violation != "" {
		t.Fatal(violation)
	}
	if missing := cov.Missing(); n >= enough && len(missing) > 0 {
		t.Fatalf("no schedule went through: %v", missing)
	}
}

// TestSeed plays one seed and tells what happens: -run TestSeed -sim.from 42 -v.
func TestSeed(t *testing.T) {
	w := NewSchedule(NewConfig(*from, None))
	if testing.Verbose() {
		w.Trace = func(format string, args ...any) { t.Logf("%5d "+format, append([]any{w.step}, args...)...) }
	}
	if wrong := w.Run(); len(wrong) > 0 {
		t.Fatal(wrong)
	}
}

func TestSimulationMutants(t *testing.T) {
	for _, m := range Mutants() {
		t.Run(string(m), func(t *testing.T) {
			cov, violation := run(1, shortForm, m, random)
			if violation == "" {
				t.Fatalf("not noticed in %d schedules", cov.Schedules)
			}
			t.Logf("noticed after %d schedules: %s", cov.Schedules, violation)
		})
	}
}

// TestAdversarySimulation: each message is in exactly one file, no matter which workers are granted the lease or
// believe that they have it.
func TestAdversarySimulation(t *testing.T) {
	n := max(*seeds/4, shortForm/20)
	cov, violation := run(*from, n, None, adverse)
	t.Logf("%+v", cov)
	if violation != "" {
		t.Fatal(violation)
	}
	if cov.CutsLost == 0 || cov.Awaited == 0 || cov.Redone == 0 || cov.Disturbed == 0 {
		t.Error("the workers were hardly in each other's way")
	}
}

// TestSimulationOfAnOldHead: a worker that takes an earlier cut for the last one stores nothing, and breaks nothing.
func TestSimulationOfAnOldHead(t *testing.T) {
	misread := 0
	for seed := uint64(1); seed <= shortForm/50; seed++ {
		a := NewAdversary(NewConfig(seed, HeadTooOld))
		if wrong := a.Run(); len(wrong) > 0 {
			t.Fatalf("seed %d: %v", seed, wrong)
		}
		misread += a.misread
	}
	if t.Logf("%d heads were too old", misread); misread == 0 {
		t.Error("no worker has gone by an old head")
	}
}
