package sim

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/engine"
)

// encodeRows makes the bytes of a data file.
func encodeRows(rows []row) []byte {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	for _, r := range rows {
		_ = enc.Encode(r) // numbers into memory: cannot fail
	}
	return out.Bytes()
}

func decodeRows(data []byte) (rows []row, err error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	for dec.More() {
		var r row
		if err := dec.Decode(&r); err != nil {
			return nil, err
		}
		rows = append(rows, r)
	}
	return rows, nil
}

func fileOf(data []byte) cutlog.File {
	sum := sha256.Sum256(data)
	return cutlog.File{Size: int64(len(data)), SHA256: hex.EncodeToString(sum[:])}
}

// Find implements engine.Redoer.
func (p *process) Find(ctx context.Context, plan *cutlog.Plan, i int) (f cutlog.File, ok bool, err error) {
	if p.w.cfg.Mutant == NoRedo {
		return fileOf(nil), true, nil
	}
	err = p.retry(ctx, "find", func(ctx context.Context) error {
		data, err := p.files.Get(ctx, plan.Blocks[i].Path())
		if errors.Is(err, fs.ErrNotExist) {
			ok = false
			return nil
		}
		if err != nil {
			return err
		}
		ok, f = true, fileOf(data)
		rows, damage := decodeRows(data)
		return p.entry.CheckFound(ctx, i, int64(len(rows)), damage)
	})
	return f, ok && err == nil, err
}

// Put implements engine.Redoer.
func (p *process) Put(ctx context.Context, plan *cutlog.Plan, i int, c engine.Content) (f cutlog.File, err error) {
	data := encodeRows(c.([]row))
	err = p.retry(ctx, "put", func(ctx context.Context) error {
		err := p.files.PutNew(ctx, plan.Blocks[i].Path(), data)
		if errors.Is(err, cutlog.ErrExists) {
			there, ok, err := p.Find(ctx, plan, i)
			if err == nil && !ok {
				err = errFault
			}
			f = there
			return err
		}
		f = fileOf(data)
		return err
	})
	return f, err
}

// Remake implements engine.Redoer.
func (p *process) Remake(_ context.Context, plan *cutlog.Plan, blocks []int, done func([]engine.Remade) error) error {
	rows := map[int][]row{}
	sets := map[int]*cutlog.SeqSet{}
	assign := engine.Assign(plan, blocks)
	epoch := p.w.stream.epoch
	for seq := plan.From + 1; seq <= plan.To; seq++ {
		if p.w.luck.rests() {
			p.yield()
		}
		if epoch != p.w.stream.epoch || !p.w.stream.cur.created.Equal(plan.Stream.Created) {
			return errAgain
		}
		i, ok := assign.Block(seq)
		m, alive := p.w.stream.cur.alive[seq]
		if alive && seq == plan.Anchor.Seq && m.anchor(seq) != plan.Anchor && p.w.cfg.Mutant != NoAnchor {
			return errAgain
		}
		if !ok || !alive {
			continue
		}
		if p.w.cfg.Mutant == GroupByToday {
			i = p.todaysBlock(plan, blocks, m, i)
		}
		if sets[i] == nil {
			sets[i] = &cutlog.SeqSet{}
		}
		rows[i] = append(rows[i], row{seq, m.val})
		sets[i].Add(seq)
	}
	var made []engine.Remade
	for _, i := range blocks {
		var have cutlog.SeqSet
		if sets[i] != nil {
			have = *sets[i]
		}
		m, err := engine.NewRemade(plan, i, have, int64(len(rows[i])))
		if p.w.cfg.Mutant == GroupByToday {
			m, err = engine.Remade{Block: i, Empty: have.Empty()}, nil
		}
		if err != nil {
			return err
		}
		m.Content = rows[i]
		made = append(made, m)
	}
	return done(made)
}

// Each implements engine.Redoer, one at a time.
func (p *process) Each(ctx context.Context, n int, f func(ctx context.Context, i int) error) error {
	for i := range n {
		if err := f(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

// todaysBlock is where the mutant GroupByToday puts a message: where today's decoder groups it.
func (p *process) todaysBlock(plan *cutlog.Plan, blocks []int, m message, planned int) int {
	dir := groupDir(group(p.version, m))
	for _, i := range blocks {
		if plan.Blocks[i].Dir == dir {
			return i
		}
	}
	return planned
}
