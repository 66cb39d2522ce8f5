package jetcapture

import (
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/engine"
)

// Awaiting implements engine.Observer.
func (k *archiveKeeper[P, K]) Awaiting(p *cutlog.Plan) {
	k.log.Info("another writer has planned a cut, leaving it to that one for a while", "cut", p.N, "writer", p.Writer.Instance,
		"at_most", k.opts.Archive.Takeover)
}

// Redoing implements engine.Observer.
func (k *archiveKeeper[P, K]) Redoing(p *cutlog.Plan) {
	k.redoBegan = time.Now()
	k.log.Info("finishing a cut that was planned before", "cut", p.N, "writer", p.Writer.Instance, "blocks", len(p.Blocks))
	k.stats.update(func(s *Stats) { s.State = stateRedo })
}

// Redone implements engine.Observer.
func (k *archiveKeeper[P, K]) Redone(h cutlog.Head) {
	e := cutEvent(h.Plan, h.Done)
	e.Redone, e.Took = true, time.Since(k.redoBegan)
	k.stats.update(func(s *Stats) { s.Redone++ })
	e.Lost += k.lostAtRedo(h)
	k.tellCut(e)
}

// lostAtRedo tells of what a redo, ours or another writer's, did not find in the stream any more, and returns how much that is.
func (k *archiveKeeper[P, K]) lostAtRedo(h cutlog.Head) (n int64) {
	if h.Lost == nil {
		return 0
	}
	for _, b := range h.Lost.Blocks {
		n += int64(b.Seqs.Count())
		k.tellLost(Lost{
			Reason: string(cutlog.LostGone), Messages: int64(b.Seqs.Count()), From: b.Seqs.First(), To: b.Seqs.Last(),
			Detail: "planned for " + h.Plan.Blocks[b.Block].Name + ", gone before it was stored",
		})
	}
	return n
}

// LookingAgain implements engine.Observer.
func (k *archiveKeeper[P, K]) LookingAgain(s engine.StreamFacts, p *cutlog.Plan) {
	k.log.Warn("the stream seems to be rolled back, looking again", "last_seq", s.LastSeq, "stored_up_to", p.To, "in", secondLook)
}

// Diverged implements engine.Observer.
func (k *archiveKeeper[P, K]) Diverged(old, opening *cutlog.Plan, what string) {
	k.stats.update(func(s *Stats) {
		s.Incarnations++
		s.StoredSeq, s.counted = opening.From, opening.From // sequences are another stream's now
	})
	k.tellLost(Lost{Reason: "diverged", From: old.To, To: opening.From, Detail: what})
	k.lostByPlan(opening)
}
