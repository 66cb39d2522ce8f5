package jetcapture

import "time"

// Stats is a snapshot of a capture's counters since Run began.
type Stats struct {
	// Messages is how many were read, each counted once however often reading starts again. With a Store, redeliveries of a
	// message that is still in an open block are not counted.
	Messages     int64
	Bytes        int64            // of the subjects, headers and payloads of these messages
	Rows         int64            // written
	Dead         int64            // dead letters; one that is read again counts again
	Skipped      int64            // left out on purpose; one that is read again counts again
	Lost         int64            // dropped by the source before they were stored
	Absent       int64            // sequences that the stream did not have
	Unwitnessed  int64            // messages that a consumer had passed over, and that were read another way
	Cuts         int64            // completed
	CutsLost     int64            // that another writer made first
	Redone       int64            // cuts finished that an earlier or another writer had planned
	Blocks       int64            // files stored
	BytesStored  int64            // size of these files
	Reasons      map[string]int64 // completed cuts by reason
	Incarnations int64            // opened after the first, because the stream had been replaced or rolled back
	Repositions  int64            // how often reading was started again after a fault
	Retries      int64            // of store operations
	OpenBlocks   int64            // now
	Memory       int64            // bytes of open blocks in memory, now
	Spooled      int64            // bytes of open blocks on disk, now
	Lag          uint64           // messages that the stream holds beyond the last one read, now
	LastSeq      uint64           // stream sequence of the last message read
	StoredSeq    uint64           // stream sequence up to which all is stored; 0 without an archive
	Target       uint64           // with Once: the last stream sequence to capture
	LastTime     time.Time        // timestamp of the last message read
	State        State            // what the capture is doing now
}

// State is what a capture is doing. Its text is for people and may be logged.
type State string

// The states. In those that wait nothing is read: the messages stay in the stream.
const (
	// StateStarting: reading has not started yet.
	StateStarting State = "starting"
	// StateReading: messages are read and put into blocks.
	StateReading State = "reading"
	// StateRedo: a cut is being finished that was planned before.
	StateRedo State = "redo"
	// StateStore waits for the store: open blocks are at their limit, and the cut before is still being stored.
	StateStore State = "waiting for the store"
	// StateSpool waits for the spool: it cannot be written, as when the disk is full.
	StateSpool State = "waiting for the spool"
	// StateServer waits for the server, which must say whether what was read may be cut.
	StateServer State = "waiting for the server"
	// StateDecoder waits for the MessageDecoder, which has had a batch for more than a second.
	StateDecoder State = "waiting for the decoder"
	// StateWriter waits for a writer, or for the disk of the spool, for more than a second.
	StateWriter State = "waiting for the writer"
	// StateLastCut: no more messages are read, and what is open is stored.
	StateLastCut State = "storing the last cut"
)
