package jetcapture

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/engine"
	"github.com/jetcapture/jetcapture/internal/reader"
)

// lookAgain is how long a stream that seems rolled back is left alone before the second look: its leader may be behind for a moment.
const lookAgain = 10 * time.Second

func (k *archiveKeeper[P, K]) streamFacts(info reader.StreamInfo) engine.StreamFacts {
	return engine.StreamFacts{
		Name: info.Name, Created: info.Created, Configured: info.ConfiguredFirst, FirstSeq: info.FirstSeq, LastSeq: info.LastSeq,
		Limits: k.limits(info),
	}
}

// identify compares the stream with the head, and opens a new incarnation for one that is another stream now. It reports false when the log has to be read
// again.
func (k *archiveKeeper[P, K]) identify(ctx context.Context) (ok bool, err error) {
	past, err := k.past(ctx)
	if err != nil {
		return false, err
	}
	info, id, look, err := k.judge(ctx, past)
	if err != nil {
		return false, err
	}
	if id == engine.RolledBack {
		k.log.Warn("the stream seems to be rolled back, looking again", "last_seq", info.LastSeq, "stored_up_to", k.w.Head.Plan.To, "in", lookAgain)
		if err := pause(ctx, lookAgain); err != nil {
			return false, err
		}
		if info, id, look, err = k.judge(ctx, past); err != nil {
			return false, err
		}
	}
	k.info = info
	switch id {
	case engine.Same:
		if look == engine.AnchorMissing {
			k.notes = append(k.notes, fmt.Sprintf("anchor %d was not in the stream any more when reading started", k.w.Head.Plan.Anchor.Seq))
		}
		return true, nil
	case engine.Foreign:
		return false, fmt.Errorf("stream %s was created at %s, which capture %s has left for a newer one: two servers seem to share this archive; give each capture its own name",
			info.Name, info.Created, k.w.Capture)
	}
	return false, k.openIncarnation(ctx, info, id, past)
}

// judge looks at the stream and at the anchor.
func (k *archiveKeeper[P, K]) judge(ctx context.Context, past []time.Time) (reader.StreamInfo, engine.Identity, engine.AnchorLook, error) {
	info, err := k.streamInfo(ctx)
	if err != nil {
		return info, 0, 0, err
	}
	look, err := k.lookAt(ctx, k.w.Head.Plan.Anchor)
	if err != nil {
		return info, 0, 0, err
	}
	return info, engine.Judge(k.w.Head, k.streamFacts(info), look, past), look, nil
}

// lookAt compares what the stream has at an anchor's sequence with the anchor.
func (k *archiveKeeper[P, K]) lookAt(ctx context.Context, a cutlog.Anchor) (engine.AnchorLook, error) {
	if a.Seq == 0 {
		return engine.AnchorSame, nil
	}
	m, err := k.src.Get(ctx, a.Seq)
	switch {
	case errors.Is(err, reader.ErrMessageNotFound):
		return engine.AnchorMissing, nil
	case err != nil:
		return 0, fmt.Errorf("look at the anchor, stream sequence %d: %w", a.Seq, err)
	case anchorOfStored(m) == a:
		return engine.AnchorSame, nil
	}
	return engine.AnchorOther, nil
}

// past returns the creation times of the streams that the log has left.
func (k *archiveKeeper[P, K]) past(ctx context.Context) (past []time.Time, err error) {
	err = k.retry(ctx, "read the plan that opened the incarnation", func(ctx context.Context) error {
		h, err := k.w.Log.At(ctx, k.w.Head.Plan.Opened)
		if err == nil {
			past = h.Plan.Past
		}
		return err
	})
	return past, err
}

// openIncarnation puts the plan that opens a new incarnation.
func (k *archiveKeeper[P, K]) openIncarnation(ctx context.Context, info reader.StreamInfo, id engine.Identity, past []time.Time) error {
	old := k.w.Head.Plan
	o := engine.Opening{Stream: k.streamFacts(info), Past: past}
	if id == engine.Recreated {
		o.Past = append(past[:len(past):len(past)], old.Stream.Created)
		o.From = max(info.ConfiguredFirst, 1) - 1
		o.Note = fmt.Sprintf("the stream was created anew at %s, before that at %s", info.Created, old.Stream.Created)
	} else {
		anchor, err := k.lastCommon(ctx)
		if err != nil {
			return err
		}
		o.From, o.Anchor = anchor.Seq, anchor
		o.Note = fmt.Sprintf("the stream was rolled back: it had been stored up to sequence %d, and agrees up to %d", old.To, anchor.Seq)
	}
	p := engine.OpenPlan(k.w.Head, o, k.facts(cutlog.ReasonOpen))
	won, err := k.w.Plan(ctx, p)
	if err != nil || !won {
		return err
	}
	k.stats.update(func(s *Stats) { s.Incarnations++ })
	k.tellLost(Lost{Reason: "diverged", From: old.To, To: p.From, Detail: o.Note})
	k.lostByPlan(p)
	return k.w.Done(ctx, nil)
}

// lastCommon goes back through the plans of the incarnation to the newest anchor that the stream still has.
func (k *archiveKeeper[P, K]) lastCommon(ctx context.Context) (cutlog.Anchor, error) {
	for n := k.w.Head.N; n >= k.w.Head.Plan.Opened; n-- {
		var h cutlog.Head
		err := k.retry(ctx, "read an older plan", func(ctx context.Context) (err error) {
			h, err = k.w.Log.At(ctx, n)
			return err
		})
		if err != nil {
			return cutlog.Anchor{}, err
		}
		if h.Plan.Anchor.Seq == 0 {
			continue
		}
		look, err := k.lookAt(ctx, h.Plan.Anchor)
		if err != nil {
			return cutlog.Anchor{}, err
		}
		if look == engine.AnchorSame {
			return h.Plan.Anchor, nil
		}
	}
	return cutlog.Anchor{}, nil
}
