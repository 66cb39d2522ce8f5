package reader

import "testing"

// A cut is due later for small limits and live streams, earlier in a backfill whose cuts are still large then.
func TestPendingLimit(t *testing.T) {
	for _, c := range []struct {
		maxUnacked int
		behind     uint64
		want       int
	}{
		{1_000_000, 0, 800_000},
		{1_000_000, 50_000, 800_000},
		{1_000_000, 50_001, 250_000},
		{200_000, 1_000_000, 100_000},
		{1000, 1_000_000, 800},
	} {
		if got := pendingLimit(c.maxUnacked, c.behind); got != c.want {
			t.Errorf("%d, %d behind: %d, want %d", c.maxUnacked, c.behind, got, c.want)
		}
	}
	if why, near := acksNear(0, 1_000_000, 0, -1, pendingLimit(-1, 1)); near {
		t.Errorf("without a limit, a cut is due: %s", why)
	}
}
