package sim

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// The oracle reads the archive as docs/FORMAT.md describes it. It shares no code with what it judges, but for the
// anchors that opened compares.

func planName(n uint64) string { return fmt.Sprintf("_jetcapture/S/log/%020d.plan.json.gz", n) }
func doneName(n uint64) string { return fmt.Sprintf("_jetcapture/S/log/%020d.done.json", n) }

// planRecord is what the oracle reads of a plan.
type planRecord struct {
	N           uint64 `json:"n"`
	Prev        string `json:"prev"`
	Incarnation string `json:"incarnation"`
	Opens       bool   `json:"opens"`
	Stream      struct {
		Created time.Time `json:"created"`
	} `json:"stream"`
	From    uint64 `json:"from"`
	To      uint64 `json:"to"`
	Absent  uint64 `json:"absent"`
	Skipped []uint64
	Lost    []struct {
		Reason string   `json:"reason"`
		Seqs   []uint64 `json:"seqs"`
	} `json:"lost"`
	Blocks []struct {
		Dir  string   `json:"dir"`
		Name string   `json:"name"`
		Rows int64    `json:"rows"`
		Seqs []uint64 `json:"seqs"`
	} `json:"blocks"`
}

func parsePlan(data []byte) (*planRecord, error) {
	zip, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	var p planRecord
	return &p, json.NewDecoder(zip).Decode(&p)
}

// lostRecord is what the oracle reads of a lost record.
type lostRecord struct {
	Blocks []struct {
		Block int      `json:"block"`
		Seqs  []uint64 `json:"seqs"`
	} `json:"blocks"`
}

// expand lists the sequences of delta-coded runs: the distance to a run and its length, then those of the next, and so
// on.
func expand(runs []uint64) (seqs []uint64) {
	var end uint64
	for i := 0; i+1 < len(runs); i += 2 {
		end += runs[i]
		for range runs[i+1] {
			end++
			seqs = append(seqs, end)
		}
	}
	return seqs
}

// place is where the archive has a sequence of an incarnation.
type place struct {
	incarnation string
	seq         uint64
}

// verdict collects what the archive holds, and what is wrong with it.
type verdict struct {
	w        *World
	wrong    []string
	planned  map[string][]uint64 // sequences by file
	plans    map[string]*planRecord
	lost     map[string]map[uint64]bool // by file, from lost records
	inFile   map[place]string
	captured map[stored]bool
	gone     map[stored]bool // recorded as lost
}

// stored is a message that is in a file.
type stored struct {
	seq uint64
	val int
}

func (v *verdict) fail(format string, args ...any) {
	if len(v.wrong) < 5 {
		v.wrong = append(v.wrong, fmt.Sprintf(format, args...))
	}
}

// judge checks the whole archive against everything that the stream ever held.
func judge(w *World) []string {
	v := &verdict{
		w: w, planned: map[string][]uint64{}, plans: map[string]*planRecord{}, lost: map[string]map[uint64]bool{},
		inFile: map[place]string{}, captured: map[stored]bool{}, gone: map[stored]bool{},
	}
	plans := v.readLog()
	w.Cov.Plans += len(plans)
	v.readFiles()
	for _, p := range plans {
		v.account(p)
	}
	v.survivors(plans)
	return v.wrong
}

// readLog checks the chain of plans and done records.
func (v *verdict) readLog() (plans []*planRecord) {
	prev, to := "", uint64(0)
	for n := uint64(1); ; n++ {
		if _, ok := v.w.store.objects[planName(n)]; !ok {
			return plans
		}
		p := v.w.plan(n)
		if p == nil {
			v.fail("plan %d cannot be read", n)
			return plans
		}
		done, ok := v.w.store.objects[doneName(n)]
		if !ok {
			v.fail("plan %d has no done record in the end", n)
		}
		if p.Prev != prev {
			v.fail("plan %d does not follow done %d", n, n-1)
		}
		if !p.Opens && p.From != to {
			v.fail("plan %d begins after %d, plan %d ended at %d", n, p.From, n-1, to)
		}
		sum := sha256.Sum256(done)
		prev, to = hex.EncodeToString(sum[:]), p.To
		v.name(p, n)
		plans = append(plans, p)
	}
}

// name notes the files of a plan, and which of their sequences are lost. Only the lost record that done names counts.
func (v *verdict) name(p *planRecord, n uint64) {
	lost := map[int][]uint64{}
	var done struct {
		Lost string `json:"lost"`
	}
	_ = json.Unmarshal(v.w.store.objects[doneName(n)], &done) // readLog judges the record
	for name, data := range v.w.store.objects {
		sum := sha256.Sum256(data)
		isLost := strings.HasPrefix(name, fmt.Sprintf("_jetcapture/S/log/%020d.lost", n))
		if !isLost || hex.EncodeToString(sum[:]) != done.Lost {
			continue
		}
		var l lostRecord
		if err := json.Unmarshal(data, &l); err != nil {
			v.fail("%s: %v", name, err)
		}
		for _, b := range l.Blocks {
			lost[b.Block] = append(lost[b.Block], expand(b.Seqs)...)
		}
	}
	for i, b := range p.Blocks {
		name := b.Dir + "/" + b.Name
		if v.plans[name] != nil {
			v.fail("two plans name %s", name)
		}
		v.plans[name], v.planned[name] = p, expand(b.Seqs)
		v.lost[name] = map[uint64]bool{}
		for _, seq := range lost[i] {
			v.lost[name][seq] = true
		}
		v.lose(p, lost[i])
	}
	for _, l := range p.Lost {
		v.lose(p, expand(l.Seqs))
	}
}

// lose notes the messages that are recorded as lost.
func (v *verdict) lose(p *planRecord, seqs []uint64) {
	for _, b := range v.w.stream.branches {
		for _, seq := range seqs {
			if m, ok := b.ever[seq]; ok && b.created.Equal(p.Stream.Created) {
				v.gone[stored{seq, m.val}] = true
			}
		}
	}
}

// readFiles checks each data file against its plan and the stream's history.
func (v *verdict) readFiles() {
	for _, name := range v.w.sortedNames() {
		if strings.HasPrefix(name, "_jetcapture/") {
			continue
		}
		p := v.plans[name]
		if p == nil {
			v.fail("no plan names %s", name)
			continue
		}
		rows, err := decodeRows(v.w.store.objects[name])
		if err != nil {
			v.fail("%s: %v", name, err)
		}
		got := map[uint64]bool{}
		for _, r := range rows {
			v.readRow(name, p, r, got)
		}
		for _, seq := range v.planned[name] {
			if !got[seq] && !v.lost[name][seq] {
				v.fail("%s lacks sequence %d", name, seq)
			}
		}
	}
	for name, seqs := range v.planned {
		if _, ok := v.w.store.objects[name]; ok {
			continue
		}
		for _, seq := range seqs {
			if !v.lost[name][seq] {
				v.fail("%s is missing, and sequence %d is not recorded as lost", name, seq)
			}
		}
	}
}

// readRow checks one row.
func (v *verdict) readRow(name string, p *planRecord, r row, got map[uint64]bool) {
	at := place{p.Incarnation, r.Seq}
	if other, twice := v.inFile[at]; twice {
		v.fail("sequence %d of incarnation %s is in %s and in %s", r.Seq, p.Incarnation, other, name)
	}
	v.inFile[at], got[r.Seq] = name, true
	v.captured[stored{r.Seq, r.Val}] = true
	for _, b := range v.w.stream.branches {
		if m, ok := b.ever[r.Seq]; ok && b.created.Equal(p.Stream.Created) && m.val == r.Val {
			return
		}
	}
	v.fail("%s says that sequence %d is %d, which it never was", name, r.Seq, r.Val)
}

// account checks that what a plan calls absent was absent.
func (v *verdict) account(p *planRecord) {
	known := map[uint64]bool{}
	mark := func(runs []uint64) {
		for _, seq := range expand(runs) {
			if known[seq] {
				v.fail("plan %d has sequence %d twice", p.N, seq)
			}
			known[seq] = true
		}
	}
	mark(p.Skipped)
	for _, b := range p.Blocks {
		mark(b.Seqs)
	}
	for _, l := range p.Lost {
		mark(l.Seqs)
		for _, seq := range expand(l.Seqs) {
			if !v.wasLost(p, l.Reason, seq) {
				v.fail("plan %d calls sequence %d %s, which it never was", p.N, seq, l.Reason)
			}
		}
	}
	var absent uint64
	for seq := p.From + 1; seq <= p.To; seq++ {
		if !known[seq] {
			absent++
			if !v.wasAbsent(p, seq) {
				v.fail("plan %d calls sequence %d absent, and the stream had it", p.N, seq)
			}
		}
	}
	if absent != p.Absent {
		v.fail("plan %d counts %d absent, %d are", p.N, p.Absent, absent)
	}
}

// deletedBefore reports whether an operator deleted the message in some life of the stream.
func (v *verdict) deletedBefore(seq uint64, m message) bool {
	return slices.ContainsFunc(v.w.stream.branches, func(b *branch) bool { return b.deleted[seq] && b.ever[seq] == m })
}

// of reports whether the message was in the stream of a plan.
func (v *verdict) of(p *planRecord, seq uint64, m message) bool {
	created := p.Stream.Created
	return slices.ContainsFunc(
		v.w.stream.branches,
		func(b *branch) bool { return b.created.Equal(created) && b.ever[seq] == m },
	)
}

// survivors checks that every message that the stream still holds is in a file, unless it was skipped. What was lost or
// deleted before it was read stays so if a restored copy has it again.
func (v *verdict) survivors(plans []*planRecord) {
	b := v.w.stream.cur
	for seq, m := range b.alive {
		first := len(plans) > 0 && seq <= plans[0].From && v.of(plans[0], seq, m) // the capture began behind it
		back := b.restored && (v.gone[stored{seq, m.val}] || v.deletedBefore(seq, m))
		if !m.skipped() && !first && !back && !v.captured[stored{seq, m.val}] {
			v.fail("sequence %d (%d) is in the stream and in no file", seq, m.val)
		}
	}
}
