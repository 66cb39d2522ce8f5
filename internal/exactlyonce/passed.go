package exactlyonce

import (
	"context"
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/engine"
	"github.com/jetcapture/jetcapture/internal/reader"
)

// passed notes sequences that no message ever had. That shows only as long as the stream is empty, so it is asked as
// soon as a reader has passed over sequences behind its last message. The goroutine of the feed uses it.
type passed struct {
	last  cutlog.Anchor // the last message read, only sequence and time; at first the archive's anchor
	asked uint64        // the stream was asked about everything up to here
	never cutlog.SeqSet
}

// newPassed begins behind the anchor, with what the stream says at the start.
func newPassed(anchor cutlog.Anchor, s engine.StreamFacts) passed {
	return passed{last: anchor, asked: s.LastSeq, never: s.NeverAfter(anchor)}
}

// Next implements reader.Reader.
func (rd *reading) Next(ctx context.Context) (reader.Batch, error) {
	b, err := rd.streamReader.Next(ctx)
	if err == nil && len(rd.k.cfg.Filter) == 0 && rd.copy == nil {
		rd.passed.note(ctx, rd.k, b)
	}
	return b, err
}

// note notes what a reader has returned. If the stream cannot be asked, nothing is known.
func (p *passed) note(ctx context.Context, k *Keeper, b reader.Batch) {
	if n := len(b.Messages); n > 0 {
		m := &b.Messages[n-1]
		p.last = cutlog.Anchor{Seq: m.Seq, Time: time.Unix(0, m.Time)}
	}
	if b.Through <= max(p.last.Seq, p.asked) {
		return
	}
	p.asked = b.Through
	if info, err := k.stream.Info(ctx); err == nil {
		p.never = p.never.Union(k.streamFacts(info).NeverAfter(p.last))
	}
}
