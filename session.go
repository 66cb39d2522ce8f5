package jetcapture

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/engine"
	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/nats-io/nats.go"
)

// secondLook is how long a stream that seems rolled back is left alone before it is judged.
const secondLook = 10 * time.Second

// open implements keeper: it brings the log into a state in which we may plan, and starts to read behind its head.
func (k *archiveKeeper[P, K]) open(ctx context.Context) (opened, error) {
	if !k.started {
		if err := k.entry.Birth(ctx); err != nil {
			return opened{}, err
		}
		k.log.Info("capturing, each message in exactly one file", "archive", k.bucket.String(), "instance", k.w.Me.Instance)
	}
	in, err := k.entry.Enter(ctx)
	if err != nil {
		return opened{}, err
	}
	k.started = true
	p := k.w.Head.Plan
	if in.Look == engine.AnchorMissing {
		k.notes = append(k.notes, fmt.Sprintf("anchor %d was not in the stream any more when reading started", p.Anchor.Seq))
	}
	k.stats.update(func(s *Stats) { s.StoredSeq = p.To })
	rd, err := k.openReader(ctx, position(p.To, p))
	if err != nil {
		return opened{}, err
	}
	return opened{rd: rd, from: p.To, anchor: p.Anchor, last: in.Stream.LastSeq}, nil
}

// diverged implements keeper. That a stream was recreated is found out again by Enter; that it was rolled back only the reader may have
// seen.
func (k *archiveKeeper[P, K]) diverged(d *reader.DivergedError) { k.entry.RolledBack = d.RolledBack }

// position is where reading goes on after the sequence after, with the plan's anchor as the proof.
func position(after uint64, p *cutlog.Plan) reader.Position {
	a := reader.Anchor{Seq: p.Anchor.Seq, Time: p.Anchor.Time, Subject: string(p.Anchor.Subject)}
	return reader.Position{After: after, Created: p.Stream.Created, Anchor: a}
}

// newEntry puts together what a start needs.
func (k *archiveKeeper[P, K]) newEntry() *engine.Entry {
	e := &engine.Entry{
		Writer: k.w, Source: k, Redoer: &redoer[P, K]{archiveKeeper: k}, Observer: k,
		Format: cutlog.Format{
			Version: cutlog.Version, Capture: k.w.Capture, Stream: k.opts.NATSStreamName, Domain: domain(k.opts.APIPrefix), Filter: k.opts.FilterSubjects,
		},
		Facts: k.facts, Wait: pause, Takeover: k.opts.Archive.Takeover, SecondLook: secondLook,
	}
	if k.opts.Once {
		e.Takeover = 0
	}
	return e
}

// domain is the JetStream domain that an API prefix names, or nothing.
func domain(prefix string) string {
	d, ok := strings.CutPrefix(prefix, "$JS.")
	if d, isDomain := strings.CutSuffix(d, ".API"); ok && isDomain {
		return d
	}
	return ""
}

// Facts implements engine.Source. A stream that is gone is waited for, but with Once, and at the very start, where its name may be wrong.
func (k *archiveKeeper[P, K]) Facts(ctx context.Context) (engine.StreamFacts, error) {
	var warned time.Time
	for {
		info, err := k.src.Info(ctx)
		if err == nil {
			return k.streamFacts(info), k.checkRetention(info)
		}
		if ctx.Err() != nil || !k.started || k.opts.Once {
			return engine.StreamFacts{}, err
		}
		if time.Since(warned) >= warnEvery {
			warned = time.Now()
			k.log.Warn("the stream cannot be asked, waiting for it", "error", err)
		}
		if err := pause(ctx, time.Second); err != nil {
			return engine.StreamFacts{}, err
		}
	}
}

// streamFacts is what the engine wants to know of a stream. What it dropped unread was certainly a message for us only on limits retention and without
// a filter.
func (k *archiveKeeper[P, K]) streamFacts(info reader.StreamInfo) engine.StreamFacts {
	return engine.StreamFacts{
		Name: info.Name, Created: info.Created, Configured: info.ConfiguredFirst, FirstSeq: info.FirstSeq, LastSeq: info.LastSeq,
		Limits: info.Retention == nats.LimitsPolicy && len(k.opts.FilterSubjects) == 0,
	}
}

// checkRetention refuses to read a stream without acks where a delivery deletes.
func (k *archiveKeeper[P, K]) checkRetention(info reader.StreamInfo) error {
	if info.Retention == nats.LimitsPolicy || k.opts.NATSConsumerName != "" {
		return nil
	}
	return fmt.Errorf("stream %s has %v retention: what is acknowledged is deleted there, so it is read through a durable consumer only; name one",
		info.Name, info.Retention)
}

// Look implements engine.Source.
func (k *archiveKeeper[P, K]) Look(ctx context.Context, a cutlog.Anchor) (engine.AnchorLook, error) {
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

// Prepare implements engine.Source: it makes the durable consumer, if it is missing and may be made.
func (k *archiveKeeper[P, K]) Prepare(ctx context.Context) error {
	if k.opts.NATSConsumerName == "" {
		return nil
	}
	_, err := reader.AckFloor(ctx, k.src, k.durableConfig())
	return err
}

// First implements engine.Source.
func (k *archiveKeeper[P, K]) First(ctx context.Context, s engine.StreamFacts) (uint64, error) {
	start, before := k.opts.Start, max(s.FirstSeq, 1)-1
	switch {
	case k.opts.NATSConsumerName != "":
		floor, err := reader.AckFloor(ctx, k.src, k.durableConfig())
		return max(floor, before), err
	case start.New:
		return s.LastSeq, nil
	case start.Seq > s.LastSeq+1:
		return 0, fmt.Errorf("start at sequence %d: stream %s ends at %d; start with new to capture only what comes", start.Seq, s.Name, s.LastSeq)
	case start.Seq > 0:
		return max(start.Seq-1, before), nil
	case !start.Time.IsZero():
		at, err := k.src.Before(ctx, k.ephemeral()+"-start", start.Time)
		return max(at, before), err
	}
	return before, nil
}
