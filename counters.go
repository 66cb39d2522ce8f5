package jetcapture

import (
	"maps"
	"sync"
	"time"

	"github.com/jetcapture/jetcapture/internal/capture"
	"github.com/jetcapture/jetcapture/internal/reader"
)

// counters turn events into Stats. Any goroutine may use them.
type counters struct {
	mu sync.Mutex // guards the fields below
	s  Stats

	held    State  // what has held up reading for more than a second; empty if nothing has
	counted uint64 // stream sequence up to which messages are counted; 0 with a Store
}

// snapshot returns a copy of the counters. While reading is held up, the state is the reason for that.
func (c *counters) snapshot() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.s
	s.Reasons, s.LostBy, s.AbsentBy = maps.Clone(s.Reasons), maps.Clone(s.LostBy), maps.Clone(s.AbsentBy)
	if c.held != "" && s.State == StateReading {
		s.State = c.held
	}
	return s
}

// count adds an event to the counters.
func (c *counters) count(e capture.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := &c.s
	switch e := e.(type) {
	case capture.Began:
		*s, c.held, c.counted = Stats{Reasons: map[string]int64{}, State: StateStarting}, "", 0
	case capture.Positioned:
		if s.StoredSeq == 0 {
			s.ResumedSeq = e.Stored
		}
		s.StoredSeq, s.StartSeq = e.Stored, e.Start
	case capture.Targeted:
		s.Target = e.Seq
	case capture.Changed:
		s.State = State(e.State)
	case capture.HeldUp:
		c.held = State(e.State)
	case capture.Redoing:
		s.State, s.Storing = StateRedo, Storing{Cut: e.N, Of: e.Blocks}
	case capture.FileThere:
		if s.Storing.Cut != e.N {
			s.Storing = Storing{Cut: e.N, Of: e.Of}
		}
		s.Storing.Files++
	case capture.ReadAgain:
		s.Storing.Read, s.Storing.ReadTo = e.Read, e.Of
	case capture.Taken:
		c.take(e)
	case capture.Used:
		s.Memory, s.Spooled = e.Memory, e.Disk
	case capture.Detached:
		s.OpenBlocks = 0
	case capture.Skipped:
		s.Skipped++
	case capture.Repositioned:
		s.Repositions++
	case capture.Refused:
		s.Retries++
		s.StoreError = e.Err.Error()
	default:
		c.countResult(e)
	}
}

// countResult counts what was stored, lost and found to be poison. The caller holds mu.
func (c *counters) countResult(e capture.Event) {
	s := &c.s
	switch e := e.(type) {
	case capture.Poisoned:
		if e.Policy == capture.PoisonDeadLetter {
			s.Dead++
		}
	case capture.BlockStored:
		s.StoreError = ""
		s.Blocks++
		s.BytesStored += e.Size
		s.Rows += e.Rows
	case capture.CutDone:
		s.StoreError = ""
		s.Cuts++
		s.Storing = Storing{}
		s.Reasons[e.Reason]++
		s.Absent += e.Absent
		if e.Redone {
			s.Redone++
		}
		if e.Redone && s.StoredSeq == 0 { // finished before reading began
			s.ResumedSeq = e.From
		}
		s.StoredSeq = max(s.StoredSeq, e.To)
	case capture.CutLost:
		s.CutsLost++
	case capture.Recovered:
		s.Unwitnessed += int64(e.Messages)
	case capture.Lost:
		s.Lost += e.Messages
		addTo(&s.LostBy, e.Reason, e.Messages)
	case capture.Absent:
		addTo(&s.AbsentBy, e.Reason, e.Sequences)
	case capture.Diverged:
		s.Incarnations++
		s.StoredSeq, s.StartSeq, s.ResumedSeq = e.To, e.To, e.To
		c.counted = e.To // from now on, sequences are those of another stream
	}
}

// addTo adds to a counter of a map, which is nil as long as it counts nothing.
func addTo(m *map[string]int64, name string, n int64) {
	if *m == nil {
		*m = map[string]int64{}
	}
	(*m)[name] += n
}

// take counts messages that were put into blocks. Messages up to counted were counted when an earlier life of the
// reader read them. The caller holds mu.
func (c *counters) take(e capture.Taken) {
	for i := range e.Messages {
		m := &e.Messages[i]
		if e.Ordered && m.Seq <= c.counted {
			continue
		}
		c.s.Messages++
		c.s.Bytes += int64(m.Size)
	}
	if n := len(e.Messages); n > 0 {
		c.last(&e.Messages[n-1], e.Ordered)
	}
	c.s.Lag, c.s.OpenBlocks = e.Pending, int64(e.Blocks)
	c.s.Memory, c.s.Spooled = e.Used.Memory, e.Used.Disk
}

// last notes the last message that was taken. The caller holds mu.
func (c *counters) last(m *reader.Message, ordered bool) {
	c.s.LastSeq, c.s.LastTime = m.Seq, time.Unix(0, m.Time).UTC()
	if ordered {
		c.counted = max(c.counted, m.Seq)
	}
}
