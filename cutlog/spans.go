package cutlog

import "iter"

// Span is a run of neighbouring stream sequences of a plan's range that have the same fate.
type Span struct {
	First, Last uint64
	Fate        SpanFate
	Index       int // of the block for SpanBlock, of the entry of Lost for SpanLost; otherwise 0
}

// SpanFate says what the plan calls the sequences of a span.
type SpanFate int

// The fates of a span.
const (
	SpanAbsent  SpanFate = iota // in no set
	SpanBlock                   // in a block
	SpanSkipped                 // in Skipped
	SpanLost                    // in Lost
)

// Spans yields the whole range of a plan in the order of its sequences. The plan is one that DecodePlan has returned:
// no sequence is in two sets.
func (p *Plan) Spans() iter.Seq[Span] {
	return func(yield func(Span) bool) {
		sets, err := p.sets()
		if err != nil {
			return // a decoded plan has no such sets
		}
		end := p.From
		for m := newMerge(sets); m.more(); m.advance() {
			top := m.heap[0]
			if top.first > end+1 && !yield(Span{First: end + 1, Last: top.first - 1}) {
				return
			}
			s := p.span(sets[top.set].index)
			s.First, s.Last = top.first, top.last
			if !yield(s) {
				return
			}
			end = top.last
		}
		if end < p.To {
			yield(Span{First: end + 1, Last: p.To})
		}
	}
}

// span returns fate and index of a set.
func (p *Plan) span(set int) Span {
	switch n := set - len(p.Blocks); {
	case n < 0:
		return Span{Fate: SpanBlock, Index: set}
	case n == 0:
		return Span{Fate: SpanSkipped}
	default:
		return Span{Fate: SpanLost, Index: n - 1}
	}
}
