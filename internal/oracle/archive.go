package oracle

import (
	"slices"
	"time"
)

// Archive is everything that an archive holds of one capture.
type Archive struct {
	Capture string
	Cuts    []Cut // in the order of their numbers, from 1
}

// Cut is one cut: its plan, and what became of it.
type Cut struct {
	N           uint64
	Reason      string
	Writer      string // instance
	Opens       bool
	Incarnation string
	Created     time.Time // of the stream
	From, To    uint64    // stream sequences (From, To]
	Absent      uint64
	AbsentBy    map[string]uint64 // Absent by reason; nil in archives of earlier programs
	Skipped     []uint64
	Lost        []Lost
	Notes       []string
	Settings    map[string]string
	Files       []File // in the plan's order
	Done        bool   // may be false for the last cut only
}

// Lost is what a plan says about lost sequences.
type Lost struct {
	Reason string
	Seqs   []uint64
}

// File is one planned file.
type File struct {
	Name    string // below the root
	Dead    bool   // dead letters
	Key     []string
	Window  time.Time
	Seqs    []uint64
	Rows    int64
	Gone    []uint64 // those of Seqs that are in the lost record; the file may still hold them
	Missing bool     // there is no file
	Stored  []byte   // as stored
	Plain   []byte   // decompressed
}

// Of returns the part of the archive that belongs to one incarnation.
func (a *Archive) Of(incarnation string) *Archive {
	part := &Archive{Capture: a.Capture}
	for _, c := range a.Cuts {
		if c.Incarnation == incarnation {
			part.Cuts = append(part.Cuts, c)
		}
	}
	return part
}

// Incarnations returns the ids of the incarnations in their order.
func (a *Archive) Incarnations() (ids []string) {
	for _, c := range a.Cuts {
		if c.Opens {
			ids = append(ids, c.Incarnation)
		}
	}
	return ids
}

// Files returns the files of all cuts, dead letters or data.
func (a *Archive) Files(dead bool) (files []File) {
	for _, c := range a.Cuts {
		for _, f := range c.Files {
			if f.Dead == dead {
				files = append(files, f)
			}
		}
	}
	return files
}

// Skipped returns the sequences that were left out on purpose, in ascending order.
func (a *Archive) Skipped() (seqs []uint64) {
	for _, c := range a.Cuts {
		seqs = append(seqs, c.Skipped...)
	}
	slices.Sort(seqs)
	return seqs
}

// Lost returns the lost sequences by reason, those of lost records under "gone".
func (a *Archive) Lost() map[string][]uint64 {
	lost := map[string][]uint64{}
	for _, c := range a.Cuts {
		for _, l := range c.Lost {
			lost[l.Reason] = append(lost[l.Reason], l.Seqs...)
		}
		for _, f := range c.Files {
			if len(f.Gone) > 0 {
				lost["gone"] = append(lost["gone"], f.Gone...)
			}
		}
	}
	return lost
}

// Absent returns how many sequences the stream did not have, or the filter left out.
func (a *Archive) Absent() (n uint64) {
	for _, c := range a.Cuts {
		n += c.Absent
	}
	return n
}

// AbsentBy returns the absent sequences by reason.
func (a *Archive) AbsentBy() map[string]uint64 {
	by := map[string]uint64{}
	for _, c := range a.Cuts {
		for reason, n := range c.AbsentBy {
			by[reason] += n
		}
	}
	return by
}

// To returns the sequence up to which everything is stored.
func (a *Archive) To() uint64 {
	for _, c := range slices.Backward(a.Cuts) {
		if c.Done {
			return c.To
		}
	}
	return 0
}

// Reasons returns the reasons of the cuts.
func (a *Archive) Reasons() (reasons []string) {
	for _, c := range a.Cuts {
		reasons = append(reasons, c.Reason)
	}
	return reasons
}
