package jetcapture

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/jetcapture/jetcapture/internal/capture"
	"github.com/jetcapture/jetcapture/internal/reader"
)

// counters turn events into Stats. Any goroutine may use them.
type counters struct {
	mu sync.Mutex // guards the fields below
	s  Stats

	held    State // what has held up reading for more than a second; empty if nothing has
	heldAt  time.Time
	counted uint64 // stream sequence up to which messages are counted; 0 with a Store
	lagAt   uint64 // Stream.LastSeq when Lag was heard of
	hand    inHand
	rate    rateMeter
}

// snapshot returns a copy of the counters. While reading is held up, the state is the reason for that.
func (c *counters) snapshot() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.s
	s.Reasons, s.LostBy, s.AbsentBy = maps.Clone(s.Reasons), maps.Clone(s.LostBy), maps.Clone(s.AbsentBy)
	s.RepositionsBy = maps.Clone(s.RepositionsBy)
	s.CutTimes.Within = slices.Clone(s.CutTimes.Within)
	s.StoreOps = cloneStoreOperations(s.StoreOps)
	s.Recent = slices.Clone(s.Recent)
	if c.held != "" && s.State == StateReading {
		s.State, s.Since = c.held, c.heldAt
	}
	s.Unread = s.Lag + s.Stream.LastSeq - min(c.lagAt, s.Stream.LastSeq)
	c.hand.oldest(&s)
	return s
}

// begin starts to count a Run.
func (c *counters) begin(now time.Time) {
	c.s = Stats{
		Reasons: map[string]int64{}, State: StateStarting, Began: now, Since: now, Pulse: now,
		RepositionsBy: map[string]int64{},
		CutTimes:      newDurations(), StoreOps: newStoreOperations(),
		Window: c.s.Window, MemoryLimit: c.s.MemoryLimit, SpoolLimit: c.s.SpoolLimit, // Run has set them
	}
	c.held, c.counted, c.lagAt, c.hand, c.rate = "", 0, 0, inHand{}, rateMeter{}
}

// limits notes what the options say. Run calls it before the first event.
func (c *counters) limits(window time.Duration, memory, spool int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.s.Window, c.s.MemoryLimit, c.s.SpoolLimit = window, memory, spool
}

// count adds an event to the counters.
func (c *counters) count(e capture.Event) {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	s := &c.s
	s.Pulse = now
	switch e := e.(type) {
	case capture.Began:
		c.begin(now)
	case capture.Changed:
		c.enter(State(e.State), now)
	case capture.HeldUp:
		c.held, c.heldAt = State(e.State), now
	case capture.Redoing:
		c.enter(StateRedo, now)
		s.Storing = Storing{Cut: e.N, Of: e.Blocks}
	case capture.FileThere:
		if s.Storing.Cut != e.N {
			s.Storing = Storing{Cut: e.N, Of: e.Of, Since: s.Storing.Since}
		}
		s.Storing.Files++
	case capture.ReadAgain:
		s.Storing.Read, s.Storing.ReadTo = e.Read, e.Of
	case capture.Taken:
		c.take(e, now)
	case capture.Used:
		c.use(e)
		s.Stream.Rate = c.rate.note(now, s.Stream.LastSeq)
	case capture.Detached:
		s.OpenBlocks, s.Storing = 0, Storing{Since: now}
		c.hand.detach()
	case capture.Skipped:
		s.Skipped++
	default:
		c.countPosition(e, now)
	}
}

// enter notes a state. The caller holds mu.
func (c *counters) enter(state State, now time.Time) {
	if c.s.State != state {
		c.s.State, c.s.Since = state, now
	}
	if state == StateReading && c.s.ReadSince.IsZero() {
		c.s.ReadSince = now
	}
}

// countPosition counts what says where in the stream a run is. The caller holds mu.
func (c *counters) countPosition(e capture.Event, now time.Time) {
	s := &c.s
	switch e := e.(type) {
	case capture.Entered:
		s.Archive, s.Instance, c.lagAt = e.Archive, e.Instance, s.Stream.LastSeq
	case capture.Positioned:
		if s.StoredSeq == 0 {
			s.ResumedSeq = e.Stored
		}
		s.StoredSeq, s.StartSeq, s.Cut, s.CutTime, c.lagAt = e.Stored, e.Start, e.Cut, e.Made, e.Stored
		s.StoreFailing, s.StoreError = time.Time{}, ""
		c.hand.position(e.Time)
	case capture.Targeted:
		s.Target = e.Seq
	case capture.StreamSeen:
		s.Stream = streamStats(&s.Stream, &e.Info, now)
		if c.hand.read && s.Lag == 0 && s.Stream.LastSeq <= c.lagAt {
			s.CaughtUp = now // a reader says nothing as long as nothing comes
		}
	case capture.Repositioned:
		s.Repositions++
		s.RepositionsBy[string(e.Cause)]++
		s.Storing = Storing{}
		c.hand.drop()
		c.enter(StateStarting, now)
	case capture.Diverged:
		s.Incarnations++
		s.StoredSeq, s.StartSeq, s.ResumedSeq = e.To, e.To, e.To
		c.counted = e.To // from now on, sequences are those of another stream
		s.Stream.LastSeq, s.LastSeq, s.LastTime = e.To, e.To, time.Time{}
		c.hand, c.rate = inHand{}, rateMeter{}
	default:
		c.countResult(e, now)
	}
}

// countResult counts what was stored, lost and found to be poison. The caller holds mu.
func (c *counters) countResult(e capture.Event, now time.Time) {
	s := &c.s
	switch e := e.(type) {
	case capture.Poisoned:
		if e.Policy == capture.PoisonDeadLetter {
			s.Dead++
		}
	case capture.BlockStored:
		c.stored(now)
		s.Blocks++
		s.BytesStored += e.Size
		s.Rows += e.Rows
		if e.Dead {
			s.DeadBlocks++
			s.DeadBytes += e.Size
		}
	case capture.CutDone:
		c.stored(now)
		c.cut(e, now)
	case capture.CutLost:
		s.CutsLost++
	case capture.Refused:
		s.Retries++
		s.StoreError = e.Err.Error()
		if s.StoreFailing.IsZero() {
			s.StoreFailing = now
		}
	case capture.StoreAsked:
		c.asked(e)
	case capture.Recovered:
		s.Unwitnessed += int64(e.Messages)
	case capture.Lost:
		s.Lost += e.Messages
		addTo(&s.LostBy, e.Reason, e.Messages)
	case capture.Absent:
		addTo(&s.AbsentBy, e.Reason, e.Sequences)
	}
}

// addTo adds to a counter of a map, which is nil as long as it counts nothing.
func addTo(m *map[string]int64, name string, n int64) {
	if *m == nil {
		*m = map[string]int64{}
	}
	(*m)[name] += n
}

// stored notes that the store works. The caller holds mu.
func (c *counters) stored(now time.Time) {
	c.s.StoreOK, c.s.StoreFailing, c.s.StoreError = now, time.Time{}, ""
}

// asked counts an operation of the store. The caller holds mu.
func (c *counters) asked(e capture.StoreAsked) {
	op := c.s.StoreOps[e.Op]
	op.Results[StoreResult(e.Result)]++
	op.Times.add(e.Took)
	c.s.StoreOps[e.Op] = op
}

// cut counts a complete cut. The caller holds mu.
func (c *counters) cut(e capture.CutDone, now time.Time) {
	s := &c.s
	s.Cuts++
	s.Storing = Storing{}
	s.Reasons[e.Reason]++
	s.Absent += e.Absent
	if e.Redone && s.StoredSeq == 0 { // finished before reading began
		s.ResumedSeq = e.From
	}
	s.StoredSeq = max(s.StoredSeq, e.To)
	s.Cut, s.CutTime = max(s.Cut, e.N), now
	s.CutTimes.add(e.Took)
	if len(s.Recent) == recentCuts {
		s.Recent = slices.Delete(s.Recent, 0, 1)
	}
	s.Recent = append(s.Recent, RecentCut{CutDone(e), now})
	if e.Redone {
		s.Redone++
	} else {
		c.hand.stored()
	}
}

// take counts messages that were put into blocks. Messages up to counted were counted when an earlier life of the
// reader read them. The caller holds mu.
func (c *counters) take(e capture.Taken, now time.Time) {
	oldest := c.hand.open
	for i := range e.Messages {
		m := &e.Messages[i]
		if m.Time < oldest.time || oldest.time == 0 {
			oldest = mark{m.Time, m.Seq}
		}
		if e.Ordered && m.Seq <= c.counted {
			continue
		}
		c.s.Messages++
		c.s.Bytes += int64(m.Size)
	}
	c.hand.take(e, oldest)
	if n := len(e.Messages); n > 0 {
		c.last(&e.Messages[n-1], e.Ordered)
	}
	c.s.Lag, c.s.OpenBlocks = e.Pending, int64(e.Blocks)
	c.use(e.Used)
	c.s.Stream.reach(c.s.LastSeq + e.Pending)
	c.lagAt = c.s.Stream.LastSeq
	if e.Pending == 0 {
		c.s.CaughtUp = now
	}
}

// use notes what is used of the limits. The caller holds mu.
func (c *counters) use(u capture.Used) {
	c.s.Memory, c.s.Spooled = u.Memory, u.Disk
	c.s.AckPending, c.s.AckPendingLimit = int64(u.Unacked), int64(u.MaxUnacked)
}

// last notes the last message that was taken. The caller holds mu.
func (c *counters) last(m *reader.Message, ordered bool) {
	c.s.LastSeq, c.s.LastTime = m.Seq, time.Unix(0, m.Time).UTC()
	if ordered {
		c.counted = max(c.counted, m.Seq)
	}
}
