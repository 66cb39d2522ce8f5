// Package exactlyonce keeps the promise of an archive: each stored message is in exactly one file. The protocol and the
// order of its steps are in internal/engine. This package gives the engine a stream (source.go), a store (put.go),
// readers (reading.go) and a way to make planned files again (redo.go).
package exactlyonce

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/capture"
	"github.com/jetcapture/jetcapture/internal/engine"
	"github.com/jetcapture/jetcapture/internal/logstore"
	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/jetcapture/jetcapture/internal/retry"
)

// Config says what is captured and where it is kept. The root package fills it in from its Options, which it has
// checked.
type Config struct {
	Bucket   bucket.Bucket
	Folder   bool          // its lists read whole directories
	Capture  string        // name of the cut log, escaped
	Instance string        // name of this process; empty means that one is generated
	Takeover time.Duration // how long the cut of another process is left to it; not used with Once
	Filter   []string      // subjects, sorted; empty means the whole stream
	Domain   string        // JetStream domain; empty means none
	Start    Start
	From     *archive.Capture // where the messages come from, if this is a copy; nil: from the stream
	Poll     time.Duration    // of a copy: between two looks for new cuts; 0 means 2 s
	Sample   int              // if above 0, only so many messages are read, and without a consumer
	Consumer string           // name of the durable consumer; empty means that an ephemeral one is used
	CreateIt bool             // create the durable consumer if it is missing
	Settings cutlog.Settings
	// FormOf returns the form under which a plan with other settings was made. Open calls it before a redo.
	FormOf func(planned cutlog.Settings) (capture.Form, error)
	// SecondLook is the time until a stream that seems to be rolled back is looked at again; 0 means 30 s. Only tests set
	// it.
	SecondLook time.Duration
	// FailAtStep is called at each step of the protocol, for tests that die there. It may be nil.
	FailAtStep func(point string)
}

// Start is where a new capture begins. The zero value means all that the stream holds. The root package's Start has the
// same fields.
type Start struct {
	New  bool
	Seq  uint64
	Time time.Time
}

// Keeper is the capture.Promise of an archive. Its state belongs to the goroutine of Run.Live during Open, and to the
// goroutine of a cut during Commit. A life opens before its first cut and ends after its last one, so the two never
// overlap.
type Keeper struct {
	cfg       Config         // does not change
	run       *capture.Run   // does not change
	stream    stream         // run.Source, unless a test has put another one in its place
	writer    *engine.Writer // the log and what is at its head
	entry     *engine.Entry  // the protocol
	instance  *instance
	started   bool      // Open has succeeded once; before, a permanent error of the store ends the run; set by Open only
	notes     []string  // facts for the next plan
	again     uint64    // a durable consumer must deliver from this sequence on; 0: from its ack floor on
	redoing   time.Time // when the redo that is under way began
	described described // set before plans are put
	doubt     doubt     // set by Check in the goroutine of the feed, which has ended when Open reads it
}

// New returns a Keeper and claims the name of this instance, which Close gives back. It asks neither the store nor the
// server.
func New(run *capture.Run, cfg Config) (*Keeper, error) {
	if err := cutlog.CheckCapture(cfg.Capture); err != nil {
		return nil, fmt.Errorf("capture name %q: %w", cfg.Capture, err)
	}
	if cfg.SecondLook == 0 {
		cfg.SecondLook = reader.SecondLook
	}
	inst, err := claimInstance(cfg.Instance)
	if err != nil {
		return nil, err
	}
	k := &Keeper{cfg: cfg, run: run, stream: natsStream{run.Source}, instance: inst}
	k.writer = &engine.Writer{
		Capture: cfg.Capture,
		Log:     cutlog.New(logstore.Store{Bucket: cfg.Bucket, Folder: cfg.Folder}, cfg.Capture),
		Me:      cutlog.Writer{Instance: inst.name, Boot: newBoot()},
		Retry:   k.retry,
		Crash:   cfg.FailAtStep,
	}
	k.entry = &engine.Entry{
		Writer: k.writer, Source: k, Redoer: &redoer{Keeper: k}, Observer: observer{k},
		Format: cutlog.Format{
			Version: cutlog.Version, Capture: cfg.Capture, Stream: run.Source.Stream(), Domain: cfg.Domain, Filter: cfg.Filter,
		},
		Facts: k.facts, Describe: k.describe, Wait: retry.Pause, Takeover: cfg.Takeover, SecondLook: cfg.SecondLook,
	}
	if run.Config.Once {
		k.entry.Takeover = 0
	}
	if cfg.From != nil {
		src := &copySource{from: cfg.From, keeper: k, poll: cmp.Or(cfg.Poll, followEvery)}
		k.stream, k.entry.Copied = src, src
	}
	return k, nil
}

// newBoot returns a random name for one start of a process.
func newBoot() string {
	b := make([]byte, 8)
	_, _ = rand.Read(b) // never fails, see crypto/rand
	return hex.EncodeToString(b)
}

// Open implements capture.Promise. It creates the log if there is none, finishes the cut that is under way, and starts
// to read after the last cut.
func (k *Keeper) Open(ctx context.Context) (capture.Opened, error) {
	if !k.started {
		k.reportForeign(ctx)
		if err := k.entry.Birth(ctx); err != nil {
			return capture.Opened{}, err
		}
		k.run.Observer.Observe(capture.Entered{Archive: k.cfg.Bucket.String(), Instance: k.writer.Me.Instance})
	}
	in, err := k.entry.Enter(ctx)
	if err != nil {
		return capture.Opened{}, err
	}
	again := k.started
	if !again {
		k.checkFilter(ctx)
	}
	k.started = true
	p := k.writer.Head.Plan
	if k.run.Config.Until > 0 && p.Opened > 1 {
		return capture.Opened{}, fmt.Errorf("stream %s was made again, restored or rolled back: its sequences are not those "+
			"of the range that this capture is of; give a capture of what it has now another name", k.stream.Stream())
	}
	if in.Look == engine.AnchorMissing {
		k.notes = append(k.notes, fmt.Sprintf("anchor %d was not in the stream any more when reading started", p.Anchor.Seq))
	}
	k.run.Observer.Observe(capture.Positioned{
		Stored: p.To, Start: in.Start, Cut: p.N, Last: in.Stream.LastSeq, Changes: k.cfg.Settings.Changes(p.Settings),
		Again: again, Time: p.Anchor.Time, Made: p.Time,
	})
	o := capture.Opened{From: p.To, Anchor: p.Anchor, Last: in.Stream.LastSeq}
	if k.cfg.Sample > 0 {
		s, err := k.takeSample(ctx, o.From, o.Last, k.cfg.Sample)
		if err != nil {
			return capture.Opened{}, err
		}
		o.Last = s.batch.Through
		rd := newReading(k)
		rd.streamReader, o.Reading = s, rd
		return o, nil
	}
	rd, err := k.openReading(ctx, position(p.To, p))
	if err != nil {
		return capture.Opened{}, err
	}
	rd.passed = newPassed(p.Anchor, in.Stream)
	o.Reading = rd
	return o, nil
}

// checkFilter reports filters that match no subject of the stream. Nothing depends on it, so an error is no trouble.
func (k *Keeper) checkFilter(ctx context.Context) {
	if len(k.cfg.Filter) == 0 {
		return
	}
	info, err := k.stream.Info(ctx)
	if outside := info.Outside(k.cfg.Filter); err == nil && len(outside) > 0 {
		k.run.Observer.Observe(capture.FilterOutside{Filters: outside, Subjects: info.Subjects})
	}
}

// Diverged implements capture.Promise. Enter detects a recreated stream by itself. A rollback may be known to the
// reader only, so it is remembered for the next Enter.
func (k *Keeper) Diverged(d *reader.DivergedError) {
	k.entry.RolledBack = d.RolledBack
	k.doubt, k.again = doubt{}, 0 // they were about the old stream
}

// Close implements capture.Promise.
func (k *Keeper) Close() error { return k.instance.release() }

// facts returns what each plan of this process says beside its cut.
func (k *Keeper) facts(_ engine.StreamFacts, reason cutlog.Reason) engine.Facts {
	return engine.Facts{
		Capture: k.writer.Capture, Writer: k.writer.Me, Reason: reason, Time: time.Now(), Settings: k.cfg.Settings,
	}
}

// retry calls f until it succeeds, its error is permanent, or ctx ends. The goroutines that store files call it, too.
func (k *Keeper) retry(ctx context.Context, what string, f func(ctx context.Context) error) error {
	return k.run.Retry(ctx, what, k.permanent, f)
}

// permanent decides whether an error of the store or the log ends the run. Errors of the log always do, because nobody
// may write to a log that is damaged or belongs to another capture. Before Open has succeeded once, a
// permanent error of the store does so, and any other one when the start has waited long enough. Later, an operator may
// mend it while the run waits.
func (k *Keeper) permanent(err error) bool {
	var corrupt *cutlog.CorruptError
	var mismatch *cutlog.MismatchError
	var version *cutlog.VersionError
	var overwrites *cutlog.NoCreateOnlyError
	if errors.As(err, &corrupt) || errors.As(err, &mismatch) || errors.As(err, &version) || errors.As(err, &overwrites) {
		return true
	}
	return !k.started && (bucket.IsPermanent(err) || k.run.HasWaited())
}
