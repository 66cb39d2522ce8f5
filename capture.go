package jetcapture

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/atleastonce"
	"github.com/jetcapture/jetcapture/internal/capture"
	"github.com/jetcapture/jetcapture/internal/exactlyonce"
	"github.com/jetcapture/jetcapture/internal/logsum"
	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/nats-io/nats.go"
)

// Capture copies one stream. Make it with Options.Build or New. It does nothing until Run.
type Capture[P Payload, K DestKey] struct {
	opts     Options[P, K] // not changed after New
	counters counters
	nc       atomic.Pointer[nats.Conn]   // of the current or last Run; nil before the first one
	running  atomic.Pointer[capture.Run] // the current Run, or the last one; nil before the first
}

// New returns a capture with a copy of opts. Run validates them.
func New[P Payload, K DestKey](opts Options[P, K]) *Capture[P, K] {
	return &Capture[P, K]{opts: opts}
}

// Build returns a capture with a copy of the options. Run validates them.
func (o *Options[P, K]) Build() *Capture[P, K] { return New(*o) }

// Stats returns the counters of the current Run, or of the last one. Any goroutine may call it.
func (c *Capture[P, K]) Stats() Stats {
	s := c.counters.snapshot()
	if nc := c.nc.Load(); nc != nil && nc.IsConnected() {
		s.Connected, s.Server = true, nc.ConnectedServerName()+" "+nc.ConnectedServerVersion()
	}
	if run := c.running.Load(); run != nil {
		s.Unanswered = run.Source.Unanswered()
	}
	return s
}

// Run captures until ctx is cancelled, or with Options.Once until everything is stored that the stream held at the
// start. It then returns nil if everything that was read is stored; otherwise the error says what is left in the stream
// for the next start.
//
// Run goes on by itself after every fault that time can mend, so any other error means that only an operator can help.
// It neither closes nor drains nor reconfigures the connection. It may be called again after it has returned.
func (c *Capture[P, K]) Run(ctx context.Context, nc *nats.Conn) error {
	return c.run(ctx, nc, c.opts, nil)
}

// run runs a capture of a stream, or of the archive from if that is not nil.
func (c *Capture[P, K]) run(ctx context.Context, nc *nats.Conn, opts Options[P, K], from *copied) (err error) {
	run, o, end, err := c.prepare(nc, opts)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end()) }()
	p, err := o.promise(run, from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	c.running.Store(run)
	if from == nil {
		defer watch(context.WithoutCancel(ctx), run.Source, run.Observer, c.looks(run))()
	}
	return run.Live(ctx, p)
}

// looks returns what looks at the counters of a run from time to time: see watch.
func (c *Capture[P, K]) looks(run *capture.Run) func(now time.Time) (again time.Duration, race bool) {
	log := run.Config.Logger
	silence, race := silenceWarner{log: log}, raceGuard{log: log, run: run}
	return func(now time.Time) (time.Duration, bool) {
		s := c.Stats()
		silence.look(&s, now)
		return race.look(&s, now)
	}
}

// prepare validates the options. It returns a run of them, the options with their defaults, and what the caller calls
// in the end.
func (c *Capture[P, K]) prepare(
	nc *nats.Conn, opts Options[P, K],
) (*capture.Run, *Options[P, K], func() error, error) {
	if err := opts.Validate(); err != nil {
		return nil, nil, nil, fmt.Errorf("invalid options: %w", err)
	}
	o := opts.withDefaults()
	if o.Logger == nil {
		o.Logger = defaultLogger()
	}
	sums := logsum.New(o.Logger.Handler())
	o.Logger = slog.New(sums)
	o.Archive.Capture = cutlog.EscapeSegment(o.Archive.Capture)
	src := reader.NewSource(nc, o.APIPrefix, o.NATSStreamName)
	report := o.report(&c.counters)
	if nc != nil {
		report.server = []any{"server", nc.ConnectedServerName(), "server_version", nc.ConnectedServerVersion()}
		c.nc.Store(nc)
	}
	c.counters.limits(o.MaxAge, o.MemoryLimit, o.SpoolLimit)
	leave, err := o.share(nc, src)
	if err != nil {
		return nil, nil, nil, err
	}
	run, err := capture.New(nc, src, o.config(), report)
	if err != nil {
		return nil, nil, nil, errors.Join(err, leave())
	}
	return run, &o, func() error {
		defer sums.Flush()
		return errors.Join(run.Close(), leave())
	}, nil
}

// ErrNotRunning is the error of Flush if nothing is captured.
var ErrNotRunning = errors.New("the capture is not running")

// Flush makes a cut now, with the reason "flush", and returns nil when everything is stored that was read when it was
// called. If all of it is stored already, no cut is made. What the stream holds beyond that is not waited for. While
// server or store are away, Flush waits until ctx ends. Any goroutine may call it while Run runs.
func (c *Capture[P, K]) Flush(ctx context.Context) error {
	run := c.running.Load()
	if run == nil {
		return ErrNotRunning
	}
	return notRunning(run.Flush(ctx))
}

// notRunning makes ErrNotRunning of the error of a run that has ended.
func notRunning(err error) error {
	if errors.Is(err, capture.ErrEnded) {
		return fmt.Errorf("%w: %w", ErrNotRunning, err)
	}
	return err
}

// OpenBlock is a block that is open now: a file of the next cut.
type OpenBlock struct {
	Dead     bool     // it takes dead letters
	Key      []string // as the decoder made it; of dead letters nil
	Window   time.Time
	Messages int64
	Bytes    int64 // of its content before compression, or of the messages that are kept for it
}

// LargestBlocks returns the largest of the open blocks, at most n, the largest first. It looks at all of them, between
// two batches of messages. While reading is held up, it waits until ctx ends. Any goroutine may call it while Run runs.
func (c *Capture[P, K]) LargestBlocks(ctx context.Context, n int) ([]OpenBlock, error) {
	run := c.running.Load()
	if run == nil {
		return nil, ErrNotRunning
	}
	found, err := run.Largest(ctx, max(n, 0))
	if err != nil {
		return nil, notRunning(err)
	}
	blocks := make([]OpenBlock, len(found))
	for i, b := range found {
		blocks[i] = OpenBlock(b)
	}
	return blocks, nil
}

// promise chooses what is promised for each message: exactly once with an archive, at least once with a Store.
func (o *Options[P, K]) promise(run *capture.Run, from *copied) (capture.Promise, error) {
	if o.Store == nil {
		cfg := o.exactlyOnce(run.Observer)
		if from != nil {
			cfg.From, cfg.Domain = from.capture, from.format.Domain
		}
		return exactlyonce.New(run, cfg)
	}
	return atleastonce.New(run, atleastonce.Config{
		Consumer: o.NATSConsumerName, CreateIt: o.CreateConsumer, Filter: o.FilterSubjects,
		DeadLetters: func(ctx context.Context, d capture.DeadLetter) error {
			return o.DeadLetters(ctx, DeadLetter(d))
		},
	}), nil
}

// report returns the observer of a run, which counts into c.
func (o *Options[P, K]) report(c *counters) *report {
	log := o.Logger.With("stream", o.NATSStreamName)
	if o.Store == nil {
		log = log.With("capture", o.Archive.Capture)
	}
	return &report{counters: c, log: log, hooks: o.Hooks}
}

// config returns what a Run needs to know of the options under either promise.
func (o *Options[P, K]) config() capture.Config {
	return capture.Config{
		Form: o.form(), Once: o.Once, Until: o.Until,
		MaxAge: o.MaxAge, MaxIdle: o.MaxIdle, Grace: o.Grace, DrainTimeout: o.DrainTimeout, Wait: o.Wait,
		MaxMessages: int64(o.MaxMessages), MaxBytes: o.MaxBytes, MemoryLimit: o.MemoryLimit, SpoolLimit: o.SpoolLimit,
		BufferToDisk: o.BufferToDisk, TempDir: o.TempDir, DecodeWorkers: o.DecodeWorkers, StoreWorkers: o.StoreWorkers,
		Pool:   o.Budget.spools(),
		Poison: capture.Policy(o.Poison), PoisonError: o.poisonError, DeadDir: cutlog.DeadPrefix(o.Archive.Capture),
		Logger: o.report(nil).log,
	}
}

// poisonError returns the error of a poison message that users of the library see.
func (o *Options[P, K]) poisonError(m *reader.Message, cause error) error {
	return &PoisonError{Stream: o.NATSStreamName, Seq: m.Seq, Subject: m.Msg.Subject, Err: cause}
}
