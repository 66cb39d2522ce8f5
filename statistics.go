package jetcapture

import (
	"maps"
	"sync"
)

// statistics guards a Stats.
type statistics struct {
	mu   sync.Mutex
	s    Stats
	held string // what has held up reading for a while; empty: nothing
}

// update changes the counters.
func (st *statistics) update(f func(s *Stats)) {
	st.mu.Lock()
	defer st.mu.Unlock()
	f(&st.s)
}

// heldUp notes what holds up reading, or with an empty cause that nothing does.
func (st *statistics) heldUp(cause string) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.held = cause
}

// snapshot copies the counters.
func (st *statistics) snapshot() Stats {
	st.mu.Lock()
	defer st.mu.Unlock()
	s := st.s
	s.Reasons = maps.Clone(s.Reasons)
	if st.held != "" && s.State == stateReading {
		s.State = st.held
	}
	return s
}
