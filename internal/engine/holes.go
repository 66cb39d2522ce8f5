package engine

import (
	"math/bits"

	"github.com/jetcapture/jetcapture/cutlog"
)

// Absent returns how many sequences of the cut are in no set.
func (c *Cut) Absent() uint64 {
	return c.Through - c.From - uint64(c.Messages) - c.Skipped.Count()
}

// maxBitmap is the longest range of sequences of which a bitmap is made: 8 MiB.
const maxBitmap = 64 << 20

// Holes returns the sequences of the cut from first to last that are in no set.
func (c *Cut) Holes(first, last uint64) cutlog.SeqSet {
	first, last = max(first, c.From+1), min(last, c.Through)
	switch {
	case first > last || c.Absent() == 0:
		return cutlog.SeqSet{}
	case first > c.From+1 || last < c.Through:
		return c.findHoles(first, last)
	}
	// The witness and the plan ask for all. Nothing is read in between; if it were, one of the two numbers would change.
	if now := (holeCount{c.Through, c.Absent()}); c.holesOf != now {
		c.holes, c.holesOf = c.findHoles(first, last), now
	}
	return c.holes
}

// holeCount says how far a cut has come, and how many holes it has.
type holeCount struct{ through, absent uint64 }

func (c *Cut) findHoles(first, last uint64) cutlog.SeqSet {
	if last-first < maxBitmap {
		return c.holesByBits(first, last)
	}
	return c.holesByRuns(first, last)
}

func (c *Cut) sets() []cutlog.SeqSet {
	sets := []cutlog.SeqSet{c.Skipped}
	for _, b := range c.Blocks {
		sets = append(sets, b.Seqs)
	}
	return sets
}

// holesByBits marks what is in a set. With many keys the sets interleave, and sorting all their runs would take longer.
func (c *Cut) holesByBits(first, last uint64) (holes cutlog.SeqSet) {
	n := last - first + 1
	have := make([]uint64, n/64+1)
	for _, s := range c.sets() {
		for from, to := range s.Runs() {
			if to >= first && from <= last {
				mark(have, max(from, first)-first, min(to, last)-first)
			}
		}
	}
	for at := uint64(0); at < n; {
		from := at + zeroAfter(have, at)
		if from >= n {
			break
		}
		at = min(from+oneAfter(have, from), n)
		holes.AddRange(first+from, first+at-1)
	}
	return holes
}

// mark sets the bits from to to.
func mark(b []uint64, from, to uint64) {
	i, j := from/64, to/64
	low, high := ^uint64(0)<<(from%64), ^uint64(0)>>(63-to%64)
	if i == j {
		b[i] |= low & high
		return
	}
	b[i] |= low
	for k := i + 1; k < j; k++ {
		b[k] = ^uint64(0)
	}
	b[j] |= high
}

// zeroAfter returns how far behind at the next bit is that is not set; the end of b counts as one.
func zeroAfter(b []uint64, at uint64) uint64 { return bitAfter(b, at, ^uint64(0)) }

// oneAfter returns how far behind at the next bit is that is set; the end of b counts as one.
func oneAfter(b []uint64, at uint64) uint64 { return bitAfter(b, at, 0) }

// bitAfter looks for a bit that differs from those in skip.
func bitAfter(b []uint64, at, skip uint64) uint64 {
	word := (b[at/64] ^ skip) >> (at % 64)
	if word != 0 {
		return uint64(bits.TrailingZeros64(word))
	}
	next := (at/64 + 1)
	for next < uint64(len(b)) && b[next] == skip {
		next++
	}
	far := next*64 - at
	if next < uint64(len(b)) {
		far += uint64(bits.TrailingZeros64(b[next] ^ skip))
	}
	return far
}

// holesByRuns sorts the runs of all sets.
func (c *Cut) holesByRuns(first, last uint64) (holes cutlog.SeqSet) {
	next := first
	for _, r := range runs(c.sets()...) {
		if r.last < next {
			continue
		}
		if r.first > last {
			break
		}
		if r.first > next {
			holes.AddRange(next, r.first-1)
		}
		next = r.last + 1
	}
	if next <= last {
		holes.AddRange(next, last)
	}
	return holes
}
