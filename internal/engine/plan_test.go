package engine_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/engine"
)

// head returns the head of a log that holds only its opening cut. The capture starts after the sequence from.
func head(t *testing.T, from uint64) cutlog.Head {
	t.Helper()
	opening := engine.Opening{Stream: facts(1, from), From: from}
	p := engine.OpenPlan(cutlog.Head{}, opening, engine.Facts{Capture: "C", Reason: cutlog.ReasonOpen, Time: began})
	p.Format = &cutlog.Format{Version: cutlog.Version, Capture: "C", Stream: "S"}
	rec, err := cutlog.EncodePlan("C", p)
	if err != nil {
		t.Fatal(err)
	}
	d := &cutlog.Done{N: p.N, Plan: rec.Sum}
	done, err := cutlog.EncodeDone("C", d)
	if err != nil {
		t.Fatal(err)
	}
	return cutlog.Head{N: p.N, Plan: p, PlanSum: rec.Sum, Done: d, DoneSum: done.Sum}
}

func facts(first, last uint64) engine.StreamFacts {
	return engine.StreamFacts{
		Name: "S", Created: began, Configured: 1, FirstSeq: first, LastSeq: last, Newest: began.Add(time.Minute),
	}
}

// model is a cut that was filled at random, with the sequences that its plan must account for.
type model struct {
	cut    *engine.Cut
	blocks map[*engine.Block][]uint64
	skip   []uint64
	holes  []uint64
}

// randomCut puts each of the sequences from+1 to to into one of some blocks, skips it, or leaves it out as a hole.
func randomCut(rng *rand.Rand, from, to uint64) *model {
	m := &model{cut: engine.NewCut(from, cutlog.Anchor{}), blocks: map[*engine.Block][]uint64{}}
	var all []*engine.Block
	for i := range 4 {
		b := &engine.Block{Kind: cutlog.KindData, Dir: fmt.Sprintf("k%d", i%2), Suffix: "rows", Window: began.UnixNano()}
		if i == 3 {
			b.Kind, b.Dir = cutlog.KindDead, cutlog.DeadPrefix("C")
		}
		m.cut.Open(b)
		all = append(all, b)
	}
	all = all[:1+rng.IntN(4)]
	for seq := from + 1; seq <= to; seq++ {
		switch rng.IntN(5) {
		case 0:
			m.holes = append(m.holes, seq)
		case 1:
			m.cut.Skip(seq)
			m.skip = append(m.skip, seq)
		default:
			b := all[rng.IntN(len(all))]
			m.cut.Add(b, seq, rng.IntN(3))
			m.blocks[b] = append(m.blocks[b], seq)
			m.cut.Last = cutlog.Anchor{Seq: seq, Time: began, Subject: "s", Hash: cutlog.HashMessage("s", nil, nil)}
		}
	}
	m.cut.Through = to
	return m
}

// TestPlanAccounts compares the plans of random cuts with their models, for every reason why a hole can be a loss.
func TestPlanAccounts(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 1))
		from := rng.Uint64N(50)
		to := from + 1 + rng.Uint64N(60)
		m := randomCut(rng, from, to)
		f := engine.Facts{
			Capture: "C", Reason: cutlog.ReasonFull, Time: began, Settings: map[string]string{"a": "b"},
			Stream: engine.StreamFacts{
				FirstSeq: rng.Uint64N(to + 20), LastSeq: to, Newest: began.Add(time.Duration(rng.IntN(3)) * time.Minute),
				Retention: engine.Retention{
					Acks: rng.IntN(3) == 0, Filtered: rng.IntN(3) == 0, Mirror: rng.IntN(4) == 0,
					Oldest: rng.IntN(2) == 0, Any: rng.IntN(3) == 0,
				},
			},
			Witness: engine.Witness{
				Floor: rng.Uint64N(to+20) * rng.Uint64N(2), Unproved: rng.IntN(4) == 0,
				LeftOut: randomSet(rng, to), Never: randomSet(rng, to),
			},
		}
		h := head(t, from)
		p := m.cut.Plan(h, f)
		if _, err := cutlog.EncodePlan("C", p); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if err := cutlog.CheckChain(h, p); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		m.check(t, seed, p, f)
	}
}

// randomSet returns some sequences up to to, mostly none.
func randomSet(rng *rand.Rand, to uint64) (s cutlog.SeqSet) {
	rare := rng.Uint64N(2)
	for seq := uint64(1); seq <= to; seq++ {
		if rare*rng.Uint64N(3) == 1 {
			s.Add(seq)
		}
	}
	return s
}

// reason says of one hole what a plan must say: the reason of a loss, or that of absence.
func reason(c *engine.Cut, seq uint64, f engine.Facts) (cutlog.LostReason, cutlog.AbsentReason) {
	s, r := f.Stream, f.Stream.Retention
	limit := r.Any || r.Oldest && seq < s.FirstSeq
	emptied := s.FirstSeq > s.LastSeq && s.Newest.Equal(c.Last.Time)
	switch {
	case f.Never.Contains(seq), !f.Unproved && emptied && seq > c.Last.Seq:
		return "", cutlog.AbsentNever
	case f.Unproved && seq <= f.Floor:
		return cutlog.LostElsewhere, ""
	case f.Unproved:
		return cutlog.LostUnknown, ""
	case f.LeftOut.Contains(seq):
		return "", cutlog.AbsentFiltered
	case seq <= f.Floor && (r.Filtered || r.Acks || r.Mirror || seq >= s.FirstSeq):
		return cutlog.LostElsewhere, ""
	case !r.Filtered && !r.Acks && (!r.Mirror || seq < s.FirstSeq):
		if limit {
			return cutlog.LostExpired, ""
		}
		return cutlog.LostRemoved, ""
	case r.Filtered || r.Mirror && seq >= s.FirstSeq:
		return "", cutlog.AbsentUnknown
	case limit:
		return cutlog.LostUnknown, ""
	}
	return cutlog.LostElsewhere, ""
}

func (m *model) check(t *testing.T, seed uint64, p *cutlog.Plan, f engine.Facts) {
	t.Helper()
	lost, absent := map[cutlog.LostReason][]uint64{}, map[cutlog.AbsentReason]uint64{}
	for _, seq := range m.holes {
		if l, a := reason(m.cut, seq, f); a != "" {
			absent[a]++
		} else {
			lost[l] = append(lost[l], seq)
		}
	}
	if !maps.Equal(p.AbsentBy, absent) || len(p.Lost) != len(lost) {
		t.Errorf("seed %d: absent %v, lost %v, want %v and %v", seed, p.AbsentBy, p.Lost, absent, lost)
	}
	for _, l := range p.Lost {
		if got := slices.Collect(l.Seqs.All()); !slices.Equal(got, lost[l.Reason]) {
			t.Errorf("seed %d: lost (%s) %v, want %v", seed, l.Reason, got, lost[l.Reason])
		}
	}
	if got := slices.Collect(p.Skipped.All()); !slices.Equal(got, m.skip) {
		t.Errorf("seed %d: skipped %v, want %v", seed, got, m.skip)
	}
	if len(p.Blocks) != len(m.blocks) || len(m.cut.Blocks) != len(p.Blocks) {
		t.Fatalf("seed %d: %d blocks planned, %d kept, want %d", seed, len(p.Blocks), len(m.cut.Blocks), len(m.blocks))
	}
	for i, b := range p.Blocks { // Commit finds the contents by this order
		from := m.cut.Blocks[i]
		got := slices.Collect(b.Seqs.All())
		if !slices.Equal(got, m.blocks[from]) || b.Messages != int64(len(got)) || b.Rows != from.Rows || b.Dir != from.Dir {
			t.Errorf("seed %d: block %d is %+v, made of %+v with %v", seed, i, b, from, m.blocks[from])
		}
	}
}

func TestPlanKeepsTheAnchorOfTheCutBefore(t *testing.T) {
	anchor := cutlog.Anchor{Seq: 90, Time: began, Subject: "s", Hash: cutlog.HashMessage("s", nil, nil)}
	c := engine.NewCut(100, anchor)
	if c.Moved() || !c.Empty() {
		t.Error("a new cut has moved, or is not empty")
	}
	c.Through = 120
	if !c.Moved() || !c.Empty() {
		t.Error("proved absence does not count as moved, or as a message")
	}
	p := c.Plan(head(t, 100), engine.Facts{
		Capture: "C", Reason: cutlog.ReasonShutdown, Time: began,
		Stream: engine.StreamFacts{Retention: engine.Retention{Filtered: true}},
	})
	if p.Anchor != anchor || p.From != 100 || p.To != 120 || p.Absent != 20 || len(p.Blocks) != 0 || p.Opens {
		t.Errorf("plan %+v", p)
	}
}

func TestTakeAtTheSeal(t *testing.T) {
	c := engine.NewCut(0, cutlog.Anchor{})
	b := &engine.Block{Kind: cutlog.KindData, Dir: "k", Suffix: "rows"}
	c.Open(b)
	for seq := range uint64(5) {
		c.Add(b, seq+1, 0)
	}
	c.Through = 5
	c.Last = cutlog.Anchor{Seq: 5, Time: began, Subject: "s", Hash: cutlog.HashMessage("s", nil, nil)}
	c.Take(b, cutlog.NewSeqSet(2, 5))
	c.Skip(2)
	dead := &engine.Block{Kind: cutlog.KindDead, Dir: cutlog.DeadPrefix("C")}
	c.Open(dead)
	c.Add(dead, 5, 1)
	b.Rows = 3
	p := c.Plan(head(t, 0), engine.Facts{Capture: "C", Reason: cutlog.ReasonOnce, Time: began})
	if _, err := cutlog.EncodePlan("C", p); err != nil {
		t.Fatal(err)
	}
	if c.Messages != 4 || c.Dead != 1 || b.Messages != 3 || p.Absent != 0 || !p.Skipped.Equal(cutlog.NewSeqSet(2)) {
		t.Errorf("%d messages, %d dead, block %+v, plan %+v", c.Messages, c.Dead, b, p)
	}
	c.Take(dead, cutlog.NewSeqSet(5))
	c.Skip(5)
	p = c.Plan(head(t, 0), engine.Facts{Capture: "C", Reason: cutlog.ReasonOnce, Time: began})
	if len(p.Blocks) != 1 || !p.Skipped.Equal(cutlog.NewSeqSet(2, 5)) {
		t.Errorf("a block without a message is planned: %+v", p.Blocks)
	}
}

func TestAddOutOfOrder(t *testing.T) { // a shared consumer delivers like that
	c := engine.NewCut(0, cutlog.Anchor{})
	b := &engine.Block{Kind: cutlog.KindData}
	c.Open(b)
	for _, seq := range []uint64{5, 9, 7} {
		c.Add(b, seq, 1)
	}
	c.Skip(8)
	c.Skip(6)
	if !b.Seqs.Equal(cutlog.NewSeqSet(5, 7, 9)) || b.Messages != 3 || b.Rows != 3 ||
		!c.Skipped.Equal(cutlog.NewSeqSet(6, 8)) {
		t.Errorf("block %v, skipped %v", slices.Collect(b.Seqs.All()), slices.Collect(c.Skipped.All()))
	}
}

func TestStoreName(t *testing.T) {
	sets := []cutlog.SeqSet{
		cutlog.NewSeqSet(5, 9), cutlog.NewSeqSet(5, 7, 9), cutlog.NewSeqSet(5, 6, 7, 8, 9),
		cutlog.NewSeqSet(5, 8, 9), cutlog.NewSeqSet(5),
	}
	seen := map[string]bool{}
	for _, s := range sets {
		name := engine.StoreName("S", began, s, "ndjson.gz")
		if seen[name] {
			t.Errorf("two sets have the name %s", name)
		}
		seen[name] = true
		same := cutlog.NewSeqSet(slices.Collect(s.All())...)
		if again := engine.StoreName("S", began.Local(), same, "ndjson.gz"); again != name {
			t.Errorf("one set has the names %s and %s", name, again)
		}
	}
	if of := engine.StoreName("S", began.Add(1), sets[0], "ndjson.gz"); seen[of] {
		t.Errorf("blocks of two streams have the name %s", of)
	}
	form := regexp.MustCompile(`^S-00000000000000000005-00000000000000000009-[0-9a-f]{8}\.ndjson\.gz$`)
	if got := engine.StoreName("S", began, sets[0], "ndjson.gz"); !form.MatchString(got) {
		t.Errorf("name %s, want the form %s", got, form)
	}
	if got := engine.StoreName("a/b", began, sets[0], ""); got[:6] != "a%2Fb-" || got[len(got)-9] != '-' {
		t.Errorf("name %s of a hostile stream without a suffix", got)
	}
}

func TestAssignment(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	m := randomCut(rng, 10, 200)
	p := m.cut.Plan(head(t, 10), engine.Facts{Capture: "C", Reason: cutlog.ReasonFull, Time: began})
	some := []int{1, 2}
	a := engine.Assign(p, some)
	for seq := uint64(1); seq <= 220; seq++ {
		want, in := 0, false
		for _, i := range some {
			if p.Blocks[i].Seqs.Contains(seq) {
				want, in = i, true
			}
		}
		if got, ok := a.Block(seq); got != want || ok != in {
			t.Errorf("sequence %d: block %d, %v, want %d, %v", seq, got, ok, want, in)
		}
	}
	if _, ok := engine.Assign(p, nil).Block(20); ok {
		t.Error("a sequence belongs to none of no blocks")
	}
}

func TestJudge(t *testing.T) {
	h := head(t, 100)
	h.Plan.Anchor = cutlog.Anchor{Seq: 100, Time: began, Subject: "s", Hash: cutlog.HashMessage("s", nil, nil)}
	past := []time.Time{began.Add(-2 * time.Hour), began.Add(-time.Hour)}
	for _, c := range []struct {
		name    string
		created time.Time
		last    uint64
		look    engine.AnchorLook
		want    engine.Identity
	}{
		{"same", began, 100, engine.AnchorSame, engine.Same},
		{"grown", began, 900, engine.AnchorSame, engine.Same},
		{"same in another zone", began.In(time.FixedZone("x", 3600)), 100, engine.AnchorSame, engine.Same},
		{"anchor expired", began, 100, engine.AnchorMissing, engine.Same},
		{"shorter", began, 99, engine.AnchorSame, engine.RolledBack},
		{"shorter, anchor gone", began, 99, engine.AnchorMissing, engine.RolledBack},
		{"rolled back and grown again", began, 5000, engine.AnchorOther, engine.RolledBack},
		{"made anew", began.Add(time.Second), 0, engine.AnchorMissing, engine.Recreated},
		{"made anew and longer", began.Add(time.Second), 5000, engine.AnchorOther, engine.Recreated},
		{"made before, never seen", began.Add(-30 * time.Minute), 5000, engine.AnchorOther, engine.Foreign},
		{"made before, with the same anchor", began.Add(-1), 5000, engine.AnchorSame, engine.Foreign},
		{"restored", began.Add(time.Second), 100, engine.AnchorSame, engine.Restored},
		{"restored and grown", began.Add(time.Second), 900, engine.AnchorSame, engine.Restored},
		{"restored, but shorter", began.Add(time.Second), 99, engine.AnchorSame, engine.Recreated},
		{"left before, with the same anchor", past[1], 5000, engine.AnchorSame, engine.Foreign},
		{"left before", past[0], 5000, engine.AnchorSame, engine.Foreign},
		{"left last", past[1], 0, engine.AnchorMissing, engine.Foreign},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := engine.StreamFacts{Name: "S", Created: c.created, LastSeq: c.last}
			if got := engine.Judge(h, s, c.look, past); got != c.want {
				t.Errorf("identity %d, want %d", got, c.want)
			}
		})
	}
}

func TestOpenPlan(t *testing.T) {
	old := head(t, 100)
	again := began.Add(time.Hour)
	recreated := func(first, last uint64, whole bool) engine.StreamFacts {
		return engine.StreamFacts{
			Name: "S", Created: again, Configured: 1, FirstSeq: first, LastSeq: last, Newest: again,
			Retention: engine.Retention{Filtered: !whole},
		}
	}
	purged := recreated(1000, 999, true)
	purged.Newest = time.Time{}
	anchor := cutlog.Anchor{Seq: 60, Time: began, Subject: "s", Hash: cutlog.HashMessage("s", nil, nil)}
	for _, c := range []struct {
		name   string
		head   cutlog.Head
		o      engine.Opening
		to     uint64
		lost   uint64
		absent uint64
	}{
		{"a new capture of an old stream", cutlog.Head{}, engine.Opening{Stream: facts(500, 900), From: 499}, 499, 0, 0},
		{"a new capture from the middle", cutlog.Head{}, engine.Opening{Stream: facts(1, 900), From: 600}, 600, 0, 0},
		{"a recreated stream", old, engine.Opening{Stream: recreated(1, 5, true)}, 0, 0, 0},
		{"an empty recreated stream", old, engine.Opening{Stream: recreated(0, 0, true)}, 0, 0, 0},
		{"a recreated stream that dropped some", old, engine.Opening{Stream: recreated(8, 20, true)}, 7, 7, 0},
		{"a recreated stream that began by a purge", old, engine.Opening{Stream: purged}, 999, 0, 999},
		{"the same with a filter", old, engine.Opening{Stream: recreated(8, 20, false)}, 7, 0, 7},
		{
			"a recreated stream with a first sequence", old,
			engine.Opening{Stream: recreated(1000, 1010, true), From: 999},
			999, 0, 0,
		},
		{"a rolled-back stream", old, engine.Opening{Stream: facts(1, 70), From: 60, Anchor: anchor}, 60, 0, 0},
		{
			"a rolled-back stream that dropped some", old,
			engine.Opening{Stream: facts(65, 70), From: 60, Anchor: anchor},
			64, 4, 0,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := engine.OpenPlan(c.head, c.o, engine.Facts{Capture: "C", Reason: cutlog.ReasonOpen, Time: began})
			lost := uint64(0)
			for _, l := range p.Lost {
				lost += l.Seqs.Count()
			}
			if p.From != c.o.From || p.To != c.to || lost != c.lost || p.Absent != c.absent {
				t.Errorf("(%d, %d], %d lost, %d absent; want (%d, %d], %d, %d",
					p.From, p.To, lost, p.Absent, c.o.From, c.to, c.lost, c.absent)
			}
			if !p.Opens || p.Opened != p.N || p.N != c.head.N+1 {
				t.Errorf("plan %+v", p)
			}
			if c.head.Plan != nil && p.Incarnation == old.Plan.Incarnation {
				t.Errorf("incarnation %s is that of another plan", p.Incarnation)
			}
			if c.head.Plan == nil {
				p.Format = &cutlog.Format{Version: cutlog.Version, Capture: "C", Stream: "S"}
			} else if err := cutlog.CheckChain(c.head, p); err != nil {
				t.Error(err)
			}
			if _, err := cutlog.EncodePlan("C", p); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestMarks: whatever the number of messages, a cut keeps some of them as anchors, at regular intervals.
func TestMarks(t *testing.T) {
	anchor := func(seq uint64) cutlog.Anchor {
		return cutlog.Anchor{Seq: seq, Time: began, Subject: "s", Hash: cutlog.HashMessage("s", nil, nil)}
	}
	for _, n := range []uint64{0, 1, 2, 63, 64, 65, 66, 127, 128, 129, 1000, 100_003} {
		c := engine.NewCut(0, cutlog.Anchor{})
		hashed := 0
		for seq := uint64(1); seq <= n; seq++ {
			if c.Marks() {
				hashed++
				c.Mark(anchor(seq))
			}
			c.Skip(seq)
			c.Through, c.Last = seq, anchor(seq)
		}
		p := c.Plan(head(t, 0), engine.Facts{Capture: "C", Reason: cutlog.ReasonFull, Time: began})
		if _, err := cutlog.EncodePlan("C", p); err != nil {
			t.Fatalf("%d messages: %v", n, err)
		}
		widest, before := uint64(0), uint64(0)
		for _, a := range append(p.Anchors, p.Anchor) {
			widest, before = max(widest, a.Seq-before), a.Seq
		}
		if most := n/32 + 1; widest > most || hashed > 700 {
			t.Errorf("%d messages: %d anchors, the widest gap is %d, want %d at most; %d were hashed",
				n, len(p.Anchors), widest, most, hashed)
		}
	}
}
