package capture

import (
	"time"

	"github.com/jetcapture/jetcapture/internal/reader"
)

// Observer hears of everything that happens in a Run. It makes the log lines of events, the counters and the hooks: the
// machinery writes none of them itself. Observe is called from several goroutines, it must not keep a slice of an event, and
// the goroutine that calls it waits for it.
type Observer interface {
	Observe(e Event)
}

// Event is one of the types in this file.
type Event interface{ isEvent() }

// State is what a run is doing.
type State string

// The states. While a run waits, nothing is read: the messages stay in the stream.
const (
	StateStarting State = "starting"
	StateReading  State = "reading"
	StateRedo     State = "redo"                    // a cut that was planned before is being finished
	StateStore    State = "waiting for the store"   // open blocks are at their limit, and the cut before is still being stored
	StateSpool    State = "waiting for the spool"   // it cannot be written, as when the disk is full
	StateServer   State = "waiting for the server"  // which must say whether what was read may be cut
	StateDecoder  State = "waiting for the decoder" // it has had a batch for more than a second
	StateWriter   State = "waiting for the writer"  // or for the disk of the spool, for more than a second
	StateLastCut  State = "storing the last cut"
)

// Progress of a run.
type (
	// Began is the first event of a run.
	Began struct{}
	// Entered says under which promise the run captures.
	Entered struct {
		Archive, Instance string // exactly once
		Consumer          string // at least once
	}
	// Positioned says that reading starts where all is stored up to a stream sequence. Only exactly once.
	Positioned struct{ Stored uint64 }
	// Targeted says which stream sequence a run with Once has to reach.
	Targeted struct{ Seq uint64 }
	// Changed says that the state is another one now.
	Changed struct{ State State }
	// HeldUp says what has held up reading for more than a second; an empty state: nothing does any more.
	HeldUp struct{ State State }
	// Taken says that messages were put into blocks.
	Taken struct {
		Messages []reader.Message
		Pending  uint64 // messages in the stream beyond the last of them
		Blocks   int    // that are open
		Ordered  bool   // as Reading.Ordered
		Used     Used
	}
	// Used says how many bytes the open blocks take.
	Used struct{ Memory, Disk int64 }
	// Detached says that the open blocks were closed for a cut, and that none is open now.
	Detached struct{}
	// Skipped says that a message was left out on purpose.
	Skipped struct{ Seq uint64 }
	// Poisoned says that a message could not be decoded or written.
	Poisoned struct {
		Policy Policy
		Err    error // what Config.PoisonError made
	}
	// BlockStored says that a file is visible in the store.
	BlockStored struct {
		Location    string // as the store names it
		Dead        bool   // dead letters
		Key         []string
		Window      time.Time
		First, Last uint64 // stream sequences
		Messages    int64
		Rows        int64
		Size        int64 // bytes stored
	}
	// CutDone says that a cut is complete.
	CutDone struct {
		N        uint64 // number in the cut log; 0 without an archive
		Reason   string
		From, To uint64 // stream sequences (From, To]; 0 without an archive
		Blocks   int
		Messages int64 // in blocks, dead letters included
		Dead     int64
		Skipped  int64
		Lost     int64
		Absent   int64
		Bytes    int64 // stored
		Took     time.Duration
		Redone   bool // planned by an earlier or another writer
	}
	// CutLost says that another writer made the cut first.
	CutLost struct{}
	// Awaiting says that the cut of another live writer is left to it for a while.
	Awaiting struct {
		N      uint64
		Writer string
		AtMost time.Duration
	}
	// Redoing says that a cut which was planned before is being finished. CutDone follows, with Redone.
	Redoing struct {
		N      uint64
		Writer string
		Blocks int
	}
)

// What has become of the stream.
type (
	// Lost says that the source has lost messages before they were captured.
	Lost struct {
		Reason   string // as in the cut log
		Messages int64
		From, To uint64 // stream sequences, the range in which they lie
		Detail   string
	}
	// Diverged says that an incarnation was opened, because the stream is another one now or was rolled back.
	Diverged struct {
		From uint64 // stream sequence up to which the old one is stored
		To   uint64 // stream sequence behind which the new one is read
		What string
	}
	// LookingAgain says that a stream which seems to be rolled back is looked at again before it is judged.
	LookingAgain struct {
		LastSeq, Stored uint64
		In              time.Duration
	}
)

// Trouble that time or an operator can mend.
type (
	// NotYet says that reading cannot start yet and is tried again.
	NotYet struct {
		Err   error
		Quiet bool // told less than a minute ago
	}
	// Repositioned says that reading starts again at the position of what is stored.
	Repositioned struct {
		Cause  Cause
		Reason error // empty: it is no fault, or was told already
	}
	// Refused says that a store operation failed and is tried again.
	Refused struct {
		Operation string
		Err       error
		Quiet     bool // this operation was told less than a minute ago
	}
	// SpoolFull says that reading waits until the spool can be written.
	SpoolFull struct {
		Dir string
		Err error
	}
	// CutsEarly says that cuts come earlier than the window asks, because of one of the consumer's settings.
	CutsEarly struct{ Setting string }
	// Postponed says that a cut has to wait until the server can be asked.
	Postponed struct {
		Err   error
		Quiet bool // told less than a minute ago
	}
	// Unwitnessed says that the stream has a message at Seq which a consumer has passed over. What was read of (From, To] is
	// dropped and read again another way.
	Unwitnessed struct {
		Seq, From, To uint64
		Missing       uint64 // sequences of the cut that the consumer did not deliver
		Server        string // version of nats-server
		Times         int    // how often in a row
	}
	// Recovered says that messages which a consumer had passed over are in a cut now.
	Recovered struct{ Messages uint64 }
	// StreamUnreachable says that the stream cannot be asked and is waited for.
	StreamUnreachable struct{ Err error }
	// Unacknowledged says that acks of stored messages were not confirmed.
	Unacknowledged struct {
		To  uint64 // exactly once: stream sequence up to which the messages are stored
		Err error
	}
	// WithheldAcks says that nothing was acknowledged, because the stream was recreated since the messages were read.
	WithheldAcks struct{ Was, Is time.Time }
	// Unsettled says that a run with Once ends before all that is stored is acknowledged.
	Unsettled struct {
		To  uint64
		Err error
	}
	// SecondName says that a store has another file of a block's name, and that the block gets a second name.
	SecondName struct {
		Name, Second string
		Err          error
	}
)

// Cause is why reading started again.
type Cause string

// The causes.
const (
	CauseBehind   Cause = "behind"    // another writer was first, or somebody else moved the consumer
	CauseDiverged Cause = "diverged"  // the stream is another one now
	CauseFileLost Cause = "file-lost" // a writer has lost the file of an open block
	CauseStart    Cause = "start"     // the start before did not succeed; told by NotYet
)

func (Began) isEvent()             {}
func (Entered) isEvent()           {}
func (Positioned) isEvent()        {}
func (Targeted) isEvent()          {}
func (Changed) isEvent()           {}
func (HeldUp) isEvent()            {}
func (Taken) isEvent()             {}
func (Used) isEvent()              {}
func (Detached) isEvent()          {}
func (Skipped) isEvent()           {}
func (Poisoned) isEvent()          {}
func (BlockStored) isEvent()       {}
func (CutDone) isEvent()           {}
func (CutLost) isEvent()           {}
func (Awaiting) isEvent()          {}
func (Redoing) isEvent()           {}
func (Lost) isEvent()              {}
func (Diverged) isEvent()          {}
func (LookingAgain) isEvent()      {}
func (NotYet) isEvent()            {}
func (Repositioned) isEvent()      {}
func (Refused) isEvent()           {}
func (SpoolFull) isEvent()         {}
func (CutsEarly) isEvent()         {}
func (Postponed) isEvent()         {}
func (StreamUnreachable) isEvent() {}
func (Unwitnessed) isEvent()       {}
func (Recovered) isEvent()         {}
func (Unacknowledged) isEvent()    {}
func (WithheldAcks) isEvent()      {}
func (Unsettled) isEvent()         {}
func (SecondName) isEvent()        {}
