package main

import "github.com/jetcapture/jetcapture"

// mostMemory is what several captures share if --memory-limit does not say.
const mostMemory = 256 << 20

// limits returns how much memory and disk the captures of a process share, of which s is one.
func (s *settings) limits() (memory, disk int64) {
	memory, disk = s.capture.library.MemoryLimit, s.capture.library.SpoolLimit
	if s.origins["memory-limit"] == byDefault {
		memory = mostMemory
	}
	return memory, disk
}

// share lets the captures that start from now on share the limits of the process. s has them. A capture that has begun
// alone keeps its own.
func (r *runner) share(s *settings) {
	if r.budget.Load() != nil {
		return
	}
	memory, disk := s.limits()
	r.budget.Store(jetcapture.NewBudget(memory, disk, 0))
}
