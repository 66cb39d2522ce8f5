package jetcapture

import (
	"maps"
	"sync"
)

// statistics guards a Stats.
type statistics struct {
	mu sync.Mutex
	s  Stats
}

// update changes the counters.
func (st *statistics) update(f func(s *Stats)) {
	st.mu.Lock()
	defer st.mu.Unlock()
	f(&st.s)
}

// snapshot copies the counters.
func (st *statistics) snapshot() Stats {
	st.mu.Lock()
	defer st.mu.Unlock()
	s := st.s
	s.Reasons = maps.Clone(s.Reasons)
	return s
}
