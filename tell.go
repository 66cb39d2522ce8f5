package jetcapture

import (
	"sync"
	"time"
)

// windowTime is the start of a window as a time.
func windowTime(start int64) time.Time { return time.Unix(0, start).UTC() }

// hook calls a hook, one call at a time.
func hook[E any](calls *sync.Mutex, f func(E), e E) {
	if f == nil {
		return
	}
	calls.Lock()
	defer calls.Unlock()
	f(e)
}

// tellBlock reports a stored file.
func (r *run[P, K]) tellBlock(e BlockStored) {
	r.stats.update(func(s *Stats) {
		s.Blocks++
		s.BytesStored += e.Size
		s.Rows += e.Rows
	})
	r.log.Debug("block stored", "location", e.Location, "messages", e.Messages, "size", e.Size)
	hook(r.hooks, r.opts.Hooks.BlockStored, e)
}

// tellCut reports a finished cut.
func (r *run[P, K]) tellCut(e CutDone) {
	r.stats.update(func(s *Stats) {
		s.Cuts++
		s.Reasons[e.Reason]++
		s.Absent += e.Absent
		s.StoredSeq = max(s.StoredSeq, e.To)
	})
	r.log.Info("cut", "n", e.N, "reason", e.Reason, "from", e.From, "to", e.To, "blocks", e.Blocks, "messages", e.Messages, "dead", e.Dead,
		"skipped", e.Skipped, "lost", e.Lost, "absent", e.Absent, "bytes", e.Bytes, "took", e.Took, "redone", e.Redone)
	hook(r.hooks, r.opts.Hooks.CutDone, e)
}

// tellLost reports messages that are lost, or a stream that is another one now.
func (r *run[P, K]) tellLost(e Lost) {
	r.stats.update(func(s *Stats) { s.Lost += e.Messages })
	if e.Messages > 0 {
		r.log.Warn("the source has lost messages before they were captured", "reason", e.Reason, "messages", e.Messages, "from", e.From, "to", e.To,
			"detail", e.Detail)
	} else {
		r.log.Warn("sequences begin anew, of another stream", "reason", e.Reason, "from", e.From, "to", e.To, "detail", e.Detail)
	}
	hook(r.hooks, r.opts.Hooks.Lost, e)
}
