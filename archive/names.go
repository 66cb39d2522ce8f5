package archive

import (
	"hash/maphash"
	"math"
	"slices"
	"strings"
)

// nameSet remembers names of files by a hash with a random seed, in bounded memory. When there are too many, it keeps
// only those whose hashes are in the lower half of its range. The caller fills it again for the next range. It belongs
// to one goroutine.
//
// Names that differ in case alone have the upper half of their hashes in common, so that they are in the same range.
type nameSet struct {
	seed      maphash.Seed
	max       int    // hashes
	low, high uint64 // the range, both included
	hashes    []uint64
	sorted    bool
}

// The parts of a hash.
const (
	metBit   = uint64(1)         // the name was met
	caseMask = uint64(1)<<32 - 1 // what tells names that differ in case alone
)

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

// hash returns the hash of a name that was not met.
func (s *nameSet) hash(name string) uint64 {
	folded := maphash.String(s.seed, strings.ToLower(name))
	return (folded&^caseMask | maphash.String(s.seed, name)&caseMask) &^ metBit
}

// covers reports whether a name is in the range.
func (s *nameSet) covers(name string) bool {
	h := s.hash(name)
	return h >= s.low && h <= s.high
}

// add adds a name if it is in the range.
func (s *nameSet) add(name string) {
	h := s.hash(name)
	if h < s.low || h > s.high {
		return
	}
	s.hashes = append(s.hashes, h)
	s.sorted = false
	for len(s.hashes) > s.max && s.high > s.low {
		s.narrow()
	}
}

// narrow gives up the upper half of the range.
func (s *nameSet) narrow() {
	s.high = s.low + (s.high-s.low)/2
	s.hashes = slices.DeleteFunc(s.hashes, func(h uint64) bool { return h > s.high })
}

// find returns the place of the first hash that is not below h.
func (s *nameSet) find(h uint64) int {
	if !s.sorted {
		slices.Sort(s.hashes)
		s.sorted = true
	}
	i, _ := slices.BinarySearch(s.hashes, h)
	return i
}

// meet reports whether a name was added, and marks it as met.
func (s *nameSet) meet(name string) bool {
	h := s.hash(name)
	i := s.find(h)
	if i == len(s.hashes) || s.hashes[i]&^metBit != h {
		return false
	}
	s.hashes[i] = h | metBit
	return true
}

// unmet reports whether a name was added and not met.
func (s *nameSet) unmet(name string) bool {
	h := s.hash(name)
	i := s.find(h)
	return i < len(s.hashes) && s.hashes[i] == h
}

// allMet reports whether all names that were added were met.
func (s *nameSet) allMet() bool {
	return !slices.ContainsFunc(s.hashes, func(h uint64) bool { return h&metBit == 0 })
}

// folds reports whether a name was added that differs from this one in case alone, or with little luck by chance.
func (s *nameSet) folds(name string) bool {
	h := s.hash(name) &^ caseMask
	i := s.find(h)
	return i < len(s.hashes) && s.hashes[i]&^caseMask == h
}
