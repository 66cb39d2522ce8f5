// Package exactlyonce keeps the promise of an archive: each stored message is in exactly one file. The order of its steps
// stands in internal/engine; this package gives that order its stream (source.go), its store (put.go), its readers
// (reading.go) and its way to make planned files again (redo.go).
package exactlyonce

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/capture"
	"github.com/jetcapture/jetcapture/internal/engine"
	"github.com/jetcapture/jetcapture/internal/logstore"
	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/jetcapture/jetcapture/internal/retry"
)

// Config says what is captured and where it is kept. The root package fills it in, with its defaults.
type Config struct {
	Bucket     bucket.Bucket
	Capture    string // name of the cut log, escaped
	Instance   string // of this process; empty: one is made
	Takeover   time.Duration
	Filter     []string // sorted
	Domain     string   // of JetStream; empty: none
	Start      Start
	Consumer   string // durable; empty: an ephemeral one of our own
	CreateIt   bool   // the durable consumer, where it is missing
	Settings   cutlog.Settings
	FormOf     func(planned cutlog.Settings) (capture.Form, error) // the form that made the files of an older plan
	FailAtStep func(point string)                                  // for tests that die at an arrow of the protocol; nil: none
}

// Start is where a new capture begins. The zero value means all that the stream holds.
type Start struct {
	New  bool
	Seq  uint64
	Time time.Time
}

// Keeper is the capture.Promise of an archive. What is not said to be safe for several goroutines belongs to the goroutine
// that calls Open, and to that of a cut while it is stored: the loop never runs both.
type Keeper struct {
	cfg      Config
	run      *capture.Run
	writer   *engine.Writer
	entry    *engine.Entry
	instance *instance
	started  bool     // permanent errors of the store end the run before, and are retried after
	notes    []string // for the next plan
	redoing  time.Time
	doubt    doubt // what a consumer passed over, until it is stored; zero: nothing
}

// secondLook is how long a stream that seems rolled back is left alone before it is judged.
const secondLook = 10 * time.Second

// New claims the name of this instance. Close gives it back.
func New(run *capture.Run, cfg Config) (*Keeper, error) {
	if err := cutlog.CheckCapture(cfg.Capture); err != nil {
		return nil, fmt.Errorf("capture name %q: %w", cfg.Capture, err)
	}
	inst, err := claimInstance(cfg.Instance)
	if err != nil {
		return nil, err
	}
	k := &Keeper{cfg: cfg, run: run, instance: inst}
	k.writer = &engine.Writer{
		Capture: cfg.Capture,
		Log:     cutlog.New(logstore.Store{Bucket: cfg.Bucket}, cfg.Capture),
		Me:      cutlog.Writer{Instance: inst.name, Boot: newBoot()},
		Retry:   k.retry,
		Crash:   cfg.FailAtStep,
	}
	k.entry = &engine.Entry{
		Writer: k.writer, Source: k, Redoer: &redoer{Keeper: k}, Observer: observer{k},
		Format: cutlog.Format{
			Version: cutlog.Version, Capture: cfg.Capture, Stream: run.Source.Stream(), Domain: cfg.Domain, Filter: cfg.Filter,
		},
		Facts: k.facts, Wait: retry.Pause, Takeover: cfg.Takeover, SecondLook: secondLook,
	}
	if run.Config.Once {
		k.entry.Takeover = 0
	}
	return k, nil
}

// newBoot names one start of a process.
func newBoot() string {
	b := make([]byte, 8)
	_, _ = rand.Read(b) // never fails, see crypto/rand
	return hex.EncodeToString(b)
}

// Open implements capture.Promise: it brings the log into a state in which we may plan, and starts to read behind its head.
func (k *Keeper) Open(ctx context.Context) (capture.Opened, error) {
	if !k.started {
		if err := k.entry.Birth(ctx); err != nil {
			return capture.Opened{}, err
		}
		k.run.Observer.Observe(capture.Entered{Archive: k.cfg.Bucket.String(), Instance: k.writer.Me.Instance})
	}
	in, err := k.entry.Enter(ctx)
	if err != nil {
		return capture.Opened{}, err
	}
	k.started = true
	p := k.writer.Head.Plan
	if in.Look == engine.AnchorMissing {
		k.notes = append(k.notes, fmt.Sprintf("anchor %d was not in the stream any more when reading started", p.Anchor.Seq))
	}
	k.run.Observer.Observe(capture.Positioned{Stored: p.To})
	rd, err := k.openReading(ctx, position(p.To, p))
	if err != nil {
		return capture.Opened{}, err
	}
	return capture.Opened{Reading: rd, From: p.To, Anchor: p.Anchor, Last: in.Stream.LastSeq}, nil
}

// Diverged implements capture.Promise. Enter detects a recreated stream by itself; a rollback may be known to the reader
// only, so it is remembered for the next Enter.
func (k *Keeper) Diverged(d *reader.DivergedError) {
	k.entry.RolledBack = d.RolledBack
	k.doubt = doubt{}
}

// Close implements capture.Promise.
func (k *Keeper) Close() error { return k.instance.release() }

// facts is what each plan of ours says beside its cut.
func (k *Keeper) facts(s engine.StreamFacts, reason cutlog.Reason) engine.Facts {
	return engine.Facts{
		Capture: k.writer.Capture, Writer: k.writer.Me, Reason: reason, Time: time.Now(), Settings: k.cfg.Settings,
		FirstSeq: s.FirstSeq, Limits: s.Limits,
	}
}

// retry calls f until it succeeds, its error is permanent, or ctx ends. Any goroutine may call it.
func (k *Keeper) retry(ctx context.Context, what string, f func(ctx context.Context) error) error {
	return k.run.Retry(ctx, what, k.permanent, f)
}

// permanent decides whether an error of the store or the log ends the run. Errors of the log itself always do: nobody may
// write to a log that is damaged or another capture's.
func (k *Keeper) permanent(err error) bool {
	var corrupt *cutlog.CorruptError
	var mismatch *cutlog.MismatchError
	var version *cutlog.VersionError
	var overwrites *cutlog.NoCreateOnlyError
	if errors.As(err, &corrupt) || errors.As(err, &mismatch) || errors.As(err, &version) || errors.As(err, &overwrites) {
		return true
	}
	return !k.started && bucket.IsPermanent(err)
}
