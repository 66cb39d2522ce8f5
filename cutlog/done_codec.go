package cutlog

import (
	"bytes"
	"fmt"
	"io"
)

// EncodeDone checks a done record and encodes it. Equal records give equal bytes in every process.
func EncodeDone(capture string, d *Done) (Record, error) {
	if err := d.Check(); err != nil {
		return Record{}, fmt.Errorf("encode %s: %w", DoneName(capture, d.N), err)
	}
	out := *d
	out.Version = Version
	return seal(DoneName(capture, d.N), &out)
}

// DecodeDone reads the bytes of a stored done record and checks it. Its errors are *CorruptError and *VersionError.
func DecodeDone(data []byte) (*Done, error) { return decodeDone("", data) }

func decodeDone(name string, data []byte) (*Done, error) {
	var d Done
	if err := decodeSmall(name, data, &d, d.Check); err != nil {
		return nil, err
	}
	return &d, nil
}

// decodeSmall reads a record that is not compressed into v and then checks it.
func decodeSmall(name string, data []byte, v any, check func() error) error {
	return unseal(name, bytes.NewReader(data), func(r io.Reader) error {
		text, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		if err := parseRecord(text, v); err != nil {
			return err
		}
		return check()
	})
}

// Check reports what is wrong with a done record by itself.
func (d *Done) Check() error {
	if d.N == 0 || !isSum(d.Plan) || d.Lost != "" && !isSum(d.Lost) {
		return fmt.Errorf("check done %d: number, sum of the plan (%q) or sum of the lost record (%q) is invalid",
			d.N, d.Plan, d.Lost)
	}
	for i, f := range d.Files {
		stored := f.Size >= 0 && isSum(f.SHA256) && !f.Missing
		missing := f.Size == 0 && f.SHA256 == "" && f.Missing
		if !stored && !missing {
			return fmt.Errorf("check done %d: file %d has size %d, sha256 %q, missing %v; "+
				"expected a size and a sum, or missing alone",
				d.N, i, f.Size, f.SHA256, f.Missing)
		}
	}
	return nil
}

// EncodeLost checks a lost record and encodes it. CheckLost checks it against its plan.
func EncodeLost(capture string, l *Lost) (Record, error) {
	if err := l.Check(); err != nil {
		return Record{}, fmt.Errorf("encode %s: %w", LostName(capture, l.N, l.K), err)
	}
	out := *l
	out.Version = Version
	return seal(LostName(capture, l.N, l.K), &out)
}

// DecodeLost reads the bytes of a stored lost record and checks it. Its errors are *CorruptError and *VersionError.
func DecodeLost(data []byte) (*Lost, error) { return decodeLost("", data) }

func decodeLost(name string, data []byte) (*Lost, error) {
	var l Lost
	if err := decodeSmall(name, data, &l, l.Check); err != nil {
		return nil, err
	}
	return &l, nil
}

// Check reports what is wrong with a lost record by itself.
func (l *Lost) Check() error {
	if l.N == 0 || l.K == 0 || !isSum(l.Plan) {
		return fmt.Errorf("check lost %d: number, count (%d) or sum of the plan (%q) is invalid", l.N, l.K, l.Plan)
	}
	if len(l.Blocks) == 0 {
		return fmt.Errorf("check lost %d: no blocks", l.N)
	}
	before := -1
	for _, b := range l.Blocks {
		if b.Block <= before || b.Seqs.Empty() {
			return fmt.Errorf("check lost %d: block %d is out of order or has no stream sequences", l.N, b.Block)
		}
		before = b.Block
	}
	return nil
}

// CheckLost checks a lost record against the plan that it belongs to.
func CheckLost(p *Plan, planSum string, l *Lost) error {
	if l.N != p.N || l.Plan != planSum {
		return fmt.Errorf("check lost %d: it belongs to plan %d with SHA-256 %s, expected plan %d with %s",
			l.N, l.N, l.Plan, p.N, planSum)
	}
	for _, b := range l.Blocks {
		if b.Block >= len(p.Blocks) {
			return fmt.Errorf("check lost %d: block %d, but the plan has %d", l.N, b.Block, len(p.Blocks))
		}
		if more := b.Seqs.Minus(p.Blocks[b.Block].Seqs); !more.Empty() {
			return fmt.Errorf("check lost %d: block %d does not hold stream sequence %d", l.N, b.Block, more.First())
		}
	}
	return nil
}

// follows checks that a lost record holds all that is in the one before.
func (l *Lost) follows(before *Lost) error {
	if before == nil {
		return nil
	}
	sets := l.byBlock()
	for _, b := range before.Blocks {
		if missing := b.Seqs.Minus(sets[b.Block]); !missing.Empty() {
			return fmt.Errorf("check lost %d: record %d lacks stream sequence %d of block %d, which the one before holds",
				l.N, l.K, missing.First(), b.Block)
		}
	}
	return nil
}

// CheckDone checks a done record against its plan and, if it names one, the lost record of the cut.
func CheckDone(h Head) error {
	d := h.Done
	if d.N != h.N || d.Plan != h.PlanSum {
		return fmt.Errorf("check done %d: it belongs to plan %d with SHA-256 %s, expected plan %d with %s",
			d.N, d.N, d.Plan, h.N, h.PlanSum)
	}
	if d.Lost != h.LostSum {
		return fmt.Errorf("check done %d: it goes with a lost record with SHA-256 %q, expected %q", d.N, d.Lost, h.LostSum)
	}
	if len(d.Files) != len(h.Plan.Blocks) {
		return fmt.Errorf("check done %d: %d files, expected %d", d.N, len(d.Files), len(h.Plan.Blocks))
	}
	return h.checkMissing()
}

// checkMissing checks that a file is missing only if all its messages are lost.
func (h Head) checkMissing() error {
	lost := h.Lost.byBlock()
	for i, f := range h.Done.Files {
		if f.Missing && !lost[i].Equal(h.Plan.Blocks[i].Seqs) {
			return fmt.Errorf("check done %d: file %d is missing, but %d of its %d messages are not lost",
				h.N, i, h.Plan.Blocks[i].Seqs.Count()-lost[i].Count(), h.Plan.Blocks[i].Messages)
		}
	}
	return nil
}

// byBlock returns the sets of a lost record by the index of their block; nil for no record.
func (l *Lost) byBlock() map[int]SeqSet {
	if l == nil {
		return nil
	}
	sets := make(map[int]SeqSet, len(l.Blocks))
	for _, b := range l.Blocks {
		sets[b.Block] = b.Seqs
	}
	return sets
}
