package archive

import (
	"hash/maphash"
	"math"
	"slices"
)

// nameSet remembers names of files by 64 bits of a hash with a random seed, in bounded memory. When there are too many,
// it keeps only those whose hashes are in the lower half of its range. The caller fills it again for the next range. It
// belongs to one goroutine.
type nameSet struct {
	seed      maphash.Seed
	max       int    // hashes
	low, high uint64 // the range, both included
	hashes    []uint64
	sorted    bool
}

func newNameSet(most int) *nameSet {
	return &nameSet{seed: maphash.MakeSeed(), max: most, high: math.MaxUint64}
}

// next empties the set and moves it to the range above the present one. It returns false if there is none.
func (s *nameSet) next() bool {
	if s.high == math.MaxUint64 {
		return false
	}
	s.low, s.high = s.high+1, math.MaxUint64
	s.hashes, s.sorted = s.hashes[:0], false
	return true
}

// covers reports whether a name is in the range, so that has may be called.
func (s *nameSet) covers(name string) bool {
	h := maphash.String(s.seed, name)
	return h >= s.low && h <= s.high
}

// add adds a name if it is in the range.
func (s *nameSet) add(name string) {
	h := maphash.String(s.seed, name)
	if h < s.low || h > s.high {
		return
	}
	s.hashes = append(s.hashes, h)
	s.sorted = false
	for len(s.hashes) > s.max && s.high > s.low {
		s.high = s.low + (s.high-s.low)/2
		s.hashes = slices.DeleteFunc(s.hashes, func(h uint64) bool { return h > s.high })
	}
}

// has reports whether a name in the range was added.
func (s *nameSet) has(name string) bool {
	if !s.sorted {
		slices.Sort(s.hashes)
		s.sorted = true
	}
	_, found := slices.BinarySearch(s.hashes, maphash.String(s.seed, name))
	return found
}
