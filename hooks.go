package jetcapture

import "time"

// Hooks are functions that a running capture calls, from several goroutines but one call at a time. The capture waits
// for them. Each may be nil.
type Hooks struct {
	// BlockStored is called when a file is visible in the store.
	BlockStored func(BlockStored)
	// CutDone is called when a cut is complete: its messages will not be read again.
	CutDone func(CutDone)
	// Poison is called for a message that could not be decoded or written, and again if that message is read again.
	Poison func(PoisonMessage)
	// Lost is called when the stream dropped messages before they were stored, or is another stream than before.
	Lost func(Lost)
	// StoreFailed is called when a store operation failed and will be tried again, each time.
	StoreFailed func(StoreFailed)
}

// BlockStored describes a file.
type BlockStored struct {
	Location    string    // as the store names it
	Dead        bool      // the file holds dead letters
	Key         []string  // its segments; with a Store, the key as one text
	Window      time.Time // start, in UTC
	First, Last uint64    // stream sequences
	Messages    int64
	Rows        int64
	Size        int64 // bytes as stored
}

// CutDone describes a complete cut.
type CutDone struct {
	N        uint64 // number in the cut log; 0 with a Store
	Reason   string // why the cut was made, as in the cut log
	From, To uint64 // stream sequences after From, up to To; 0 with a Store
	Blocks   int
	Messages int64 // in the blocks, dead letters included
	Dead     int64
	Skipped  int64
	Lost     int64
	Absent   int64 // sequences that the stream did not have
	Bytes    int64 // as stored
	Took     time.Duration
	Redone   bool // an earlier or another process had planned it
}

// StoreFailed describes a store operation that will be tried again.
type StoreFailed struct {
	Operation string // for people, such as "put" and the name of a file
	Err       error  // bucket.IsPermanent says whether an operator has to mend it
}

// PoisonMessage describes a message that could not be decoded or written.
type PoisonMessage struct {
	Policy PoisonPolicy
	Err    *PoisonError
}

// Lost describes messages that the stream dropped before they were stored, or a stream that was replaced or rolled
// back.
type Lost struct {
	Reason   string // as in the cut log, or "diverged": the stream was replaced or rolled back
	Messages int64  // that were dropped
	// From and To are the first and the last stream sequence of these messages. With "diverged", From is the last
	// sequence captured of the old stream, and the new one is captured after To.
	From, To uint64
	Detail   string
	// Expected says that the stream is made to drop messages like these: it is a KV or object-store bucket, or it limits
	// the messages of a subject.
	Expected bool
}
