package archive_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
)

var (
	created = time.Date(2024, 5, 6, 7, 8, 9, 123456789, time.UTC)
	window  = time.Date(2024, 5, 6, 7, 0, 0, 0, time.UTC)
)

// builder makes an archive record by record, for what is hard to make happen: losses, late puts, hostile claims.
type builder struct {
	t    testing.TB
	name string // of the capture, of stream S
	o    objects
	head cutlog.Head
}

// build begins an archive of capture S with plan 1, which starts after sequence from.
func build(t testing.TB, from uint64) *builder {
	t.Helper()
	return buildOf(t, "S", from)
}

// buildOf is build of a capture of any name.
func buildOf(t testing.TB, name string, from uint64) *builder {
	t.Helper()
	b := &builder{t: t, name: name, o: objects{}}
	format := cutlog.Format{Version: cutlog.Version, Capture: name, Stream: "S"}
	p := &cutlog.Plan{
		N: 1, Reason: cutlog.ReasonOpen, Time: created, Stream: cutlog.Stream{Name: "S", Created: created}, Opens: true,
		Opened:      1,
		Incarnation: cutlog.IncarnationID(name, "S", created, 1), From: from, To: from, Format: &format,
	}
	b.plan(p)
	b.done(nil)
	r, err := cutlog.EncodeFormat(format)
	b.put(r, err)
	return b
}

func (b *builder) put(r cutlog.Record, err error) string {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
	b.o[r.Name] = r.Data
	return r.Sum
}

func (b *builder) plan(p *cutlog.Plan) {
	b.t.Helper()
	sum := b.put(cutlog.EncodePlan(b.name, p))
	b.head = cutlog.Head{N: p.N, Plan: p, PlanSum: sum}
}

// next makes a plan of the sequences that are given by key; what is between them is absent. Key "" is dead letters. It
// stores nothing.
func (b *builder) next(blocks map[string][]uint64) *cutlog.Plan {
	before := b.head
	p := &cutlog.Plan{
		N: before.N + 1, Prev: before.DoneSum, Reason: cutlog.ReasonWindow, Time: created, Stream: before.Plan.Stream,
		Incarnation: before.Plan.Incarnation, Opened: before.Plan.Opened, From: before.Plan.To, To: before.Plan.To,
		Settings: map[string]string{
			"compression": "gzip", "suffix": "ndjson", "max_age": "15m0s", "decoder_version": "jetcapture-1",
			"x_format": "ndjson", "x_record": "payload",
		},
	}
	held := uint64(0)
	for _, key := range slices.Sorted(maps.Keys(blocks)) {
		seqs := cutlog.NewSeqSet(blocks[key]...)
		p.Blocks = append(p.Blocks, b.block(p, key, seqs))
		p.To = max(p.To, seqs.Last())
		held += seqs.Count()
	}
	slices.SortFunc(p.Blocks, cutlog.CompareBlocks)
	p.Absent = p.To - p.From - held
	return p
}

func (b *builder) block(p *cutlog.Plan, key string, seqs cutlog.SeqSet) cutlog.Block {
	block := cutlog.Block{
		Kind: cutlog.KindData, Key: []cutlog.Text{cutlog.Text(key)}, Dir: cutlog.EscapeSegment(key) + "/2024/05/06/07/00",
		Window:   window,
		Name:     cutlog.BlockName(b.name, p.Incarnation, seqs.First(), seqs.Last(), "ndjson.gz"),
		Messages: int64(seqs.Count()), Rows: int64(seqs.Count()), Seqs: seqs,
	}
	if key == "" {
		block.Kind, block.Key, block.Dir = cutlog.KindDead, nil, cutlog.DeadPrefix(b.name)+"/2024/05/06/07/00"
	}
	return block
}

// file stores the file of a block without the lost messages. Its rows are the sequences.
func (b *builder) file(block cutlog.Block, lost cutlog.SeqSet) {
	var rows strings.Builder
	for seq := range block.Seqs.Minus(lost).All() {
		fmt.Fprintln(&rows, seq)
	}
	b.o[block.Path()] = gzipped([]byte(rows.String()))
}

// files stores all files of the newest plan whole.
func (b *builder) files() {
	for _, block := range b.head.Plan.Blocks {
		b.file(block, cutlog.SeqSet{})
	}
}

// lose puts the k-th lost record of the newest plan.
func (b *builder) lose(k uint64, blocks map[int][]uint64) {
	b.t.Helper()
	l := &cutlog.Lost{N: b.head.N, K: k, Plan: b.head.PlanSum}
	for _, i := range slices.Sorted(maps.Keys(blocks)) {
		l.Blocks = append(l.Blocks, cutlog.LostBlock{Block: i, Seqs: cutlog.NewSeqSet(blocks[i]...)})
	}
	b.head.LostSum = b.put(cutlog.EncodeLost(b.name, l))
	b.head.Lost = l
}

// done finishes the newest plan with what is stored of it. change may change the record first.
func (b *builder) done(change func(*cutlog.Done)) {
	b.t.Helper()
	d := &cutlog.Done{N: b.head.N, Plan: b.head.PlanSum, Lost: b.head.LostSum}
	for _, block := range b.head.Plan.Blocks {
		data, ok := b.o[block.Path()]
		if !ok {
			d.Files = append(d.Files, cutlog.File{Missing: true})
			continue
		}
		d.Files = append(d.Files, cutlog.File{Size: int64(len(data)), SHA256: cutlog.Sum(data)})
	}
	if change != nil {
		change(d)
	}
	b.head.DoneSum = b.put(cutlog.EncodeDone(b.name, d))
	b.head.Done = d
}

// cut makes a whole cut.
func (b *builder) cut(blocks map[string][]uint64) *cutlog.Plan {
	b.t.Helper()
	p := b.next(blocks)
	b.plan(p)
	b.files()
	b.done(nil)
	return p
}

// span returns the sequences first to last.
func span(first, last uint64) (seqs []uint64) {
	for seq := first; seq <= last; seq++ {
		seqs = append(seqs, seq)
	}
	return seqs
}
