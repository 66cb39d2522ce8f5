package exactlyonce

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/capture"
	"github.com/jetcapture/jetcapture/internal/engine"
	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/nats-io/nats.go"
)

// captureName is the name of the one capture of a world.
const captureName = "C"

// errDead is what the operations of a dead process return. None of them reaches the world, so that what its goroutines
// still do until they end is seen by nobody.
var errDead = errors.New("this process is dead")

// process is one run of a capturing program.
type process struct {
	dice
	w       *world
	run     *capture.Run
	name    string // different for each start
	once    bool
	stopped bool // it was asked to end; owned by the goroutine that plays the schedule
	cancel  context.CancelFunc
	kill    func()        // may be called again
	dead    chan struct{} // closed by kill
	over    chan struct{} // closed when it has ended
	err     error         // its end; read after over
	reads   atomic.Bool   // it has begun to read

	gateMu sync.Mutex    // guards the fields below
	gate   chan struct{} // closed while it runs
	doom   string        // the arrow at which it dies for sure
}

// launch starts a process of an instance.
func (w *world) launch(instance string) {
	p := &process{
		w: w, name: fmt.Sprint(instance, len(w.procs)+1), once: !w.calm.Load() && w.rng.IntN(10) == 0,
		dead: make(chan struct{}), over: make(chan struct{}), gate: make(chan struct{}),
	}
	p.dice = dice{seed: w.seed, owner: p.name, thrown: map[string]int{}}
	close(p.gate)
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	p.kill = sync.OnceFunc(func() {
		close(p.dead)
		cancel()
	})
	nc := &nats.Conn{}
	run, err := capture.New(nc, reader.NewSource(nc, "", "S"), p.config(w.rng.IntN(3)), eyes{p})
	if err != nil {
		w.t.Fatal(err)
	}
	k, err := New(run, Config{
		Bucket: memBucket{w.objects, p}, Capture: captureName, Instance: instance, Takeover: 10 * time.Second,
		Filter: w.filter, Settings: settingsOf(run.Config.Form), FormOf: formOf, FailAtStep: p.cross,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	k.stream, k.writer.Me.Boot, p.run = memStream{p}, p.name, run
	w.procs = append(w.procs, p)
	w.trace("%s starts: once %v, %v", p.name, p.once, k.cfg.Settings)
	go func() {
		defer close(p.over)
		p.err = run.Live(ctx, planted{k, w})
		_ = k.Close()
		_ = run.Close()
		w.trace("%s ends: %v", p.name, p.err)
	}()
}

// config draws the options of a process. Those of one version group alike.
func (p *process) config(version int) capture.Config {
	rng := p.w.rng
	form := capture.Form{User: user{version}, Compression: []string{"none", "gzip"}[rng.IntN(2)], Suffix: "ndjson"}
	cfg := capture.Config{
		Form: form, Once: p.once, MaxAge: time.Minute, MaxIdle: 20 * time.Second, Grace: time.Second,
		DrainTimeout: 10 * time.Second, MaxMessages: 5,
		MemoryLimit:   []int64{2_000, 64 << 20}[min(rng.IntN(3), 1)], // with little, blocks press for a cut
		SpoolLimit:    1 << 30,
		DecodeWorkers: 1 + rng.IntN(2), StoreWorkers: 2,
		Poison: capture.PoisonDeadLetter, PoisonError: func(_ *reader.Message, err error) error { return err },
		DeadDir: cutlog.DeadPrefix(captureName), Logger: slog.New(slog.DiscardHandler), Jitter: p.jitter,
	}
	if p.w.fair {
		cfg.MaxMessages, cfg.MaxIdle, cfg.MemoryLimit = 0, 0, 64<<20
	}
	return cfg
}

// touch is the way of each operation to the world. It takes a drawn time, waits while the process is frozen, and fails
// when the process is dead.
func (p *process) touch(ctx context.Context, what string) error {
	t := time.NewTimer(1 + p.jitter(what, 300*time.Millisecond))
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	case <-p.dead:
	}
	p.gateMu.Lock()
	gate := p.gate
	p.gateMu.Unlock()
	select {
	case <-gate:
	case <-p.dead:
	}
	if p.isDead() {
		return errDead
	}
	return ctx.Err()
}

// unlucky reports whether an operation meets a fault, which one in so many does.
func (p *process) unlucky(what string, oneIn int) bool {
	return !p.w.calm.Load() && p.draw("fault of "+what, oneIn) == 0
}

// cross is called at each arrow of the protocol. Processes die more often where few ever come.
func (p *process) cross(arrow string) {
	oneIn := 40
	if arrow == engine.BeforeRedo || arrow == engine.AfterLost {
		oneIn = 4
	}
	p.gateMu.Lock()
	doomed := p.doom == arrow
	p.gateMu.Unlock()
	if (doomed || p.unlucky(arrow, oneIn)) && !p.isDead() {
		p.w.trace("%s dies %s", p.name, arrow)
		p.w.meet("death " + arrow)
		p.kill()
	}
}

// race tells the process now and then that the stream will soon drop messages.
func (p *process) race() {
	switch p.draw("race", 20) {
	case 0:
		p.run.CutForRetention()
	case 1:
		p.run.Race(true)
	case 2:
		p.run.Race(false)
	}
}

// dieAt lets the process die when it comes to an arrow.
func (p *process) dieAt(arrow string) {
	p.gateMu.Lock()
	defer p.gateMu.Unlock()
	p.doom = arrow
}

func (p *process) isDead() bool {
	select {
	case <-p.dead:
		return true
	default:
		return false
	}
}

// hasEnded reports whether all goroutines of the process have ended.
func (p *process) hasEnded() bool {
	select {
	case <-p.over:
		return true
	default:
		return false
	}
}

// freeze stops a process for a while. When it goes on, it may be a zombie.
func (p *process) freeze(d time.Duration) {
	p.gateMu.Lock()
	defer p.gateMu.Unlock()
	select {
	case <-p.gate:
	default:
		return // it is frozen
	}
	p.w.trace("%s freezes for %v", p.name, d)
	gate := make(chan struct{})
	p.gate = gate
	p.w.later(d, func() { close(gate) })
}

// stop asks a process to end.
func (p *process) stop() {
	p.w.trace("%s is to stop", p.name)
	p.stopped = true
	p.cancel()
}

// wrong returns what is wrong with the end of a process. One that nobody has ended has met something that it cannot
// mend. Only a start gives up by itself, when the stream does not answer for long.
func (p *process) wrong() error {
	if !p.hasEnded() || p.isDead() || p.stopped || p.once && p.err == nil {
		return nil
	}
	if !p.reads.Load() && errors.Is(p.err, reader.ErrNoAnswer) {
		return nil
	}
	return fmt.Errorf("process %s gave up: %w", p.name, p.err)
}
