package oracle

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
)

// Message is a message as its stream holds it.
type Message struct {
	Seq     uint64
	Subject string
	Data    []byte
}

// RowFunc returns the message that a row was made of. Rows are lines, without the line feed.
type RowFunc func(row []byte) (Message, error)

// NatsMessage is the RowFunc of whole messages as NDJSON: jetcapture.NatsMessage by NewLineDelimitedJSON.
func NatsMessage(row []byte) (Message, error) {
	var m struct {
		Subject    string `json:"subject"`
		SubjectRaw []byte `json:"subject_raw"`
		Data       []byte `json:"data"`
		Metadata   struct {
			Sequence struct {
				Stream uint64 `json:"stream_seq"`
			} `json:"Sequence"`
		} `json:"metadata"`
	}
	if err := json.Unmarshal(row, &m); err != nil {
		return Message{}, fmt.Errorf("row %.200q: %w", row, err)
	}
	return Message{m.Metadata.Sequence.Stream, subject(m.Subject, m.SubjectRaw), m.Data}, nil
}

// DeadLetter is the RowFunc of dead letters.
func DeadLetter(row []byte) (Message, error) {
	var m struct {
		Seq        uint64 `json:"seq"`
		Subject    string `json:"subject"`
		SubjectRaw []byte `json:"subject_raw"`
		Data       []byte `json:"data"`
		Error      string `json:"error"`
	}
	if err := json.Unmarshal(row, &m); err != nil {
		return Message{}, fmt.Errorf("row %.200q: %w", row, err)
	}
	if m.Error == "" {
		return Message{}, fmt.Errorf("dead letter of sequence %d has no error", m.Seq)
	}
	return Message{m.Seq, subject(m.Subject, m.SubjectRaw), m.Data}, nil
}

// subject returns the subject of a row: raw if the row has that, otherwise s.
func subject(s string, raw []byte) string {
	if raw != nil {
		return string(raw)
	}
	return s
}

// Lines splits a file into its rows.
func Lines(plain []byte) [][]byte {
	lines := bytes.Split(plain, []byte("\n"))
	if n := len(lines); n > 0 && len(lines[n-1]) == 0 {
		lines = lines[:n-1]
	}
	return lines
}

// ExactlyOnce returns an error unless each message that the stream held is a row of exactly one file, with its content,
// or is recorded as skipped or lost. Nothing else may be a row, and the rows of each file must be those of its plan, in
// the order of the stream. The cuts must say why sequences are absent. row reads the rows of data files. The archive
// must be of one incarnation, see Of.
func (a *Archive) ExactlyOnce(stream []Message, row RowFunc) error {
	j := judgement{in: map[uint64]string{}, held: map[uint64]Message{}}
	for _, m := range stream {
		j.held[m.Seq] = m
	}
	for _, c := range a.Cuts {
		for _, f := range c.Files {
			read := row
			if f.Dead {
				read = DeadLetter
			}
			switch {
			case f.Missing:
				j.place("a lost record", f.Seqs)
			case c.Done:
				j.file(f, read)
			}
		}
		j.place("skipped", c.Skipped)
		for _, l := range c.Lost {
			j.place("lost", l.Seqs)
		}
		if c.Absent > 0 && c.AbsentBy == nil {
			j.add("cut %d does not say why %d sequences are absent", c.N, c.Absent)
		}
	}
	for _, m := range stream {
		if _, ok := j.in[m.Seq]; !ok {
			j.add("sequence %d (subject %q) is nowhere", m.Seq, m.Subject)
		}
	}
	return j.err()
}

// judgement is one call of ExactlyOnce.
type judgement struct {
	faults
	held map[uint64]Message
	in   map[uint64]string // where each sequence is
}

// place notes where sequences are, and adds a fault for one that is somewhere already.
func (j *judgement) place(where string, seqs []uint64) {
	for _, seq := range seqs {
		if other, twice := j.in[seq]; twice {
			j.add("sequence %d is in %s and in %s", seq, other, where)
		}
		j.in[seq] = where
	}
}

// file compares the rows of a file with its plan and with the stream.
func (j *judgement) file(f File, row RowFunc) {
	var seqs []uint64
	for _, line := range Lines(f.Plain) {
		m, err := row(line)
		if err != nil {
			j.add("file %s: %w", f.Name, err)
			return
		}
		seqs = append(seqs, m.Seq)
		want, ok := j.held[m.Seq]
		switch {
		case !ok:
			j.add("file %s: the stream never held sequence %d", f.Name, m.Seq)
		case m.Subject != want.Subject || !bytes.Equal(m.Data, want.Data):
			j.add("file %s: sequence %d is %q %.60q, the stream has %q %.60q", f.Name, m.Seq, m.Subject, m.Data, want.Subject,
				want.Data)
		}
	}
	whole := slices.Equal(seqs, f.Seqs)
	less := slices.DeleteFunc(slices.Clone(f.Seqs), func(seq uint64) bool { return slices.Contains(f.Gone, seq) })
	if !whole && !slices.Equal(seqs, less) {
		j.add("file %s has rows of the sequences %.20v..., planned were %.20v...", f.Name, seqs, f.Seqs)
	}
	if whole && f.Rows != int64(len(seqs)) {
		j.add("file %s has %d rows, planned were %d", f.Name, len(seqs), f.Rows)
	}
	j.place(f.Name, f.Seqs)
}
