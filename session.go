package jetcapture

import (
	"context"
	"fmt"
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/engine"
	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/nats-io/nats.go"
)

// open implements keeper: it finds the head of the log, or opens a new log, finishes the cut that is not done, checks that the stream still is the one that
// was captured, and starts to read behind the head.
func (k *archiveKeeper[P, K]) open(ctx context.Context) (opened, error) {
	info, err := k.streamInfo(ctx)
	if err != nil {
		return opened{}, err
	}
	if err := k.checkRetention(info); err != nil {
		return opened{}, err
	}
	if !k.started {
		if err := k.birth(ctx, info); err != nil {
			return opened{}, err
		}
		k.log.Info("capturing, each message in exactly one file", "archive", k.bucket.String(), "instance", k.w.Me.Instance)
	}
	if err := k.enter(ctx); err != nil {
		return opened{}, err
	}
	k.started = true
	p := k.w.Head.Plan
	k.stats.update(func(s *Stats) { s.StoredSeq = p.To })
	rd, err := k.openReader(ctx, position(p.To, p))
	if err != nil {
		return opened{}, err
	}
	return opened{rd: rd, from: p.To, anchor: p.Anchor, info: info}, nil
}

// position is where reading goes on after the sequence after, with the plan's anchor as the proof.
func position(after uint64, p *cutlog.Plan) reader.Position {
	return reader.Position{After: after, Created: p.Stream.Created, Anchor: reader.Anchor{Seq: p.Anchor.Seq, Time: p.Anchor.Time, Subject: string(p.Anchor.Subject)}}
}

// streamInfo asks for the stream. A stream that is gone is waited for, but with Once, and at the very start, where its name may be wrong.
func (k *archiveKeeper[P, K]) streamInfo(ctx context.Context) (reader.StreamInfo, error) {
	var warned time.Time
	for {
		info, err := k.src.Info(ctx)
		if err == nil || ctx.Err() != nil || !k.started || k.opts.Once {
			return info, err
		}
		if time.Since(warned) >= warnEvery {
			warned = time.Now()
			k.log.Warn("the stream cannot be asked, waiting for it", "error", err)
		}
		if err := pause(ctx, time.Second); err != nil {
			return info, err
		}
	}
}

// checkRetention refuses to read a stream without acks where a delivery deletes.
func (k *archiveKeeper[P, K]) checkRetention(info reader.StreamInfo) error {
	if info.Retention == nats.LimitsPolicy {
		return nil
	}
	if k.opts.NATSConsumerName == "" {
		return fmt.Errorf("stream %s has %v retention: what is acknowledged is deleted there, so it is read through a durable consumer only; name one",
			info.Name, info.Retention)
	}
	if (k.opts.Start != Start{}) {
		return fmt.Errorf("stream %s has %v retention and is captured from its consumer's ack floor on: start takes only all", info.Name, info.Retention)
	}
	return nil
}

// birth makes sure that the log is there, is ours, and lives in a store that never overwrites.
func (k *archiveKeeper[P, K]) birth(ctx context.Context, info reader.StreamInfo) error {
	format := cutlog.Format{
		Version: cutlog.Version, Capture: k.w.Capture, Stream: k.opts.NATSStreamName, Domain: k.domain(), Filter: k.opts.FilterSubjects,
	}
	var birth cutlog.Birth
	find := func(ctx context.Context) (err error) {
		birth, err = k.w.Log.Birth(ctx)
		return err
	}
	if err := k.retry(ctx, "look for the cut log", find); err != nil {
		return err
	}
	if birth.Stage == cutlog.StageFresh {
		from, err := k.first(ctx, info)
		if err != nil {
			return err
		}
		p := engine.OpenPlan(cutlog.Head{}, engine.Opening{Stream: k.streamFacts(info), From: from}, k.facts(cutlog.ReasonOpen))
		p.Format = &format
		if _, err := k.w.Plan(ctx, p); err != nil { // when another writer has won, its plan 1 is compared by PutFormat
			return err
		}
	}
	if err := k.retry(ctx, "put format.json", func(ctx context.Context) error { return k.w.Log.PutFormat(ctx, format) }); err != nil {
		return err
	}
	k.w.At(engine.AfterFormat)
	return k.retry(ctx, "check that the store does not overwrite", k.w.Log.Probe)
}

// domain is the JetStream domain that APIPrefix names.
func (k *archiveKeeper[P, K]) domain() string {
	var domain string
	if n, err := fmt.Sscanf(k.opts.APIPrefix, "$JS.%s", &domain); n == 1 && err == nil && domain != "API" {
		return trimAPI(domain)
	}
	return ""
}

func trimAPI(s string) string {
	if len(s) > 4 && s[len(s)-4:] == ".API" {
		return s[:len(s)-4]
	}
	return s
}

// first is the sequence after which a new capture begins.
func (k *archiveKeeper[P, K]) first(ctx context.Context, info reader.StreamInfo) (uint64, error) {
	start := k.opts.Start
	switch {
	case k.opts.NATSConsumerName != "":
		return k.firstDurable(ctx, info)
	case start.New:
		return info.LastSeq, nil
	case start.Seq > 0:
		return max(start.Seq, info.FirstSeq, 1) - 1, nil
	case !start.Time.IsZero():
		before, err := k.src.Before(ctx, k.ephemeral()+"-start", start.Time)
		return max(before, max(info.FirstSeq, 1)-1), err
	}
	return max(info.FirstSeq, 1) - 1, nil
}

// firstDurable is the ack floor: what is below was acknowledged before there was a capture.
func (k *archiveKeeper[P, K]) firstDurable(ctx context.Context, info reader.StreamInfo) (uint64, error) {
	if (k.opts.Start != Start{}) {
		return 0, fmt.Errorf("consumer %s: a durable consumer starts at its ack floor, start takes only all", k.opts.NATSConsumerName)
	}
	floor, err := reader.AckFloor(ctx, k.src, k.durableConfig())
	if err != nil {
		return 0, err
	}
	return max(floor, max(info.FirstSeq, 1)-1), nil
}

// enter brings the log into a state in which we may plan: the head is done and of the stream that is there.
func (k *archiveKeeper[P, K]) enter(ctx context.Context) error {
	for {
		if err := k.w.Refresh(ctx); err != nil {
			return err
		}
		if k.w.Head.Done == nil {
			if err := k.finishHead(ctx); err != nil {
				return err
			}
			continue
		}
		ok, err := k.identify(ctx)
		if err != nil || ok {
			return err
		}
	}
}

// finishHead finishes the newest cut, after leaving it for a while to the live process that has planned it.
func (k *archiveKeeper[P, K]) finishHead(ctx context.Context) error {
	p := k.w.Head.Plan
	if len(p.Blocks) == 0 { // nothing to store: no reason to wait, nothing to tell
		return k.w.Done(ctx, nil)
	}
	if p.Writer.Instance != k.w.Me.Instance && !k.opts.Once {
		done, err := k.awaitDone(ctx)
		if err != nil || done {
			return err
		}
	}
	k.log.Info("finishing a cut that was planned before", "cut", p.N, "by", p.Writer.Instance, "blocks", len(p.Blocks))
	k.stats.update(func(s *Stats) { s.State = "redo" })
	began := time.Now()
	if err := k.w.Finish(ctx, newRedoer(k)); err != nil {
		return err
	}
	k.redone(p, time.Since(began))
	return nil
}

// awaitDone leaves a cut to its writer for Takeover.
func (k *archiveKeeper[P, K]) awaitDone(ctx context.Context) (done bool, err error) {
	k.log.Info("another writer has planned a cut, waiting for it", "cut", k.w.Head.N, "writer", k.w.Head.Plan.Writer.Instance,
		"at_most", k.opts.Archive.Takeover)
	for end := time.Now().Add(k.opts.Archive.Takeover); time.Now().Before(end); {
		if err := pause(ctx, min(time.Second, k.opts.Archive.Takeover/4+time.Millisecond)); err != nil {
			return false, err
		}
		_, found, err := k.w.Log.Next(ctx, k.w.Head)
		if err == nil && found {
			return true, nil
		}
		if err != nil && k.permanent(err) {
			return false, err
		}
	}
	return false, nil
}

// redone reports a cut that was finished for somebody else.
func (k *archiveKeeper[P, K]) redone(p *cutlog.Plan, took time.Duration) {
	e := cutEvent(p, k.w.Head.Done)
	e.Redone, e.Took = true, took
	k.stats.update(func(s *Stats) { s.Redone++ })
	if l := k.w.Head.Lost; l != nil {
		for _, b := range l.Blocks {
			e.Lost += int64(b.Seqs.Count())
			k.tellLost(Lost{
				Reason: string(cutlog.LostGone), Messages: int64(b.Seqs.Count()), From: b.Seqs.First(), To: b.Seqs.Last(),
				Detail: "planned for " + p.Blocks[b.Block].Name + ", gone before it was stored",
			})
		}
	}
	k.tellCut(e)
}
