package archive

import (
	"cmp"
	"iter"
	"slices"
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
)

// Cut is one cut of a capture with its records.
type Cut struct {
	cutlog.Head
	capture string
}

// Capture is the name of the capture.
func (c Cut) Capture() string { return c.capture }

// Finished reports whether the cut is complete: all its files are there.
func (c Cut) Finished() bool { return c.Done != nil }

// Block is one file of a cut as the records describe it.
type Block struct {
	cutlog.Block
	Capture string
	Cut     uint64        // number of the cut
	Stored  *cutlog.File  // size and sum; nil while the cut is not finished
	Lost    cutlog.SeqSet // messages that could not be read any more when the cut was finished after an interruption
	End     time.Time     // end of the window, exclusive; zero if the plan does not say its length
}

// Blocks yields the files of the cut in the order of the plan.
func (c Cut) Blocks() iter.Seq[Block] {
	return func(yield func(Block) bool) {
		for i := range c.Plan.Blocks {
			if !yield(c.block(i)) {
				return
			}
		}
	}
}

func (c Cut) block(i int) Block {
	b := Block{Block: c.Plan.Blocks[i], Capture: c.capture, Cut: c.N, Lost: c.lost(i)}
	if c.Done != nil && i < len(c.Done.Files) {
		b.Stored = &c.Done.Files[i]
	}
	if age := c.Plan.Settings.MaxAge(); age > 0 {
		b.End = b.Window.Add(age)
	}
	return b
}

// lost returns what a redo could not read of a block.
func (c Cut) lost(block int) cutlog.SeqSet {
	if c.Lost == nil {
		return cutlog.SeqSet{}
	}
	i, found := slices.BinarySearchFunc(c.Lost.Blocks, block,
		func(l cutlog.LostBlock, block int) int { return cmp.Compare(l.Block, block) })
	if !found {
		return cutlog.SeqSet{}
	}
	return c.Lost.Blocks[i].Seqs
}

// Counts are the numbers of a cut's accounting. All but Rows, Files and Bytes add up to To - From of its plan.
type Counts struct {
	Messages int64  // in files of data
	Dead     int64  // in files of dead letters
	Skipped  int64  // left out on purpose
	Lost     int64  // gone from the stream before they were stored
	Absent   uint64 // no message of the capture, as far as can be known
	Rows     int64  // in files of data
	Files    int64
	Bytes    int64 // of the files; 0 while the cut is not finished
}

// Counts adds up the cut. What a redo could not read any more counts as lost, not as in a file.
func (c Cut) Counts() Counts {
	n := Counts{Skipped: int64(c.Plan.Skipped.Count()), Absent: c.Plan.Absent}
	for _, l := range c.Plan.Lost {
		n.Lost += int64(l.Seqs.Count())
	}
	for i := range c.Plan.Blocks {
		n.addBlock(c.block(i))
	}
	return n
}

// addBlock adds one file.
func (n *Counts) addBlock(b Block) {
	lost := int64(b.Lost.Count())
	n.Lost += lost
	if b.Kind == cutlog.KindDead {
		n.Dead += b.Messages - lost
	} else {
		n.Messages += b.Messages - lost
		n.Rows += b.Rows // a file with lost messages may have fewer
	}
	if b.Stored != nil && b.Stored.Missing {
		return
	}
	n.Files++
	if b.Stored != nil {
		n.Bytes += b.Stored.Size
	}
}

// Add adds the numbers of another cut.
func (n *Counts) Add(o Counts) {
	n.Messages += o.Messages
	n.Dead += o.Dead
	n.Skipped += o.Skipped
	n.Lost += o.Lost
	n.Absent += o.Absent
	n.Rows += o.Rows
	n.Files += o.Files
	n.Bytes += o.Bytes
}

// Fate is what became of a stream sequence.
type Fate string

// The fates of a sequence.
const (
	FateStored  Fate = "stored"  // it is in a file of data
	FateDead    Fate = "dead"    // it is in a file of dead letters
	FateSkipped Fate = "skipped" // left out on purpose, by a decoder or by the poison policy
	FateLost    Fate = "lost"    // it was gone from the stream before it was stored
	FateAbsent  Fate = "absent"  // it was no message of the capture, as far as can be known
)

// Fate returns what became of a sequence, and its file if it is in one. A sequence outside of the cut's range has the
// empty fate.
func (c Cut) Fate(seq uint64) (Fate, *Block) {
	if seq <= c.Plan.From || seq > c.Plan.To {
		return "", nil
	}
	if c.Plan.Skipped.Contains(seq) {
		return FateSkipped, nil
	}
	for _, l := range c.Plan.Lost {
		if l.Seqs.Contains(seq) {
			return FateLost, nil
		}
	}
	for i := range c.Plan.Blocks {
		if b := c.block(i); b.Seqs.Contains(seq) {
			return b.fate(seq), &b
		}
	}
	return FateAbsent, nil
}

// fate returns what became of a sequence of the block.
func (b *Block) fate(seq uint64) Fate {
	switch {
	case b.Lost.Contains(seq):
		return FateLost
	case b.Kind == cutlog.KindDead:
		return FateDead
	}
	return FateStored
}
