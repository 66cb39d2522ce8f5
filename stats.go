package jetcapture

import (
	"time"

	"github.com/jetcapture/jetcapture/internal/reader"
)

// Stats is a snapshot of a capture's counters since Run began.
type Stats struct {
	Messages     int64            // read: each once, however often reading starts again; with a Store, each delivery that is no repetition of one in hand
	Bytes        int64            // of their subjects, headers and payloads
	Rows         int64            // written
	Dead         int64            // dead letters; one that is read again counts again
	Skipped      int64            // likewise
	Lost         int64            // dropped by the source before they were stored
	Absent       int64            // sequences that the stream did not have
	Cuts         int64            // done
	CutsLost     int64            // won by another writer
	Redone       int64            // cuts finished that an earlier or another writer had planned
	Blocks       int64            // files stored
	BytesStored  int64            // of them
	Reasons      map[string]int64 // cuts by reason
	Incarnations int64            // opened after the first, because the stream had become another one
	Repositions  int64            // reading restarted after a fault
	Retries      int64            // of store operations
	OpenBlocks   int64            // now
	Memory       int64            // bytes of open blocks in memory, now
	Spooled      int64            // bytes of open blocks on disk, now
	Lag          uint64           // messages that the stream holds beyond the last one read, now
	LastSeq      uint64           // stream sequence of the last message read
	StoredSeq    uint64           // stream sequence up to which all is stored; 0 without an archive
	Target       uint64           // with Once: the last sequence to capture
	LastTime     time.Time        // timestamp of the last message read
	State        string           // what the capture is doing: "starting", "storing the last cut", or one of the texts below

	counted uint64 // stream sequence up to which Messages counts; 0 with a Store
}

// add counts messages that were taken and were not counted before.
func (s *Stats) add(messages []reader.Message, ordered bool) {
	for i := range messages {
		m := &messages[i]
		if ordered && m.Seq <= s.counted {
			continue
		}
		s.Messages++
		s.Bytes += int64(m.Size)
	}
	if n := len(messages); n > 0 {
		s.LastSeq, s.LastTime = messages[n-1].Seq, time.Unix(0, messages[n-1].Time).UTC()
		if ordered {
			s.counted = max(s.counted, s.LastSeq)
		}
	}
}

// Values of Stats.State. While one of the waiting ones is told, nothing is read: the messages stay in the stream.
const (
	stateReading = "reading"
	stateRedo    = "redo"                    // finishing a cut that was planned before
	stateStore   = "waiting for the store"   // open blocks are at their limit, and the cut before is still being stored
	stateSpool   = "waiting for the spool"   // it cannot be written, as when the disk is full
	stateServer  = "waiting for the server"  // which must say whether what was read may be cut
	stateDecoder = "waiting for the decoder" // it has had a batch for more than a second
	stateWriter  = "waiting for the writer"  // likewise, or for the disk of the spool
)
