package jetcapture

import "time"

// Stats are the counters of a capture since Run began, copied at one moment.
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
	Retries      int64            // failed store operations that were tried again
	StoreError   string           // of the last store operation that failed; empty if something was stored since
	OpenBlocks   int64            // blocks that are open now
	Memory       int64            // bytes of open blocks in memory now
	Spooled      int64            // bytes of open blocks on disk now
	Lag          uint64           // messages that the stream holds now beyond the last one read
	LastSeq      uint64           // stream sequence of the last message read
	// StoredSeq is the stream sequence up to which the archive accounts for every sequence after StartSeq: as stored, or
	// as lost, skipped or absent. 0 with a Store, and before the archive was reached.
	StoredSeq  uint64
	StartSeq   uint64    // stream sequence after which the present incarnation of the capture begins
	ResumedSeq uint64    // what StoredSeq was when this Run, or a new incarnation, began
	Target     uint64    // with Once: the last stream sequence to capture
	LastTime   time.Time // timestamp of the last message read, in UTC
	State      State     // what the capture is doing now
	Storing    Storing   // the cut that is being stored now; the zero value if none is
}

// Storing is how far a cut is. With a Store, it stays zero.
type Storing struct {
	Cut       uint64 // its number
	Files, Of int    // files that are in the store, of how many
	// Read is how many of the ReadTo sequences of a cut were read again that is finished for an earlier or another
	// process. Both are 0 if nothing has to be read again.
	Read, ReadTo uint64
}

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
