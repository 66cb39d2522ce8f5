package exactlyonce

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jetcapture/jetcapture/internal/oracle"
)

// verdict is what is wrong with an archive, and what may still come.
type verdict struct {
	wrong   error // stays wrong
	missing error // nil if everything that the stream holds is stored
}

// judgement compares an archive with everything that the stream ever held.
type judgement struct {
	w      *world
	stored map[stored]bool // what is in a file, or was left out on purpose, or could not be proved
	errs   []error
}

// stored is a message as the stream of that creation time held it.
type stored struct {
	created int64
	seq     uint64
	val     string
}

// judge reads the archive. The goroutine that plays the schedule calls it, so the stream does not change meanwhile.
func (w *world) judge() verdict {
	a, err := oracle.Read(context.Background(), w.objects, captureName)
	if len(a.Cuts) == 0 || !a.Cuts[len(a.Cuts)-1].Done {
		return verdict{missing: errors.New("the last cut is not done")}
	}
	j := &judgement{w: w, stored: map[stored]bool{}, errs: []error{err}}
	for _, id := range a.Incarnations() {
		j.incarnation(a.Of(id))
	}
	return verdict{errors.Join(j.errs...), j.missing(a)}
}

func (j *judgement) add(format string, args ...any) {
	j.errs = append(j.errs, fmt.Errorf(format, args...))
}

// incarnation judges the part of the archive that belongs to one incarnation.
func (j *judgement) incarnation(part *oracle.Archive) {
	past := past{j.w, part.Cuts[0].Created}
	rows := j.rows(part)
	skipped, lost := map[uint64]bool{}, map[uint64]bool{}
	for _, c := range part.Cuts {
		mark(skipped, c.Skipped)
		// The filter of a capture matches all messages here, and no sequence is passed over.
		if n := c.AbsentBy["filtered"] + c.AbsentBy["never-existed"]; n > 0 {
			j.add("cut %d says that %d sequences were no messages of the capture: %v", c.N, n, c.AbsentBy)
		}
		for _, l := range c.Lost {
			mark(lost, l.Seqs)
			j.lost(past, l.Reason, l.Seqs)
			if l.Reason == "unknown" {
				j.unknown(past, l.Seqs)
			}
		}
		for _, f := range c.Files {
			mark(lost, f.Gone)
			j.lost(past, "gone", f.Gone)
		}
	}
	var held []oracle.Message
	for _, c := range part.Cuts {
		for seq := c.From + 1; seq <= c.To; seq++ {
			row, inFile := rows[seq]
			placed := inFile || skipped[seq] || lost[seq]
			if m, ok := past.like(seq, row); ok && (placed || !past.lacked(seq)) {
				held = append(held, m)
			}
		}
	}
	if err := part.ExactlyOnce(held, readRow); err != nil {
		j.add("incarnation %s: %w", part.Cuts[0].Incarnation, err)
	}
	for seq := range skipped {
		j.skipped(past, seq)
	}
}

func mark(set map[uint64]bool, seqs []uint64) {
	for _, seq := range seqs {
		set[seq] = true
	}
}

// rows returns the rows of all files by their sequence, and notes that they are stored.
func (j *judgement) rows(part *oracle.Archive) map[uint64]oracle.Message {
	rows := map[uint64]oracle.Message{}
	for _, f := range slices.Concat(part.Files(false), part.Files(true)) {
		read := readRow
		if f.Dead {
			read = oracle.DeadLetter
		}
		for _, line := range oracle.Lines(f.Plain) {
			m, err := read(line)
			if err != nil {
				j.add("file %s: %w", f.Name, err)
				continue
			}
			rows[m.Seq] = m
			j.stored[stored{part.Cuts[0].Created.UnixNano(), m.Seq, string(m.Data)}] = true
		}
	}
	return rows
}

// lost judges sequences that are recorded as lost: the stream must have dropped them, or be another one now.
func (j *judgement) lost(p past, reason string, seqs []uint64) {
	for _, seq := range seqs {
		if !p.lacked(seq) && !p.expired(seq) && !p.replaced() {
			j.add("sequence %d is recorded as lost (%s), and the stream has always had it", seq, reason)
		}
		if reason == "removed" && !p.deleted(seq) || reason == "expired" && !p.expired(seq) {
			j.add("sequence %d is recorded as %s, which it was not", seq, reason)
		}
	}
}

// unknown accepts that messages are in no file though the stream has them: it was rolled back before it could be asked
// why a consumer had not delivered them, and it still has what is older.
func (j *judgement) unknown(p past, seqs []uint64) {
	branches := p.branches()
	for _, seq := range seqs {
		for _, b := range branches[:len(branches)-1] {
			if m, ok := b.ever[seq]; ok {
				j.stored[stored{p.created.UnixNano(), seq, fmt.Sprint(m.val)}] = true
			}
		}
	}
}

// skipped judges a sequence that is recorded as skipped.
func (j *judgement) skipped(p past, seq uint64) {
	for _, b := range p.branches() {
		if m, ok := b.ever[seq]; ok && m.skipped() {
			j.stored[stored{p.created.UnixNano(), seq, fmt.Sprint(m.val)}] = true
			return
		}
	}
	j.add("sequence %d is recorded as skipped, and the decoder takes it", seq)
}

// missing returns an error if the stream holds a message that is in no file.
func (j *judgement) missing(a *oracle.Archive) error {
	b := j.w.cur
	for seq, m := range b.alive {
		before := b.created.Equal(a.Cuts[0].Created) && seq <= a.Cuts[0].From // the capture began later
		if !before && !j.stored[stored{b.created.UnixNano(), seq, fmt.Sprint(m.val)}] {
			return fmt.Errorf("sequence %d (%d) is in the stream and in no file", seq, m.val)
		}
	}
	return nil
}

// past is what the streams of one creation time ever held.
type past struct {
	w       *world
	created time.Time
}

func (p past) branches() (all []*branch) {
	for _, b := range p.w.branches {
		if b.created.Equal(p.created) {
			all = append(all, b)
		}
	}
	return all
}

// like returns the message that a stream held at a sequence. If there were several, it is the one that is like row.
func (p past) like(seq uint64, row oracle.Message) (found oracle.Message, ok bool) {
	for _, b := range p.branches() {
		m, ever := b.ever[seq]
		if !ever {
			continue
		}
		found, ok = oracle.Message{Seq: seq, Subject: m.subject(), Data: m.data()}, true
		if bytes.Equal(row.Data, found.Data) {
			break
		}
	}
	return found, ok
}

// lacked reports whether a reader can have found a stream without the sequence. With a filter, nobody can tell what has
// expired from what did not match.
func (p past) lacked(seq uint64) bool {
	return slices.ContainsFunc(p.branches(), func(b *branch) bool {
		_, ever := b.ever[seq]
		return !ever || b.deleted[seq] || len(p.w.filter) > 0 && seq < b.first
	})
}

// expired reports whether a stream has dropped the sequence.
func (p past) expired(seq uint64) bool {
	return slices.ContainsFunc(p.branches(), func(b *branch) bool { return seq < b.first })
}

// deleted reports whether an operator has deleted the sequence.
func (p past) deleted(seq uint64) bool {
	return slices.ContainsFunc(p.branches(), func(b *branch) bool { return b.deleted[seq] })
}

// replaced reports whether a stream of that creation time was rolled back or recreated.
func (p past) replaced() bool { return len(p.branches()) > 1 || !p.w.cur.created.Equal(p.created) }
