package exactlyonce

import (
	"flag"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
)

var (
	seeds  = flag.Int("loop.seeds", 0, "how many schedules of the loop to play; 0: the short form")
	from   = flag.Uint64("loop.from", 1, "first seed")
	traced = flag.Bool("loop.trace", false, "with -v, tell what happens")
)

// enough is from how many schedules on each of toMeet must have come about.
const enough = 300

// toMeet is what the loop and its promise should go through: events of capture, reasons of cuts and losses, arrows of
// the protocol at which a process dies.
var toMeet = []string{
	"Awaiting", "CutLost", "Diverged", "LookingAgain", "NotYet", "Poisoned", "Postponed", "Recovered", "Redone", "Refused",
	"Skipped", "StreamUnreachable", "Targeted", "Unwitnessed", "message passed over", "rollback",
	"Lost expired", "Lost gone", "Lost recreated", "Lost unknown",
	"cut for diverged", "cut for full", "cut for idle", "cut for once", "cut for pressure", "cut for retention",
	"cut for shutdown", "cut for window", "cut at the boundary for window", "cut at the boundary for pressure",
	"death after-format", "death before-plan", "death after-plan", "death after-file", "death after-files",
	"death after-done", "death before-redo", "death after-lost",
}

func TestLoopSimulation(t *testing.T) {
	n := *seeds
	if n == 0 {
		n = shortForm
	}
	var mu sync.Mutex
	met := map[string]int{}
	t.Run("seeds", func(t *testing.T) {
		for i := range n {
			seed := *from + uint64(i)
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				t.Parallel()
				end, wrong := play(t, seed, sound)
				if wrong != nil {
					t.Error(wrong)
				}
				mu.Lock()
				defer mu.Unlock()
				for what, times := range end.met {
					met[what] += times
				}
			})
		}
	})
	for _, what := range slices.Sorted(maps.Keys(met)) {
		t.Logf("%6d %s", met[what], what)
	}
	for _, what := range toMeet {
		if n >= enough && met[what] == 0 {
			t.Errorf("no schedule met %q", what)
		}
	}
}

// TestLoopSimulationMutants shows that the simulation notices bugs between the loop and its promise.
func TestLoopSimulationMutants(t *testing.T) {
	for _, m := range mutants {
		t.Run(string(m), func(t *testing.T) {
			t.Parallel()
			for seed := uint64(1); seed <= mutantSeeds; seed++ {
				if _, wrong := play(t, seed, m); wrong != nil {
					t.Logf("noticed by seed %d: %v", seed, wrong)
					return
				}
			}
			t.Errorf("not noticed in %d schedules", mutantSeeds)
		})
	}
}

// TestLoopSimulationReplays plays schedules twice. Most end with the same archive, to the byte: see docs/DESIGN.md
// for what makes the others differ.
func TestLoopSimulationReplays(t *testing.T) {
	same := 0
	for seed := range uint64(replays) {
		first, _ := play(t, seed, sound)
		again, _ := play(t, seed, sound)
		if first.archive == again.archive {
			same++
		}
	}
	t.Logf("%d of %d schedules replayed", same, replays)
	if same < replays*2/3 {
		t.Errorf("only %d of %d schedules replayed", same, replays)
	}
}
