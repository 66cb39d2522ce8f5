package cutlog

import (
	"fmt"
	"time"
)

// Version is the layout version that this package writes, in format.json and in every record.
const Version = 1

// Format is format.json. It says what a capture is bound to for its whole life.
type Format struct {
	Version int      `json:"version"`
	Capture string   `json:"capture"`
	Stream  string   `json:"stream"`
	Account string   `json:"account,omitempty"` // empty: not known
	Domain  string   `json:"domain,omitempty"`
	Filter  []string `json:"filter,omitempty"` // subjects, sorted; empty: the whole stream
}

// Kind says what the rows of a block are.
type Kind string

// The kinds of a block.
const (
	KindData Kind = "data" // rows of the writer
	KindDead Kind = "dead" // dead letters
)

// Reason says why a cut was made.
type Reason string

// The reasons of a cut.
const (
	ReasonOpen     Reason = "open"     // opens an incarnation
	ReasonWindow   Reason = "window"   // the oldest window has ended
	ReasonFull     Reason = "full"     // the open blocks are closed parts, or the plan would grow too large
	ReasonIdle     Reason = "idle"     // MaxIdle passed without a message
	ReasonPressure Reason = "pressure" // spool, memory, AckWait or MaxAckPending
	ReasonFlush    Reason = "flush"    // somebody has asked for it
	ReasonShutdown Reason = "shutdown" // the capture was stopped
	ReasonOnce     Reason = "once"     // the last sequence seen at the start was reached
	ReasonDiverged Reason = "diverged" // the stream is another one now, and what was read of the old one is cut first
	// ReasonRetention: the stream will soon drop messages that are not read or not stored.
	ReasonRetention Reason = "retention"
)

// Cause says why an incarnation follows another one.
type Cause string

// The causes of an incarnation.
const (
	CauseRecreated  Cause = "recreated"   // the stream was deleted and created again
	CauseRolledBack Cause = "rolled-back" // the stream has lost its newest messages
	CauseRestored   Cause = "restored"    // the stream is a restored copy: it has a new time of creation and old messages
)

// Writer names the process that wrote a record. It is for information only, never a fence.
type Writer struct {
	Instance string `json:"instance"`
	Boot     string `json:"boot"` // one start of the process
}

// Stream is the source as the plan's writer saw it.
type Stream struct {
	Name    string    `json:"name"`
	Created time.Time `json:"created"`
}

// Anchor is the last message delivered at or below To of a plan, even if it is dead or skipped. At a later start it
// proves that the stream is still the one that was captured.
type Anchor struct {
	Seq     uint64    `json:"seq"` // 0: no message was delivered yet in this incarnation
	Time    time.Time `json:"time"`
	Subject Text      `json:"subject"`
	Hash    string    `json:"hash"` // HashMessage
}

// MaxAnchors is how many anchors a plan may have besides its last message.
const MaxAnchors = 64

// LostRange is a set of sequences that were messages of this capture and were not stored, and why.
type LostRange struct {
	Reason LostReason `json:"reason"`
	Seqs   SeqSet     `json:"seqs"`
}

// LostReason says how sequences were lost.
type LostReason string

// The reasons of a loss. What cannot be told apart has one reason: with a limit that may have taken a message, that is
// LostExpired, though somebody may have deleted it.
const (
	LostExpired   LostReason = "expired"         // a limit of the stream may have taken them before they were read
	LostRemoved   LostReason = "removed"         // no limit can have taken them: somebody has deleted or purged them
	LostElsewhere LostReason = "acked-elsewhere" // another client has acknowledged them, which deletes them
	LostRecreated LostReason = "recreated"       // dropped by a recreated stream before it was read
	// LostUnknown: nobody can say any more what has become of them. Earlier programs wrote "unproved".
	LostUnknown LostReason = "unknown"
	// LostGone: a planned message was not in the stream any more when its cut was redone.
	LostGone LostReason = "gone"
)

// AbsentReason says why sequences are in no set of a plan.
type AbsentReason string

// The reasons of absence.
const (
	AbsentFiltered AbsentReason = "filtered"      // the stream has them, and the filter of the capture leaves them out
	AbsentNever    AbsentReason = "never-existed" // the stream has passed over these numbers: there was no message
	// AbsentUnknown: they are not in the stream, and nobody can say whether they were messages of this capture.
	AbsentUnknown AbsentReason = "unknown"
)

// Block is one planned file. The blocks of a plan are in the order of CompareBlocks.
type Block struct {
	Kind     Kind      `json:"kind"`
	Key      []Text    `json:"key,omitempty"` // the key's path segments, not escaped
	Dir      string    `json:"dir"`           // directory below the root, no slash at either end
	Name     string    `json:"name"`          // file name, BlockName
	Window   time.Time `json:"window"`        // start of the window, UTC
	Messages int64     `json:"messages"`      // Seqs.Count
	Rows     int64     `json:"rows"`          // what the writer emitted
	Seqs     SeqSet    `json:"seqs"`
}

// Plan is record n of the log. It fixes cut n, no matter which process carries it out. EncodePlan sets Version, as the
// encoders of the other records do. Times are stored in UTC.
//
// Accounting holds in every plan: To - From = messages in Blocks + Skipped + Lost + Absent.
type Plan struct {
	Version     int       `json:"version"`
	N           uint64    `json:"n"`
	Prev        string    `json:"prev"` // SHA-256 (hex) of the bytes of done n-1; empty for n = 1
	Writer      Writer    `json:"writer"`
	Reason      Reason    `json:"reason"`
	Time        time.Time `json:"time"` // by the writer's clock, for information only
	Stream      Stream    `json:"stream"`
	Incarnation string    `json:"incarnation"`     // IncarnationID
	Opens       bool      `json:"opens,omitempty"` // this plan opens Incarnation
	Opened      uint64    `json:"opened"`          // number of the plan that opened Incarnation
	Cause       Cause     `json:"cause,omitempty"` // with Opens: why; empty in plan 1, and in plans of earlier programs
	// with Opens: creation times of the streams of earlier incarnations
	Past   []time.Time `json:"past,omitempty"`
	From   uint64      `json:"from"` // the cut covers the stream sequences (From, To]
	To     uint64      `json:"to"`
	Anchor Anchor      `json:"anchor"`
	// Anchors are further messages of the range, at regular intervals, at most MaxAnchors.
	Anchors  []Anchor    `json:"anchors,omitempty"`
	Format   *Format     `json:"format,omitempty"` // only in plan 1, which is put before format.json
	Source   *Origin     `json:"source,omitempty"` // of a capture that was made from an archive: what this cut was made of
	Notes    []string    `json:"notes,omitempty"`
	Settings Settings    `json:"settings,omitempty"` // what shapes the bytes of the files
	Blocks   []Block     `json:"blocks,omitempty"`   // in JSON, the last member before the sum
	Skipped  SeqSet      `json:"skipped"`            // left out on purpose, by a decoder or by the poison policy
	Lost     []LostRange `json:"lost,omitempty"`
	Absent   uint64      `json:"absent"` // what no set covers: no message of this capture, as far as can be known
	// AbsentBy is Absent by reason. Plans of earlier programs do not have it; see AbsentReasons.
	AbsentBy map[AbsentReason]uint64 `json:"absent_by,omitempty"`
}

// Origin says of which cuts of another capture a cut was made. Either all plans of a capture have one or none.
type Origin struct {
	Capture     string `json:"capture"`     // the other capture
	Incarnation string `json:"incarnation"` // of the other capture
	FirstCut    uint64 `json:"first_cut"`   // the cut that holds the first sequence
	LastCut     uint64 `json:"last_cut"`    // the cut that holds the last sequence
	Sum         string `json:"sum"`         // SHA-256 (hex) of the bytes of the done record of LastCut
}

// check reports what is wrong with an origin.
func (o *Origin) check() error {
	switch {
	case o == nil:
		return nil
	case len(o.Incarnation) != incDigits || !isLowerHex(o.Incarnation):
		return fmt.Errorf("source is of incarnation %q, expected IncarnationID", o.Incarnation)
	case o.FirstCut == 0 || o.LastCut < o.FirstCut:
		return fmt.Errorf("source is cuts %d to %d, expected at least one", o.FirstCut, o.LastCut)
	case !isSum(o.Sum):
		return fmt.Errorf("sum of the source is %q, expected the SHA-256 of done %d", o.Sum, o.LastCut)
	}
	return CheckCapture(o.Capture)
}

// AbsentReasons returns how many sequences are absent for which reason. In a plan that does not say, nothing is known.
func (p *Plan) AbsentReasons() map[AbsentReason]uint64 {
	if p.AbsentBy == nil && p.Absent > 0 {
		return map[AbsentReason]uint64{AbsentUnknown: p.Absent}
	}
	return p.AbsentBy
}

// File is what a done record says of one stored file, in the order of the plan's blocks.
type File struct {
	Size   int64  `json:"size"`   // bytes as stored
	SHA256 string `json:"sha256"` // hex; empty with Missing
	// Missing: every message of the block is in the lost record, so there is no file.
	Missing bool `json:"missing,omitempty"`
}

// Lost is <n>.lost.json: what a redo of cut n could not read any more, by block, in the order of the plan's blocks. If
// that redo is interrupted and the next one finds that the stream has dropped still more, that one puts
// <n>.lost.2.json, and so on. Each holds everything that is in the one before. The one that done names counts, before
// done the newest.
type Lost struct {
	Version int         `json:"version"`
	N       uint64      `json:"n"`
	K       uint64      `json:"k"`    // 1 for the first
	Plan    string      `json:"plan"` // SHA-256 (hex) of the bytes of plan n
	Writer  Writer      `json:"writer"`
	Blocks  []LostBlock `json:"blocks"`
}

// LostBlock names what is missing in one block of a plan.
type LostBlock struct {
	Block int    `json:"block"` // index in Plan.Blocks
	Seqs  SeqSet `json:"seqs"`
}

// Done is the second record of cut n: every file of the plan is visible. It holds nothing that depends on its writer,
// so that two writers who finish the same cut write the same bytes.
type Done struct {
	Version int    `json:"version"`
	N       uint64 `json:"n"`
	Plan    string `json:"plan"`           // SHA-256 (hex) of the bytes of plan n
	Lost    string `json:"lost,omitempty"` // SHA-256 (hex) of the bytes of the lost record, if there is one
	Files   []File `json:"files,omitempty"`
}
