package sim

import "testing"

// leaseSeeds is how many queues with workers a test plays. One costs as much as some schedules.
const leaseSeeds = shortForm / 10

// TestLeaseSimulation: within three leases after the last fault, each task is run by exactly one worker.
func TestLeaseSimulation(t *testing.T) {
	n := max(*seeds/10, leaseSeeds)
	for seed := *from; seed < *from+n; seed++ {
		if wrong := NewLeases(seed, Sound).Run(); len(wrong) > 0 {
			t.Fatalf("seed %d: %v", seed, wrong)
		}
	}
}

func TestLeaseSimulationNotices(t *testing.T) {
	for _, m := range LeaseMutants() {
		caught := false
		for seed := uint64(1); seed < leaseSeeds && !caught; seed++ {
			if wrong := NewLeases(seed, m).Run(); len(wrong) > 0 {
				t.Logf("%s: seed %d: %v", m, seed, wrong)
				caught = true
			}
		}
		if !caught {
			t.Errorf("%s is not noticed in %d seeds", m, leaseSeeds)
		}
	}
}
