package engine

import (
	"math/rand/v2"
	"testing"

	"github.com/jetcapture/jetcapture/cutlog"
)

// TestHoles compares both ways with a map, for ranges around the edges of words.
func TestHoles(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		from := uint64(rng.IntN(100))
		c := NewCut(from, cutlog.Anchor{})
		blocks := []*Block{{}, {}, {}}
		for _, b := range blocks {
			c.Open(b)
		}
		have := map[uint64]bool{}
		density := rng.IntN(100)
		for seq := from + 1; seq <= from+uint64(1+rng.IntN(300)); seq++ {
			c.Through = seq
			switch {
			case rng.IntN(100) >= density:
			case rng.IntN(10) == 0:
				c.Skip(seq)
				have[seq] = true
			default:
				c.Add(blocks[rng.IntN(3)], seq, 1)
				have[seq] = true
			}
		}
		first, last := from+uint64(rng.IntN(80)), from+uint64(rng.IntN(400))
		var want cutlog.SeqSet
		for seq := max(first, from+1); seq <= min(last, c.Through); seq++ {
			if !have[seq] {
				want.Add(seq)
			}
		}
		if got := c.Holes(first, last); !got.Equal(want) {
			t.Fatalf("Holes(%d, %d) = %v, want %v", first, last, got, want)
		}
		if lo, hi := max(first, from+1), min(last, c.Through); lo <= hi {
			if got := c.holesByRuns(lo, hi); !got.Equal(want) {
				t.Fatalf("holesByRuns(%d, %d) = %v, want %v", lo, hi, got, want)
			}
		}
		if got, want := c.Absent(), c.Through-from-uint64(len(have)); got != want {
			t.Fatalf("Absent = %d, want %d", got, want)
		}
	}
}
