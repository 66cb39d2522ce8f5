package capture

import (
	"time"

	"github.com/jetcapture/jetcapture/internal/reader"
)

// Observer hears of everything that happens in a Run. Counters, hooks and the log lines of events are made by it alone.
// Several goroutines call Observe, and each waits until it returns. It must not keep a slice of an event.
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
	StateRedo     State = "redo"                    // a cut is being finished that was planned before
	StateStore    State = "waiting for the store"   // open blocks are at their limit while the cut before is being stored
	StateSpool    State = "waiting for the spool"   // the spool cannot be written, as when the disk is full
	StateServer   State = "waiting for the server"  // the server must say whether what was read may be cut
	StateDecoder  State = "waiting for the decoder" // the decoder has been at work on a batch for more than a second
	StateWriter   State = "waiting for the writer"  // a writer or the spool has been at work for more than a second
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
	// ForeignFiles says that a new capture begins in a place that holds files of others. Only exactly once.
	ForeignFiles struct {
		Archive string
		Names   []string // a few of them
	}
	// Positioned says that reading starts behind the newest cut of the log. Only exactly once.
	Positioned struct {
		Stored  uint64   // stream sequence up to which the log accounts for everything
		Start   uint64   // stream sequence after which the present incarnation begins
		Cut     uint64   // number of the newest cut
		Last    uint64   // last sequence of the stream
		Changes []string // settings that are other ones than in the plan of that cut, for people
		Again   bool     // not for the first time in this run

		Time time.Time // timestamp of the message there; zero if there is none
		Made time.Time // when that cut was planned, by its writer's clock
	}
	// NotBegun says that a new capture waits for the time at which it is to begin.
	NotBegun struct{ Start time.Time }
	// Targeted says which stream sequence a run with Once has to reach.
	Targeted struct{ Seq uint64 }
	// Changed says that the state is another one now.
	Changed struct{ State State }
	// HeldUp says what has held up reading for more than a second. An empty state says that nothing holds it up any more.
	HeldUp struct{ State State }
	// Taken says that messages were put into blocks.
	Taken struct {
		Messages []reader.Message
		Pending  uint64 // messages in the stream beyond the last of these
		Blocks   int    // blocks that are open now
		Ordered  bool   // result of Reading.Ordered
		Used     Used
	}
	// Used says how many bytes the open blocks take, and how many messages a durable consumer waits for the acks of.
	Used struct {
		Memory, Disk        int64
		Unacked, MaxUnacked int // results of Reading.Unacked
	}
	// Detached says that the open blocks were closed for a cut. No block is open now.
	Detached struct{}
	// Skipped says that a message was left out on purpose.
	Skipped struct{ Seq uint64 }
	// Poisoned says that a message could not be decoded or written.
	Poisoned struct {
		Policy Policy
		Err    error // result of Config.PoisonError
	}
	// BlockStored says that a file is visible in the store.
	BlockStored struct {
		Location    string // as the store names it
		Dead        bool   // the file holds dead letters
		Key         []string
		Window      time.Time // start, in UTC
		First, Last uint64    // stream sequences
		Messages    int64
		Rows        int64
		Size        int64 // bytes as stored
	}
	// CutDone says that a cut is complete.
	CutDone struct {
		N        uint64 // number in the cut log; 0 at least once
		Reason   string // why the cut was made
		From, To uint64 // stream sequences after From, up to To; 0 at least once
		Blocks   int
		Messages int64 // in the blocks, dead letters included
		Dead     int64
		Skipped  int64
		Lost     int64
		Absent   int64 // sequences that the stream did not have
		Bytes    int64 // as stored
		Took     time.Duration
		Redone   bool // an earlier or another writer had planned it
	}
	// FileThere says that one more file of a cut is in the store, of how many. Only exactly once.
	FileThere struct {
		N  uint64 // number of the cut
		Of int
	}
	// ReadAgain says how many of the sequences of a cut were read again to finish it.
	ReadAgain struct{ N, Read, Of uint64 }
	// CutLost says that another writer made the cut first.
	CutLost struct{}
	// Awaiting says that an unfinished cut of another writer is left to that writer for a while.
	Awaiting struct {
		N      uint64
		Writer string
		AtMost time.Duration
	}
	// Redoing says that a cut is being finished which was planned before. A CutDone with Redone follows.
	Redoing struct {
		N      uint64
		Writer string
		Blocks int
	}
)

// What has become of the stream.
type (
	// StreamSeen says how the server describes the stream. It comes with each question that is asked anyway.
	StreamSeen struct{ Info reader.StreamInfo }
	// Lost says that the source has lost messages before they were captured.
	Lost struct {
		Reason   string // as in the cut log
		Messages int64
		From, To uint64 // stream sequences between which they lie, both included
		Detail   string
		Expected bool // the stream is made to drop messages like these
	}
	// Absent says how many sequences of a cut were no messages of the capture.
	Absent struct {
		Reason    string // as in the cut log
		Sequences int64
	}
	// Diverged says that an incarnation was opened, because the stream was replaced, rolled back or restored.
	Diverged struct {
		From uint64 // stream sequence up to which the old stream is stored
		To   uint64 // stream sequence after which the new stream is read
		What string // how that was noticed
		// Restored says that the stream is a restored copy, so that its sequences go on.
		Restored bool
	}
	// LookingAgain says that a stream seems to be rolled back, and that it is looked at again before that is decided.
	LookingAgain struct {
		LastSeq, Stored uint64        // the stream's last sequence, and the one up to which the archive is stored
		In              time.Duration // time until the second look
	}
)

// Trouble that time or an operator can mend.
type (
	// NotYet says that reading cannot start yet and is tried again.
	NotYet struct {
		Err   error
		Quiet bool // reported less than a minute ago
	}
	// Repositioned says that reading starts again at the position of what is stored.
	Repositioned struct {
		Cause  Cause
		Reason error // nil if it is no fault, or was reported by NotYet
	}
	// Refused says that a store operation failed and is tried again.
	Refused struct {
		Operation string
		Err       error
		Quiet     bool // reported less than a minute ago for this operation
	}
	// StoreAsked says how an operation of an archive's store has ended: put, get, stat or list.
	StoreAsked struct {
		Op     string
		Result string // one of the root package's StoreResults
		Took   time.Duration
	}
	// SpoolFull says that reading waits until the spool can be written.
	SpoolFull struct {
		Dir string
		Err error
	}
	// CutsEarly says that cuts come earlier than the window asks, because of one of the consumer's settings.
	CutsEarly struct{ Setting string }
	// FilterOutside says that filters match no subject that the stream takes.
	FilterOutside struct{ Filters, Subjects []string }
	// Postponed says that a cut has to wait until the server can be asked.
	Postponed struct {
		Err   error
		Quiet bool // reported less than a minute ago
	}
	// Unwitnessed says that the stream has a message at Seq which a consumer has passed over. What was read after From, up
	// to To, is dropped and read again in another way.
	Unwitnessed struct {
		Seq, From, To uint64
		Missing       uint64 // sequences of the cut that the consumer did not deliver
		Server        string // version of nats-server
		Times         int    // how often in a row that has happened
	}
	// Recovered says that messages which a consumer had passed over are being cut now.
	Recovered struct{ Messages uint64 }
	// StreamUnreachable says that the stream cannot be asked and is waited for.
	StreamUnreachable struct{ Err error }
	// ConsumersUnknown says that the archive gets the configuration of the stream without that of its consumers.
	ConsumersUnknown struct{ Err error }
	// Unacknowledged says that acks of stored messages were not confirmed.
	Unacknowledged struct {
		To  uint64 // stream sequence up to which the messages are stored; 0 at least once
		Err error
	}
	// WithheldAcks says that nothing was acknowledged, because the stream was recreated since the messages were read. Was
	// and Is are the times of creation.
	WithheldAcks struct{ Was, Is time.Time }
	// Unsettled says that a run with Once ends before all that is stored is acknowledged.
	Unsettled struct {
		To  uint64 // stream sequence up to which everything is stored
		Err error
	}
	// SecondName says that the store has another file under a block's name, so that the block gets a second name.
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
	CauseDiverged Cause = "diverged"  // the stream was replaced or rolled back
	CauseFileLost Cause = "file-lost" // a writer has lost the file of an open block
	CauseStart    Cause = "start"     // the last try to start reading failed, which NotYet has reported
)

func (Began) isEvent()             {}
func (Entered) isEvent()           {}
func (ForeignFiles) isEvent()      {}
func (Positioned) isEvent()        {}
func (NotBegun) isEvent()          {}
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
func (FileThere) isEvent()         {}
func (ReadAgain) isEvent()         {}
func (CutLost) isEvent()           {}
func (Awaiting) isEvent()          {}
func (Redoing) isEvent()           {}
func (Absent) isEvent()            {}
func (StreamSeen) isEvent()        {}
func (Lost) isEvent()              {}
func (Diverged) isEvent()          {}
func (LookingAgain) isEvent()      {}
func (NotYet) isEvent()            {}
func (Repositioned) isEvent()      {}
func (Refused) isEvent()           {}
func (StoreAsked) isEvent()        {}
func (SpoolFull) isEvent()         {}
func (CutsEarly) isEvent()         {}
func (FilterOutside) isEvent()     {}
func (Postponed) isEvent()         {}
func (StreamUnreachable) isEvent() {}
func (Unwitnessed) isEvent()       {}
func (Recovered) isEvent()         {}
func (ConsumersUnknown) isEvent()  {}
func (Unacknowledged) isEvent()    {}
func (WithheldAcks) isEvent()      {}
func (Unsettled) isEvent()         {}
func (SecondName) isEvent()        {}
