package cutlog

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"iter"
)

// SeqSet is an exact set of stream sequences, built in ascending order. The zero value is the empty set. 0 is not a
// stream sequence.
//
// In memory a run of neighbours costs about two bytes, however long it is. A set has only one form, so two sets are
// equal exactly if their JSON is. A copy is a snapshot as long as only one of the two is added to, as with a slice. A
// set is not safe for concurrent use while it is added to.
type SeqSet struct {
	// closed holds every run but the last: uvarint(gap), uvarint(length), where the gap is the number of sequences between
	// the end of the run before (0 for the first) and the run. Runs never touch, so only the first gap can be 0.
	closed      []byte
	end         uint64 // last sequence of closed; 0 if there is none
	first, last uint64 // the last run, still growing; 0, 0: the set is empty
	count       uint64
	text        int // length of the closed runs in JSON, counting a comma after each number
}

// NewSeqSet returns the set of the given sequences, which must ascend.
func NewSeqSet(seqs ...uint64) SeqSet {
	var s SeqSet
	for _, seq := range seqs {
		s.Add(seq)
	}
	return s
}

// Add adds a sequence, which must be greater than Last; otherwise it panics. A reader that hands out a sequence twice
// or out of order has lost its continuity, and going on would break exactly once.
func (s *SeqSet) Add(seq uint64) {
	if seq == s.last+1 && s.last != 0 && seq != 0 {
		s.last = seq
		s.count++
		return
	}
	s.AddRange(seq, seq)
}

// AddRange adds the sequences first to last, both included. It panics unless Last < first <= last; see Add.
func (s *SeqSet) AddRange(first, last uint64) {
	if first <= s.last || last < first {
		panic(fmt.Sprintf("cutlog: add stream sequences %d to %d to a set that ends at %d", first, last, s.last))
	}
	s.count += last - first + 1
	if s.last != 0 && first == s.last+1 {
		s.last = last
		return
	}
	s.closeRun()
	s.first, s.last = first, last
}

// closeRun moves the last run to closed.
func (s *SeqSet) closeRun() {
	if s.last == 0 {
		return
	}
	gap, length := s.first-s.end-1, s.last-s.first+1
	if gap|length < 0x80 { // as most are: written in place, so the garbage collector need not be told
		s.closed = append(s.closed, byte(gap), byte(length))
	} else {
		s.closed = binary.AppendUvarint(binary.AppendUvarint(s.closed, gap), length)
	}
	s.text += digits(gap) + digits(length) + 2
	s.end = s.last
}

// Empty reports whether the set holds no sequence.
func (s SeqSet) Empty() bool { return s.last == 0 }

// Count returns the number of sequences.
func (s SeqSet) Count() uint64 { return s.count }

// Last returns the greatest sequence, 0 if the set is empty.
func (s SeqSet) Last() uint64 { return s.last }

// First returns the smallest sequence, 0 if the set is empty.
func (s SeqSet) First() uint64 {
	if len(s.closed) == 0 {
		return s.first
	}
	gap, _ := binary.Uvarint(s.closed)
	return gap + 1
}

// Contains reports whether the set holds a sequence. It walks the runs, so use Minus or Runs for many sequences.
func (s SeqSet) Contains(seq uint64) bool {
	if seq > s.end {
		return seq >= s.first && seq <= s.last && seq != 0
	}
	for first, last := range s.Runs() {
		if seq <= last {
			return seq >= first
		}
	}
	return false
}

// All yields the sequences in ascending order.
func (s SeqSet) All() iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		for first, last := range s.Runs() {
			for n := last - first; ; n-- {
				if !yield(last - n) {
					return
				}
				if n == 0 {
					break
				}
			}
		}
	}
}

// Runs yields the maximal runs of neighbours, first and last sequence of each, in ascending order.
func (s SeqSet) Runs() iter.Seq2[uint64, uint64] {
	return func(yield func(uint64, uint64) bool) {
		for c := s.cursor(); c.next(); {
			if !yield(c.first, c.last) {
				return
			}
		}
	}
}

// EncodedLen returns the length in bytes of the set in a plan before compression. It takes constant time, so it can be
// called after each message to keep a plan below MaxRecord.
func (s SeqSet) EncodedLen() int {
	if s.Empty() {
		return len("[]")
	}
	return len("[") + s.text + digits(s.first-s.end-1) + len(",") + digits(s.last-s.first+1) + len("]")
}

// Equal reports whether both sets hold the same sequences.
func (s SeqSet) Equal(o SeqSet) bool {
	return s.first == o.first && s.last == o.last && s.count == o.count && bytes.Equal(s.closed, o.closed)
}

// Minus returns the sequences of s that o does not hold.
func (s SeqSet) Minus(o SeqSet) SeqSet {
	var out SeqSet
	cut := o.cursor()
	more := cut.next()
	for first, last := range s.Runs() {
		for more && cut.last < first {
			more = cut.next()
		}
		for more && cut.first <= last {
			if cut.first > first {
				out.AddRange(first, cut.first-1)
			}
			if cut.last >= last { // cut may reach into the next run
				first = 0
				break
			}
			first = cut.last + 1
			more = cut.next()
		}
		if first != 0 {
			out.AddRange(first, last)
		}
	}
	return out
}

// Union returns the sequences that s or o holds.
func (s SeqSet) Union(o SeqSet) SeqSet {
	var out SeqSet
	a, b := s.cursor(), o.cursor()
	moreA, moreB := a.next(), b.next()
	for moreA || moreB {
		if moreA && (!moreB || a.first <= b.first) {
			out.addOverlap(a.first, a.last)
			moreA = a.next()
		} else {
			out.addOverlap(b.first, b.last)
			moreB = b.next()
		}
	}
	return out
}

// addOverlap adds those sequences from first to last that the set does not hold yet. first is not below the start of
// its last run.
func (s *SeqSet) addOverlap(first, last uint64) {
	if last > s.last {
		s.AddRange(max(first, s.last+1), last)
	}
}

// cursor walks the runs of a set, which must not be added to meanwhile.
type cursor struct {
	first, last uint64 // the present run, after next returned true
	closed      []byte // of the set
	at          int    // of the next run in closed
	openFirst   uint64 // the last run of the set; 0, 0 when it was handed out or the set is empty
	openLast    uint64
}

func (s SeqSet) cursor() cursor {
	return cursor{closed: s.closed, openFirst: s.first, openLast: s.last}
}

// next steps to the next run and reports whether there is one.
func (c *cursor) next() bool {
	if c.at == len(c.closed) {
		c.first, c.last = c.openFirst, c.openLast
		c.openFirst, c.openLast = 0, 0
		return c.last != 0
	}
	gap, length := c.number(), c.number()
	c.first = c.last + gap + 1
	c.last = c.first + length - 1
	return true
}

// number reads a number of closed, of which there is one.
func (c *cursor) number() uint64 {
	if b := c.closed[c.at]; b < 0x80 { // most are small
		c.at++
		return uint64(b)
	}
	return c.large()
}

func (c *cursor) large() uint64 {
	v, n := binary.Uvarint(c.closed[c.at:])
	c.at += n
	return v
}

// digits returns how many decimal digits a number has.
func digits(n uint64) int {
	d := 1
	for ; n >= 10; n /= 10 {
		d++
	}
	return d
}
