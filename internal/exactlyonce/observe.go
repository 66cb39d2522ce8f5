package exactlyonce

import (
	"fmt"
	"strings"
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/capture"
	"github.com/jetcapture/jetcapture/internal/engine"
	"github.com/jetcapture/jetcapture/internal/reader"
)

// observer implements engine.Observer. It passes what the engine reports to the observer of the run, as events.
type observer struct{ *Keeper }

// Awaiting implements engine.Observer. The other writer may be alive and slow.
func (o observer) Awaiting(p *cutlog.Plan) {
	o.run.Observer.Observe(capture.Awaiting{N: p.N, Writer: p.Writer.Instance, AtMost: o.cfg.Takeover})
}

// Redoing implements engine.Observer. Redone follows, unless the redo fails.
func (o observer) Redoing(p *cutlog.Plan) {
	o.redoing = time.Now()
	o.run.Observer.Observe(capture.Redoing{N: p.N, Writer: p.Writer.Instance, Blocks: len(p.Blocks)})
}

// Redone implements engine.Observer. A redone cut is reported like one of our own, with what it has lost since its
// plan.
func (o observer) Redone(h cutlog.Head) {
	e := cutDone(h.Plan, h.Done)
	e.Redone, e.Took = true, time.Since(o.redoing)
	o.absentByPlan(h.Plan)
	e.Lost += o.lostAtRedo(h)
	o.run.Observer.Observe(e)
}

// LookingAgain implements engine.Observer.
func (o observer) LookingAgain(s engine.StreamFacts, p *cutlog.Plan) {
	o.run.Observer.Observe(capture.LookingAgain{LastSeq: s.LastSeq, Stored: p.To, In: o.cfg.SecondLook})
}

// Diverged implements engine.Observer. The opening plan records what of the old stream can no longer be proved.
func (o observer) Diverged(old, opening *cutlog.Plan, what string) {
	restored := opening.Cause == cutlog.CauseRestored
	o.run.Observer.Observe(capture.Diverged{From: old.To, To: opening.From, What: what, Restored: restored})
	o.lostByPlan(opening, lossByDesign{})
}

// lossByDesign says which losses a stream is made for.
type lossByDesign struct {
	bucket  bool // a bucket of keys or objects, which replaces values
	expired bool // a limit on the messages of a subject
}

// lossesByDesign tells a bucket by its name: clients know it by nothing else.
func lossesByDesign(info reader.StreamInfo) lossByDesign {
	bucket := strings.HasPrefix(info.Name, "KV_") || strings.HasPrefix(info.Name, "OBJ_")
	return lossByDesign{bucket: bucket, expired: bucket || info.Drops.Subject}
}

// lostByPlan reports the messages that the stream dropped before they were read, as the plan has them.
func (k *Keeper) lostByPlan(p *cutlog.Plan, d lossByDesign) {
	for _, l := range p.Lost {
		e := lost(l.Reason, l.Seqs, fmt.Sprintf("recorded in plan %d", p.N))
		switch l.Reason {
		case cutlog.LostExpired:
			e.Expected = d.expired
		case cutlog.LostRemoved: // as by a new version of an object
			e.Expected = d.bucket
		}
		k.run.Observer.Observe(e)
	}
}

// absentByPlan reports which sequences were none of the messages of the capture, as the plan has them.
func (k *Keeper) absentByPlan(p *cutlog.Plan) {
	for reason, n := range p.AbsentReasons() {
		k.run.Observer.Observe(capture.Absent{Reason: string(reason), Sequences: int64(n)})
	}
}

// lostAtRedo reports the planned messages that a redo, ours or another writer's, did not find in the stream any more.
// It returns their number.
func (k *Keeper) lostAtRedo(h cutlog.Head) (n int64) {
	if h.Lost == nil {
		return 0
	}
	for _, b := range h.Lost.Blocks {
		e := lost(cutlog.LostGone, b.Seqs, "planned for "+h.Plan.Blocks[b.Block].Name+", gone before it was stored")
		n += e.Messages
		k.run.Observer.Observe(e)
	}
	return n
}

// lost returns the event of some lost messages.
func lost(reason cutlog.LostReason, seqs cutlog.SeqSet, detail string) capture.Lost {
	return capture.Lost{
		Reason: string(reason), Messages: int64(seqs.Count()), From: seqs.First(), To: seqs.Last(), Detail: detail,
	}
}

// cutDone returns the event of a finished cut. The record d may be nil.
func cutDone(p *cutlog.Plan, d *cutlog.Done) capture.CutDone {
	e := capture.CutDone{
		N: p.N, Reason: string(p.Reason), From: p.From, To: p.To, Blocks: len(p.Blocks),
		Skipped: int64(p.Skipped.Count()), Absent: int64(p.Absent),
	}
	for _, l := range p.Lost {
		e.Lost += int64(l.Seqs.Count())
	}
	for i, b := range p.Blocks {
		e.Messages += b.Messages
		if b.Kind == cutlog.KindDead {
			e.Dead += b.Messages
		}
		if d != nil && i < len(d.Files) {
			e.Bytes += d.Files[i].Size
		}
	}
	return e
}
