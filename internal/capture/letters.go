package capture

import (
	"encoding/json"
	"fmt"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/engine"
	"github.com/jetcapture/jetcapture/internal/reader"
)

// addDead puts a dead letter into the open block of its window, which is opened if need be.
func (t *Table) addDead(m *reader.Message, d DeadLetter) error {
	window := engine.WindowStart(m.Time, t.cfg.MaxAge)
	b := t.dead[window]
	if b == nil {
		b = t.openDead(t.deadBlock(window))
		if t.dead == nil {
			t.dead = map[int64]*Block{}
		}
		t.dead[window] = b
	}
	return t.addLetter(b, m.Seq, d)
}

// openDead opens a block of dead letters. Its rows are JSON lines in gzip, whatever the form of data files is.
func (t *Table) openDead(e *engine.Block) *Block {
	b := &Block{Block: e, buf: t.spool.NewBuffer(t.gzip), fill: letters{}}
	t.blocks = append(t.blocks, b)
	t.cut.Open(e)
	return b
}

// deadBlock returns a new block of dead letters, which is not open yet.
func (t *Table) deadBlock(window int64) *engine.Block {
	return &engine.Block{
		Kind: cutlog.KindDead, Window: window, Suffix: joinSuffix("ndjson", t.gzip.Suffix()),
		Dir: t.cfg.DeadDir + "/" + engine.WindowDir(window),
	}
}

// AddLetter adds m to b as a dead letter, with cause as its error.
func (t *Table) AddLetter(b *Block, m *reader.Message, cause error) error {
	return t.addLetter(b, m.Seq, t.letter(m, cause))
}

// addLetter writes a dead letter as a row of b and counts it in the cut.
func (t *Table) addLetter(b *Block, seq uint64, d DeadLetter) error {
	row, err := json.Marshal(d)
	if err != nil {
		return &blockError{writerFailed, fmt.Errorf("encode the dead letter of sequence %d: %w", seq, err)}
	}
	if _, err := b.buf.Write(append(row, '\n')); err != nil {
		return &blockError{spoolFull, err}
	}
	t.cut.Add(b.Block, seq, 1)
	return t.commit(b)
}
