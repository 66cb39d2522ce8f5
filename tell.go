package jetcapture

import "time"

// windowTime is the start of a window as a time.
func windowTime(start int64) time.Time { return time.Unix(0, start).UTC() }

// tellBlock reports a stored file.
func (r *run[P, K]) tellBlock(e BlockStored) {
	r.stats.update(func(s *Stats) {
		s.Blocks++
		s.BytesStored += e.Size
		s.Rows += e.Rows
	})
	r.log.Debug("block stored", "location", e.Location, "messages", e.Messages, "size", e.Size)
	if r.opts.Hooks.BlockStored != nil {
		r.hooks.Lock()
		defer r.hooks.Unlock()
		r.opts.Hooks.BlockStored(e)
	}
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
	if r.opts.Hooks.CutDone != nil {
		r.opts.Hooks.CutDone(e)
	}
}

// tellLost reports messages that are lost, or a stream that is another one now.
func (r *run[P, K]) tellLost(e Lost) {
	r.stats.update(func(s *Stats) { s.Lost += e.Messages })
	r.log.Warn("the source has lost messages before they were captured", "reason", e.Reason, "messages", e.Messages, "from", e.From, "to", e.To,
		"detail", e.Detail)
	if r.opts.Hooks.Lost != nil {
		r.opts.Hooks.Lost(e)
	}
}
