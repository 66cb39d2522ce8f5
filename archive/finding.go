package archive

import (
	"fmt"
	"math"
	"strings"

	"github.com/jetcapture/jetcapture/cutlog"
)

// Severity says whether a finding is wrong.
type Severity string

// The severities.
const (
	Problem Severity = "problem" // the archive is not as its writers left it, or not what it claims to be
	Note    Severity = "note"    // worth knowing, but not wrong
)

// Kind is the kind of a finding.
type Kind string

// The kinds of problems.
const (
	Missing      Kind = "missing"     // an object is not there
	Damaged      Kind = "damaged"     // an object has other bytes than it should have
	Unreadable   Kind = "unreadable"  // the store cannot give an object
	Contradicts  Kind = "contradicts" // two records do not fit together
	UnknownKind  Kind = "unknown"     // an object has a layout that this version does not know
	WrongContent Kind = "content"     // a file does not hold what was planned
	// Unplanned: a file of data is in no plan. Readers see its rows too often, or rows of something else.
	Unplanned  Kind = "unplanned"
	Differs    Kind = "differs"      // a file has other messages than the stream
	Uncaptured Kind = "not-captured" // the stream holds messages that a plan calls absent or dropped
	// Unlisted: an object is there, and the store's list lacks it. So there may be others that no list shows.
	Unlisted Kind = "unlisted"
)

// The kinds of notes.
const (
	Pending Kind = "pending" // the newest cut is still to be finished
	// LatePut: a file holds messages that are recorded as lost. A paused writer stored it whole after all.
	LatePut Kind = "late-put"
	// Mended: a file is damaged or missing, and a mended one stands for it.
	Mended    Kind = "repaired"
	Stray     Kind = "stray"     // something in _jetcapture/ that is not a record
	Linked    Kind = "linked"    // files lie behind a symbolic link, which most readers do not follow
	Unchecked Kind = "unchecked" // something could not be checked
	// Overlap: two incarnations have the same sequences, because the stream was rolled back, or restored from a backup
	// that was older than the archive.
	Overlap Kind = "overlap"
)

// Finding is one thing that a verification found.
type Finding struct {
	Severity Severity
	Kind     Kind
	Capture  string // empty: of no capture
	Cut      uint64 // number of the cut; 0: of no cut
	Object   string // name of the object in the archive
	// the stream sequences concerned, if they are known; up to 2^64-1 means all from the first one on
	Seqs     cutlog.SeqSet
	Expected string
	Found    string
	Advice   string // what to do; may be empty
}

// maxRuns bounds how many runs of sequences a text shows.
const maxRuns = 20

// String returns the finding on one line.
func (f Finding) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", f.Object, f.Kind)
	if f.Cut > 0 {
		fmt.Fprintf(&b, ", cut %d of capture %s", f.Cut, f.Capture)
	}
	if !f.Seqs.Empty() {
		b.WriteString(", stream sequences " + FormatSeqs(f.Seqs, maxRuns))
	}
	fmt.Fprintf(&b, ": expected %s, found %s", f.Expected, f.Found)
	if f.Advice != "" {
		b.WriteString(": " + f.Advice)
	}
	return b.String()
}

// FormatSeqs writes a set for people, such as "1-3, 7", with at most the given number of runs; 0 means all.
func FormatSeqs(s cutlog.SeqSet, runs int) string {
	var b strings.Builder
	n := 0
	for first, last := range s.Runs() {
		if n > 0 {
			b.WriteString(", ")
		}
		if n++; runs > 0 && n > runs {
			fmt.Fprintf(&b, "... to %d", s.Last())
			break
		}
		switch last {
		case first:
			fmt.Fprint(&b, first)
		case math.MaxUint64:
			fmt.Fprintf(&b, "%d and up", first)
		default:
			fmt.Fprintf(&b, "%d-%d", first, last)
		}
	}
	return b.String()
}

const (
	adviceRestore   = "restore it from a copy, or find out what else writes to this archive"
	adviceMend      = "restore it from a copy, or let jetcapture repair read its messages from the stream again"
	adviceLog       = "restore it from a copy; keep _jetcapture/ out of bucket expiry and out of clean-ups"
	adviceUnplanned = "move it out of the archive, after a look at where it came from"
	adviceUnlisted  = "verify again; if it is still so, do not trust the lists of this store: readers by list miss files"
)
