package jetcapture

import "time"

// Hooks are called by a running capture, one call at a time. A hook that blocks holds up the capture.
type Hooks struct {
	// BlockStored is called when a file is visible in the store.
	BlockStored func(BlockStored)
	// CutDone is called when a cut is complete: its messages will not be read again.
	CutDone func(CutDone)
	// Poison is called for each message that could not be decoded or written.
	Poison func(PoisonMessage)
	// Lost is called when the source has lost messages before they were captured, or is not the stream any more that it was.
	Lost func(Lost)
}

// BlockStored tells of a file.
type BlockStored struct {
	Location    string // as the store names it
	Dead        bool   // dead letters
	Key         []string
	Window      time.Time
	First, Last uint64 // stream sequences
	Messages    int64
	Rows        int64
	Size        int64 // bytes stored
}

// CutDone tells of a finished cut.
type CutDone struct {
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

// PoisonMessage tells of a message that could not be decoded or written.
type PoisonMessage struct {
	Policy PoisonPolicy
	Err    *PoisonError
}

// Lost tells of messages that the source lost before they were captured, or of a source that is another stream now.
type Lost struct {
	Reason   string // as in the cut log
	Messages int64
	From, To uint64 // stream sequences, the range in which they lie
	Detail   string
}
