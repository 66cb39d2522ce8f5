package main

import "github.com/jetcapture/jetcapture"

// mostMemory is what several captures share if --memory-limit does not say.
const mostMemory = 256 << 20

// share lets the captures that start from now on share the limits of the process. s has them. A capture that has begun alone keeps its own.
func (r *runner) share(s *settings) {
	if r.budget.Load() != nil {
		return
	}
	memory, limit := s.capture.library.MemoryLimit, s.capture.library.SpoolLimit
	if s.origins["memory-limit"] == byDefault {
		memory = mostMemory
	}
	r.budget.Store(jetcapture.NewBudget(memory, limit, 0))
}
