package jetcapture

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/codec"
	"github.com/jetcapture/jetcapture/internal/engine"
	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/jetcapture/jetcapture/internal/spool"
	"github.com/nats-io/nats.go"
)

// Capture copies one stream. Make it with Options.Build or New; it does nothing until Run.
type Capture[P Payload, K DestKey] struct {
	opts  Options[P, K]
	stats statistics
}

// New returns a capture with the given options. Run validates them.
func New[P Payload, K DestKey](opts Options[P, K]) *Capture[P, K] {
	return &Capture[P, K]{opts: opts}
}

// Build returns a capture with a copy of the options. Run validates them.
func (o *Options[P, K]) Build() *Capture[P, K] { return New(*o) }

// Stats returns the counters of the running, or last, Run. It may be called from any goroutine.
func (c *Capture[P, K]) Stats() Stats { return c.stats.snapshot() }

// Run captures until ctx is cancelled, or with Once until what the stream held at the start is stored, and then returns nil: everything that was read is stored
// then, or an error says what is left in the stream for the next start. It goes on by itself after every fault that time can mend; an
// error means that only an operator can help. Run neither closes nor drains nor re-configures the connection. It must not be called again
// before it has returned.
func (c *Capture[P, K]) Run(ctx context.Context, nc *nats.Conn) (err error) {
	if err := c.opts.Validate(); err != nil {
		return fmt.Errorf("invalid options: %w", err)
	}
	r, err := c.newRun(nc)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.spool.Close()) }()
	k, err := r.keeper()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, k.close()) }()
	return r.lives(ctx, k)
}

// run is one Run of a Capture.
type run[P Payload, K DestKey] struct {
	opts      Options[P, K] // with defaults
	log       *slog.Logger
	stats     *statistics
	nc        *nats.Conn
	src       *reader.Source
	spool     *spool.Spool
	codec     *codec.Codec
	gzip      *codec.Codec
	buffered  bool        // a writer has shown that it buffers
	perWriter int64       // what an eager writer holds, as in table
	patient   bool        // an eager writer has lost its file: all messages are kept until their seal
	user      *sync.Mutex // held while user code runs, unless several goroutines may
	hooks     *sync.Mutex // held while a hook runs that several goroutines call
	target    uint64      // with Once: the last sequence to capture
	targeted  bool
	began     time.Time
	warned    time.Time // last that reading cannot start
	entered   bool      // reading has started once: from now on, only what an operator must mend ends Run
}

// newRun opens what a run needs and the options do not give.
func (c *Capture[P, K]) newRun(nc *nats.Conn) (*run[P, K], error) {
	r := &run[P, K]{opts: c.opts.withDefaults(), stats: &c.stats, nc: nc, began: time.Now(), user: &sync.Mutex{}, hooks: &sync.Mutex{}}
	r.log = r.opts.Logger
	if r.log == nil {
		r.log = defaultLogger()
	}
	r.log = r.log.With("stream", r.opts.NATSStreamName)
	r.stats.update(func(s *Stats) { *s = Stats{Reasons: map[string]int64{}, State: "starting"} })
	r.src = reader.NewSource(nc, r.opts.APIPrefix, r.opts.NATSStreamName)
	var err error
	if r.codec, err = codec.New(string(r.opts.Compression), r.opts.CompressionLevel); err != nil {
		return nil, err
	}
	if r.gzip, err = codec.New(codec.Gzip, 0); err != nil {
		return nil, err
	}
	r.spool, err = spool.New(spool.Config{
		Dir: r.opts.TempDir, Memory: max(r.opts.MemoryLimit-r.inFlight(), r.opts.MemoryLimit/2),
		Limit: r.opts.SpoolLimit, Disk: r.opts.BufferToDisk,
	})
	return r, err
}

// maxPull is the most that one pull may bring, whatever the memory limit. With two of them outstanding, a round trip of 50 ms still allows 160 MB/s;
// pulls of 16 MiB were no faster on one machine.
const maxPull = 4 << 20

// pullBytes is how many bytes one pull asks for; two are outstanding.
func (r *run[P, K]) pullBytes() int64 {
	least := 2 * r.nc.MaxPayload()
	return max(least, min(maxPull, r.opts.MemoryLimit/4))
}

// writerRoom is how much of MemoryLimit the writers may take that are at work at the same time.
func (r *run[P, K]) writerRoom() int64 { return r.opts.MemoryLimit / 2 }

// inFlight is how much of MemoryLimit the messages in flight may take.
func (r *run[P, K]) inFlight() int64 { return 2 * r.pullBytes() }

// A keeper keeps one of the two promises: exactly once in an archive, or at least once in a Store.
type keeper[P Payload, K DestKey] interface {
	// open finds out where the capture stands, finishes what an earlier or another writer left, and starts reading from there.
	open(ctx context.Context) (opened, error)
	// check proves, before a cut, that what was read is complete and of the stream it seems to be of.
	check(ctx context.Context, rd reader.Reader) error
	// commit stores a sealed cut and acknowledges it. It returns errBehind when another writer was first.
	commit(ctx context.Context, rd reader.Reader, s *sealedCut[P, K]) error
	// settle waits, at the end of a Run with Once, until what is stored is acknowledged. The reader is at work meanwhile.
	settle(ctx context.Context) error
	// diverged hears what a reader has found out, before the next open.
	diverged(d *reader.DivergedError)
	close() error
}

// opened is where reading starts.
type opened struct {
	rd     reader.Reader
	from   uint64
	anchor cutlog.Anchor
	last   uint64 // of the stream, when it was asked
}

// errBehind says that another writer has made the cut: everything open is dropped, and reading starts behind it.
var errBehind = errors.New("another writer was first")

// lives reads and cuts until the end, starting again at the archive's position whenever what was read since cannot be trusted.
func (r *run[P, K]) lives(ctx context.Context, k keeper[P, K]) error {
	for {
		again, err := r.life(ctx, k)
		if !again || ctx.Err() != nil {
			return err
		}
		r.stats.update(func(s *Stats) { s.Repositions++ })
	}
}

// life is one life of a reader, from opening to the end or to an anomaly after which reading starts again.
func (r *run[P, K]) life(ctx context.Context, k keeper[P, K]) (again bool, err error) {
	o, err := k.open(ctx)
	var diverged *reader.DivergedError
	var eager *eagerError
	switch {
	case errors.Is(err, engine.ErrInterrupted):
		return false, err
	case ctx.Err() != nil && err != nil:
		return false, nil // stopped before anything was read
	case errors.As(err, &diverged):
		r.diverged(k, diverged)
		return pause(ctx, tickEvery) == nil, nil
	case errors.As(err, &eager):
		return r.lostEarly(eager), nil
	case errors.Is(err, reader.ErrDisturbed), r.mayMend(err):
		if time.Since(r.warned) >= warnEvery {
			r.warned = time.Now()
			r.log.Warn("reading cannot start yet, trying again", "error", err)
		}
		return pause(ctx, time.Second) == nil, nil
	case err != nil:
		return false, err
	}
	r.entered = true
	r.aim(o.last)
	l := r.newLoop(ctx, k, o)
	err = l.capture(ctx)
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	l.feed.stop()
	closeErr := o.rd.Close(closing)
	switch {
	case errors.Is(err, reader.ErrDisturbed) && ctx.Err() != nil:
		return false, fmt.Errorf("stopped before what was read since the last cut could be stored, it is left to the next start: %w", err)
	case errors.Is(err, errBehind), errors.Is(err, reader.ErrDisturbed):
		r.log.Warn("reading starts again at the archive's position", "reason", err)
		return true, nil
	case errors.As(err, &diverged):
		r.log.Warn("the stream is another one now", "reason", err)
		r.diverged(k, diverged)
		return true, nil
	case errors.As(err, &eager) && ctx.Err() == nil:
		return r.lostEarly(eager), nil
	case err != nil:
		return false, err
	}
	return false, closeErr
}

// lostEarly makes the run keep all messages until their seal: there, a message that breaks a writer is found and left out.
func (r *run[P, K]) lostEarly(cause error) (again bool) {
	r.log.Warn("a writer has lost the file of an open block, its messages are read again", "error", cause)
	r.patient = true
	return true
}

// startPatience is how long a server that gives no answer is asked at the start, where it may be on its way, or never answer.
const startPatience = 30 * time.Second

// mayMend decides whether an error of opening may go away by itself. Once reading has started, names and permissions were right.
func (r *run[P, K]) mayMend(err error) bool {
	if r.entered {
		return reader.IsTemporary(err)
	}
	return reader.IsUnanswered(err) && time.Since(r.began) < startPatience
}

// diverged tells the keeper. What Once has to reach is a sequence of the other stream from now on.
func (r *run[P, K]) diverged(k keeper[P, K], d *reader.DivergedError) {
	k.diverged(d)
	r.targeted = false
}

// aim fixes, once, what Once has to reach.
func (r *run[P, K]) aim(last uint64) {
	if !r.opts.Once || r.targeted {
		return
	}
	r.target, r.targeted = last, true
	r.stats.update(func(s *Stats) { s.Target = r.target })
}

// decode calls the user's decoder, one call at a time unless DecodeWorkers allows more.
func (r *run[P, K]) decode(m *reader.Message) decoded[P, K] {
	if r.opts.DecodeWorkers <= 1 {
		r.user.Lock()
		defer r.user.Unlock()
	}
	return r.opts.decode(m)
}

// exclusive runs f, which calls the user's writer beside the loop: not while the loop calls the decoder, unless DecodeWorkers allows that.
func (r *run[P, K]) exclusive(f func() error) error {
	if r.opts.DecodeWorkers <= 1 {
		r.user.Lock()
		defer r.user.Unlock()
	}
	return f()
}

// keeper chooses the promise.
func (r *run[P, K]) keeper() (keeper[P, K], error) {
	if r.opts.Store != nil {
		return newStoreKeeper(r), nil
	}
	return newArchiveKeeper(r)
}
