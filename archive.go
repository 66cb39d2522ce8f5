package jetcapture

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/engine"
	"github.com/jetcapture/jetcapture/internal/reader"
)

// archiveKeeper keeps the promise of an archive: each message in exactly one file.
type archiveKeeper[P Payload, K DestKey] struct {
	*run[P, K]
	bucket    bucket.Bucket
	w         *engine.Writer
	entry     *engine.Entry
	instance  *instance
	started   bool               // permanent errors of the store end Run before, and are retried after
	checked   engine.StreamFacts // as of the last check
	floor     uint64             // ack floor of a durable consumer, as of the reader's last position
	notes     []string           // for the next plan
	redoBegan time.Time
}

func newArchiveKeeper[P Payload, K DestKey](r *run[P, K]) (*archiveKeeper[P, K], error) {
	capture := cutlog.EscapeSegment(r.opts.Archive.Capture)
	if err := cutlog.CheckCapture(capture); err != nil {
		return nil, fmt.Errorf("capture name %q: %w", r.opts.Archive.Capture, err)
	}
	r.opts.Archive.Capture = capture
	inst, err := claimInstance(r.opts.Archive.Instance)
	if err != nil {
		return nil, err
	}
	k := &archiveKeeper[P, K]{run: r, bucket: r.opts.Archive.Bucket, instance: inst}
	k.log = k.log.With("capture", r.opts.Archive.Capture)
	k.w = &engine.Writer{
		Capture: capture,
		Log:     cutlog.New(logStore{k.bucket}, capture),
		Me:      cutlog.Writer{Instance: inst.name, Boot: newBoot()},
		Retry:   k.retry,
		Crash:   r.opts.crash,
	}
	k.entry = k.newEntry()
	return k, nil
}

// newBoot names one start of a process.
func newBoot() string {
	b := make([]byte, 8)
	_, _ = rand.Read(b) // never fails, see crypto/rand
	return hex.EncodeToString(b)
}

func (k *archiveKeeper[P, K]) close() error { return k.instance.release() }

// settings are what shapes the bytes of the files, as the plan keeps them.
func (o *Options[P, K]) settings() cutlog.Settings {
	s := cutlog.Settings{
		cutlog.SettingCompression: string(o.Compression), cutlog.SettingSuffix: o.Suffix,
		cutlog.SettingDecoderVersion: o.DecoderVersion, cutlog.SettingMaxAge: o.MaxAge.String(),
	}
	if o.CompressionLevel != 0 {
		s[cutlog.SettingCompressionLevel] = fmt.Sprint(o.CompressionLevel)
	}
	for name, v := range o.Settings {
		s.SetUser(name, v)
	}
	return s
}

// facts is what a plan of ours says beside the cut.
func (k *archiveKeeper[P, K]) facts(s engine.StreamFacts, reason cutlog.Reason) engine.Facts {
	return engine.Facts{
		Capture: k.w.Capture, Writer: k.w.Me, Reason: reason, Time: time.Now(), Settings: k.opts.settings(),
		FirstSeq: s.FirstSeq, Limits: s.Limits,
	}
}

// check implements keeper.
func (k *archiveKeeper[P, K]) check(ctx context.Context, rd reader.Reader) error {
	if err := rd.Check(ctx); err != nil {
		return err
	}
	info, err := k.src.Info(ctx)
	if err != nil {
		return err
	}
	if durable, ok := rd.(interface{ Floor() uint64 }); ok {
		k.floor = durable.Floor()
	}
	k.checked = k.streamFacts(info)
	return nil
}

// commit implements keeper.
func (k *archiveKeeper[P, K]) commit(ctx context.Context, rd reader.Reader, s *sealedCut[P, K]) error {
	checked := engine.Checked{
		Reason: s.reason, Stream: k.checked, Floor: k.floor, Unproved: s.reason == cutlog.ReasonDiverged, Notes: k.notes,
	}
	done, err := k.entry.Commit(ctx, s.cut, checked, &delivery[P, K]{k, rd, s.files})
	if err != nil {
		return err
	}
	switch done.Outcome {
	case engine.Beaten:
		k.stats.update(func(st *Stats) { st.CutsLost++ })
		return errBehind
	case engine.Overtaken:
		return fmt.Errorf("%w: %w", errBehind, engine.ErrOvertaken)
	}
	k.notes = nil
	s.event = cutEvent(done.Cut.Plan, done.Cut.Done)
	k.lostByPlan(done.Cut.Plan)
	k.lostAtRedo(done.Cut)
	if done.Unacked != nil && ctx.Err() == nil {
		k.log.Warn("acks are not confirmed, they are repeated when the messages come again", "to", done.Cut.Plan.To, "error", done.Unacked)
	}
	return nil
}

// delivery is the commit of one cut. It implements engine.Delivery.
type delivery[P Payload, K DestKey] struct {
	k     *archiveKeeper[P, K]
	rd    reader.Reader
	files map[*engine.Block]file[K]
}

// Content implements engine.Delivery.
func (d *delivery[P, K]) Content(b *engine.Block) engine.Content { return d.files[b] }

// OwesAcks implements engine.Delivery. A stream that is gone took everything with it that could be acknowledged.
func (d *delivery[P, K]) OwesAcks(ctx context.Context) bool {
	if d.k.opts.NATSConsumerName == "" {
		return false
	}
	_, err := d.k.src.Info(ctx)
	return !errors.Is(err, reader.ErrStreamNotFound)
}

// Ack implements engine.Delivery.
func (d *delivery[P, K]) Ack(ctx context.Context, to uint64) error { return d.rd.Ack(ctx, to) }

// settleTimeout bounds the wait for acks that an earlier run owes.
const settleTimeout = 5 * time.Second

// settle implements keeper. An earlier run may have stored messages and died before it acknowledged them; they come again and are
// acknowledged by the reader, which must be given the time. On a work queue they would stay in the stream.
func (k *archiveKeeper[P, K]) settle(ctx context.Context) error {
	if k.opts.NATSConsumerName == "" {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	for {
		ok, err := reader.Acknowledged(limited, k.src, k.opts.NATSConsumerName, k.w.Head.Plan.To)
		if ok || ctx.Err() != nil {
			return nil
		}
		if paused := pause(limited, tickEvery/10); paused != nil {
			k.log.Warn("not all that is stored is acknowledged, the next start does it", "up_to", k.w.Head.Plan.To, "error", err)
			return nil
		}
	}
}

// each calls f for 0 to n-1 on several goroutines and returns its first error, after all have ended: when ctx ends, that says more than ctx does.
func each(ctx context.Context, workers, n int, f func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	next := make(chan int)
	var all sync.WaitGroup
	var failed sync.Once
	var first error
	for range min(workers, n) {
		all.Go(func() {
			for i := range next {
				if err := f(ctx, i); err != nil {
					failed.Do(func() { first = err })
					cancel()
				}
			}
		})
	}
	for i := 0; i < n && ctx.Err() == nil; i++ {
		select {
		case next <- i:
		case <-ctx.Done():
		}
	}
	close(next)
	all.Wait()
	if first != nil {
		return first
	}
	return context.Cause(ctx)
}

// lostByPlan warns of what the stream dropped before it was read.
func (k *archiveKeeper[P, K]) lostByPlan(p *cutlog.Plan) {
	for _, l := range p.Lost {
		k.tellLost(Lost{
			Reason: string(l.Reason), Messages: int64(l.Seqs.Count()), From: l.Seqs.First(), To: l.Seqs.Last(),
			Detail: fmt.Sprintf("recorded in plan %d", p.N),
		})
	}
}

// cutEvent is what the hook hears of a finished plan.
func cutEvent(p *cutlog.Plan, d *cutlog.Done) CutDone {
	e := CutDone{
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

// permanent decides whether an error of the store or the log ends Run. Errors of the log itself always do: nobody may write to a log that
// is damaged or another capture's.
func (k *archiveKeeper[P, K]) permanent(err error) bool {
	var corrupt *cutlog.CorruptError
	var mismatch *cutlog.MismatchError
	var version *cutlog.VersionError
	var overwrites *cutlog.NoCreateOnlyError
	if errors.As(err, &corrupt) || errors.As(err, &mismatch) || errors.As(err, &version) || errors.As(err, &overwrites) {
		return true
	}
	return !k.started && bucket.IsPermanent(err)
}
