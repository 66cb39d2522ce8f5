package jetcapture

import (
	"time"

	"github.com/jetcapture/jetcapture/internal/capture"
)

// Stats are the counters of a capture since Run began, and what it knows of its stream, copied at one moment. Freshness
// and Headroom tell from them what an operator wants to know.
type Stats struct {
	// Messages is how many messages were read. A message that is read again, since reading has started again, is counted
	// once. With a Store, redeliveries of a message that is still in an open block are not counted.
	Messages     int64
	Bytes        int64            // of the subjects, headers and payloads of these messages
	Rows         int64            // in stored files
	Dead         int64            // dead letters; one that is read again counts again
	Skipped      int64            // messages left out on purpose; one that is read again counts again
	Lost         int64            // messages that were gone from the stream before they were stored
	LostBy       map[string]int64 // these messages by reason, as in the cut log
	Absent       int64            // sequences that are no message of the capture, as far as can be known
	AbsentBy     map[string]int64 // these sequences by reason, as in the cut log
	Unwitnessed  int64            // messages that the consumer skipped, fetched from the stream itself
	Cuts         int64            // complete cuts
	CutsLost     int64            // cuts that another process made first
	Redone       int64            // complete cuts that an earlier or another process had planned
	Blocks       int64            // stored files
	BytesStored  int64            // size of these files
	Reasons      map[string]int64 // complete cuts by reason
	Incarnations int64            // how often the stream was replaced or rolled back
	Repositions  int64            // how often reading started again
	// RepositionsBy are the same by cause, see RepositionCauses.
	RepositionsBy map[string]int64
	Retries       int64  // failed store operations that were tried again
	StoreError    string // of the last store operation that failed; empty if something was stored since
	OpenBlocks    int64  // blocks that are open now
	Memory        int64  // bytes of open blocks in memory now
	Spooled       int64  // bytes of open blocks on disk now
	// AckPending is how many messages a durable consumer has delivered and waits for the acks of, and AckPendingLimit its
	// MaxAckPending. Both are 0 with an ephemeral consumer; a limit of 0 is none.
	AckPending, AckPendingLimit int64

	Lag     uint64 // messages that the stream holds now beyond the last one read
	LastSeq uint64 // stream sequence of the last message read
	// StoredSeq is the stream sequence up to which the archive accounts for every sequence after StartSeq: as stored, or
	// as lost, skipped or absent. 0 with a Store, and before the archive was reached.
	StoredSeq  uint64
	StartSeq   uint64    // stream sequence after which the present incarnation of the capture begins
	ResumedSeq uint64    // what StoredSeq was when this Run, or a new incarnation, began
	Target     uint64    // with Once: the last stream sequence to capture
	LastTime   time.Time // timestamp of the last message read, in UTC
	State      State     // what the capture is doing now
	Storing    Storing   // the cut that is being stored now; the zero value if none is

	DeadBlocks int64     // stored files of dead letters; Blocks counts them, too
	DeadBytes  int64     // size of these files
	CutTimes   Durations // of the complete cuts, from the decision to the last ack
	// StoreOps are the operations of an archive's store, by StoreOperations. All of them are there from the beginning.
	StoreOps map[string]StoreOperation

	Connected bool      // the connection to the server stands
	Server    string    // name and version of that server; empty without a connection
	Archive   string    // the archive as its store names it; empty with a Store
	Instance  string    // name of this process; empty with a Store
	Began     time.Time // when Run began
	ReadSince time.Time // when reading began; zero until then
	Since     time.Time // when State became what it is
	Pulse     time.Time // when the capture was last seen alive; while it reads, that is every 10 s at least
	// Unanswered is when JetStream stopped answering questions about the stream; the capture asks at each cut and twice a
	// minute. It is zero while there are answers. If the connection stands, its server may have lost its peers, and
	// another one may answer.
	Unanswered time.Time
	// StoreFailing is when the store began to fail; zero while its last operation has succeeded.
	StoreFailing time.Time
	StoreOK      time.Time // when something was last stored; zero if nothing was

	// Unread is how many messages the stream holds beyond the last one read, at most: Lag, and what has come since the
	// reader heard of it. While nothing is read, that is much.
	Unread uint64
	// OldestTime is the timestamp of the oldest message that is not stored. While such messages are still in the stream
	// only, it is a bound that their timestamps do not go below. Zero if everything is stored.
	OldestTime time.Time
	OldestSeq  uint64      // its stream sequence; 0 if it is not known
	CaughtUp   time.Time   // when the stream was last seen to hold nothing unread; zero if it never was
	Cut        uint64      // number of the newest cut in the log; 0 with a Store
	CutTime    time.Time   // when that cut was made; zero if none was
	Recent     []RecentCut // the newest complete cuts of this Run, at most 10, the newest last
	Stream     StreamStats

	Window      time.Duration // Options.MaxAge
	MemoryLimit int64         // bytes
	SpoolLimit  int64         // bytes
}

// Storing is how far a cut is. With a Store, only Since is set.
type Storing struct {
	Cut       uint64 // its number; 0 as long as nothing of it is stored
	Files, Of int    // files that are in the store, of how many
	// Read is how many of the ReadTo sequences of a cut were read again that is finished for an earlier or another
	// process. Both are 0 if nothing has to be read again.
	Read, ReadTo uint64
	// Since is when the cut was made. It is zero for one that is finished for an earlier or another process.
	Since time.Time
}

// RepositionCauses returns why reading may start again: another writer was first (behind), the stream is another one
// now (diverged), a writer has lost the file of an open block (file-lost), or reading could not start (start).
func RepositionCauses() []string {
	return []string{
		string(capture.CauseBehind), string(capture.CauseDiverged), string(capture.CauseFileLost), string(capture.CauseStart),
	}
}

// States returns all states.
func States() []State {
	return []State{
		StateStarting, StateReading, StateRedo, StateStore, StateSpool, StateServer, StateDecoder, StateWriter, StateLastCut,
	}
}

// Label is the state in one word, for metrics and scripts.
func (s State) Label() string {
	switch s {
	case StateStore:
		return "waiting_store"
	case StateSpool:
		return "waiting_spool"
	case StateServer:
		return "waiting_server"
	case StateDecoder:
		return "waiting_decoder"
	case StateWriter:
		return "waiting_writer"
	case StateLastCut:
		return "last_cut"
	}
	return string(s)
}

// RecentCut is a complete cut and when it was.
type RecentCut struct {
	CutDone
	At time.Time
}

// recentCuts is how many of them are kept.
const recentCuts = 10

// State is what a capture is doing. Its text may be shown to people.
type State string

// The states. In a state that waits, nothing is read: messages stay in the stream.
const (
	// StateStarting means that reading has not started yet.
	StateStarting State = "starting"
	// StateReading means that messages are read and put into blocks.
	StateReading State = "reading"
	// StateRedo means that a cut is being finished which was planned before.
	StateRedo State = "redo"
	// StateStore means that open blocks are at their limit while the cut before them is still being stored.
	StateStore State = "waiting for the store"
	// StateSpool means that the spool cannot be written, for example because the disk is full.
	StateSpool State = "waiting for the spool"
	// StateServer means that the server does not answer whether what was read may be cut.
	StateServer State = "waiting for the server"
	// StateDecoder means that MessageDecoder has been at work on one batch for more than a second.
	StateDecoder State = "waiting for the decoder"
	// StateWriter means that a writer, or the disk of the spool, has been at work for more than a second.
	StateWriter State = "waiting for the writer"
	// StateLastCut means that no more messages are read, and that what is open is being stored.
	StateLastCut State = "storing the last cut"
)
