package cutlog

import "fmt"

// checkAccounting checks that each sequence of (From, To] is accounted for once.
func (p *Plan) checkAccounting() error {
	sets, err := p.sets()
	if err != nil {
		return err
	}
	for _, s := range sets {
		if s.seqs.First() <= p.From || s.seqs.Last() > p.To {
			return fmt.Errorf("%s holds stream sequences %d to %d, outside the range (%d, %d]",
				s.owner(p), s.seqs.First(), s.seqs.Last(), p.From, p.To)
		}
	}
	counted, err := p.countDisjoint(sets)
	if err != nil {
		return err
	}
	// Disjoint sets within the range cannot hold more than the range: no overflow.
	if width := p.To - p.From; width-counted != p.Absent {
		return fmt.Errorf("accounting: the range (%d, %d] has %d stream sequences, "+
			"the sets hold %d, so %d are absent, not %d",
			p.From, p.To, width, counted, width-counted, p.Absent)
	}
	return p.checkAbsentBy()
}

// checkAbsentBy checks that the reasons of absence, if there are any, add up.
func (p *Plan) checkAbsentBy() error {
	left := p.Absent
	for reason, n := range p.AbsentBy {
		if reason == "" || n == 0 || n > left {
			return fmt.Errorf("accounting: of %d absent stream sequences, %d have the reason %q", p.Absent, n, reason)
		}
		left -= n
	}
	if p.AbsentBy != nil && left > 0 {
		return fmt.Errorf("accounting: %d absent stream sequences have no reason", left)
	}
	return nil
}

// ownedSet is a non-empty set of a plan, and where it is.
type ownedSet struct {
	seqs  SeqSet
	index int // block if below the number of blocks; then Skipped, then the entries of Lost
}

// owner names the place of the set for errors.
func (s ownedSet) owner(p *Plan) string {
	switch n := s.index - len(p.Blocks); {
	case n < 0:
		return fmt.Sprintf("block %d, %s,", s.index, p.Blocks[s.index].Path())
	case n == 0:
		return "skipped"
	default:
		return fmt.Sprintf("lost (%s)", p.Lost[n-1].Reason)
	}
}

// sets returns the non-empty sets of a plan.
func (p *Plan) sets() ([]ownedSet, error) {
	sets := make([]ownedSet, 0, len(p.Blocks)+1+len(p.Lost))
	for i := range p.Blocks {
		sets = append(sets, ownedSet{p.Blocks[i].Seqs, i})
	}
	if !p.Skipped.Empty() {
		sets = append(sets, ownedSet{p.Skipped, len(p.Blocks)})
	}
	for i, l := range p.Lost {
		if l.Reason == "" || l.Seqs.Empty() {
			return nil, fmt.Errorf("lost entry %d has no reason or no stream sequences", i)
		}
		sets = append(sets, ownedSet{l.Seqs, len(p.Blocks) + 1 + i})
	}
	return sets, nil
}

// countDisjoint merges the sets and returns how many sequences they hold. It is an error if two of them hold the same
// one.
func (p *Plan) countDisjoint(sets []ownedSet) (uint64, error) {
	var count, end uint64
	var before int // the set whose run ends at end
	m := newMerge(sets)
	for m.more() {
		top := m.heap[0]
		if count > 0 && top.first <= end {
			return 0, fmt.Errorf("stream sequence %d is in %s and in %s",
				top.first, sets[before].owner(p), sets[top.set].owner(p))
		}
		count += top.last - top.first + 1
		end, before = top.last, top.set
		m.advance()
	}
	return count, nil
}

// merge walks the runs of several sets in their order.
type merge struct {
	cursors []cursor   // by set
	heap    []mergeRun // the present runs of the sets that have one; that with the lowest first sequence on top
}

// mergeRun is a run of one set. It has no pointer, so that moving it costs little.
type mergeRun struct {
	first, last uint64
	set         int // index in the list of sets
}

func newMerge(sets []ownedSet) *merge {
	m := &merge{make([]cursor, len(sets)), make([]mergeRun, len(sets))}
	for i, s := range sets {
		c := s.seqs.cursor()
		c.next()
		m.cursors[i], m.heap[i] = c, mergeRun{c.first, c.last, i}
	}
	for i := len(sets)/2 - 1; i >= 0; i-- {
		m.down(i)
	}
	return m
}

// more reports whether there is a run at the top.
func (m *merge) more() bool { return len(m.heap) > 0 }

// advance steps to the next run of the set at the top, and drops that set when it has no more.
func (m *merge) advance() {
	top := &m.heap[0]
	if c := &m.cursors[top.set]; c.next() {
		top.first, top.last = c.first, c.last
	} else {
		*top = m.heap[len(m.heap)-1]
		m.heap = m.heap[:len(m.heap)-1]
	}
	if m.more() {
		m.down(0)
	}
}

// down moves the run at i down until the heap is in order.
func (m *merge) down(i int) {
	h := m.heap
	run := h[i]
	for {
		child := 2*i + 1
		if child+1 < len(h) && h[child+1].first < h[child].first {
			child++
		}
		if child >= len(h) || run.first <= h[child].first {
			h[i] = run
			return
		}
		h[i] = h[child]
		i = child
	}
}
