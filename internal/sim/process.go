package sim

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/engine"
)

// capture is the name of the one capture of a world.
const capture = "S"

// killed unwinds a process that was killed.
type killed struct{}

// errAgain is what a process returns to find out anew where it stands.
var errAgain = errors.New("the stream changed under the reader")

// process is one run of a capturing program. It is a coroutine: it runs until it touches the store, the stream or the clock, and goes on
// when the world says so.
type process struct {
	w        *World
	instance string
	boot     string
	version  int // of the decoder: it decides the grouping of messages
	next     func() (struct{}, bool)
	kill     func()
	suspend  func(struct{}) bool
	inFlight func() // what dying now may leave behind
	paused   int    // step until which it does not run
	over     bool
	err      error

	files *view
	entry *engine.Entry
	pulls bool // from the durable consumer
	still bool // nothing happens meanwhile
}

// start begins a process with the given name.
func (w *World) start(instance string) *process {
	w.boots++
	p := &process{w: w, instance: instance, boot: fmt.Sprintf("boot-%d", w.boots), version: w.rng.IntN(3)}
	p.files = &view{store: w.store, p: p, claimed: map[string][]byte{}}
	writer := &engine.Writer{
		Capture: capture, Log: cutlog.New(p.files, capture), Me: cutlog.Writer{Instance: instance, Boot: p.boot}, Retry: p.retry, Crash: p.cross,
	}
	p.entry = &engine.Entry{
		Writer: writer, Source: p, Redoer: p, Observer: p, Format: cutlog.Format{Version: cutlog.Version, Capture: capture, Stream: "S"},
		Facts: p.facts, Wait: p.wait, Takeover: 10 * time.Second, SecondLook: 10 * time.Second,
	}
	p.next, p.kill = iter.Pull(func(yield func(struct{}) bool) {
		p.suspend = yield
		defer func() {
			p.over = true
			if r := recover(); r != nil {
				if _, ok := r.(killed); !ok {
					panic(r)
				}
			}
		}()
		p.err = p.main(context.Background())
	})
	w.procs = append(w.procs, p)
	return p
}

// yield lets the world go on with somebody else.
func (p *process) yield() {
	if p.still {
		return
	}
	if !p.suspend(struct{}{}) {
		if p.inFlight != nil {
			p.inFlight()
		}
		panic(killed{})
	}
}

// cross is called at each arrow of the protocol: a good moment to die, above all where few ever come.
func (p *process) cross(point string) {
	p.w.Cov.Crossed[point]++
	oneIn := p.w.cfg.CrashOneIn
	if point == engine.BeforeRedo || point == engine.AfterLost {
		oneIn = 3
	}
	if p.w.faults && p.w.rng.IntN(oneIn) == 0 {
		p.w.Cov.Crashed[point]++
		panic(killed{})
	}
}

// retry implements engine.Writer's Retry: for ever, unless the log is damaged.
func (p *process) retry(ctx context.Context, _ string, f func(context.Context) error) error {
	for {
		err := f(ctx)
		if err == nil || !errors.Is(err, errFault) {
			return err
		}
		p.yield()
	}
}

// wait implements engine.Entry's Wait.
func (p *process) wait(_ context.Context, d time.Duration) error {
	for range int(d/time.Second) + 1 {
		p.yield()
	}
	return nil
}

func (p *process) facts(_ engine.StreamFacts, reason cutlog.Reason) engine.Facts {
	return engine.Facts{
		Capture: capture, Writer: p.entry.Me, Reason: reason, Time: epochStart,
		Settings: map[string]string{"version": fmt.Sprint(p.version)},
	}
}

// main is the program: be born, then capture until the end of the world.
func (p *process) main(ctx context.Context) error {
	if err := p.entry.Birth(ctx); err != nil {
		return err
	}
	for {
		err := p.life(ctx)
		if err != nil && !errors.Is(err, errAgain) {
			return err
		}
	}
}

// life is one life of a reader.
func (p *process) life(ctx context.Context) error {
	if _, err := p.entry.Enter(ctx); err != nil {
		return err
	}
	head := p.entry.Head.Plan
	p.w.trace("%s reads after %d, cut %d, anchor %d", p.boot, head.To, head.N, head.Anchor.Seq)
	r := p.openReader(head.Stream.Created, head.To, head.Anchor)
	defer func() { p.pulls = false }()
	cut := engine.NewCut(head.To, head.Anchor)
	blocks := map[int]*open{}
	for {
		out := r.read(cut, func(seq uint64, m message) { p.take(cut, blocks, seq, m) })
		p.entry.RolledBack = out == behind
		ended := out == diverged || out == behind
		if out == disturbed {
			return errAgain
		}
		if !cut.Moved() || (!ended && p.w.rng.IntN(3) > 0) {
			if ended {
				return errAgain
			}
			continue
		}
		facts, other, ok := p.check(r, ended)
		ended = ended || other
		if !ok {
			p.w.Cov.Disturbed++
			return errAgain
		}
		outcome, err := p.commit(ctx, cut, facts, r, ended)
		if err != nil {
			return err
		}
		if ended || outcome != engine.Won {
			return errAgain
		}
		r.from = cut.Through
		cut, blocks = engine.NewCut(cut.Through, cut.Last), map[int]*open{}
	}
}

// open is an open block and its rows.
type open struct {
	*engine.Block
	rows []row
}

// row is a line of a data file.
type row struct {
	Seq uint64
	Val int
}

// group is today's grouping of a message: it changes between versions of the decoder.
func group(version int, m message) int { return (m.key + version*m.val) % 3 }

// take puts a message into its block.
func (p *process) take(cut *engine.Cut, blocks map[int]*open, seq uint64, m message) {
	if m.val%17 == 0 { // the decoder skips it
		cut.Skip(seq)
		return
	}
	g := group(p.version, m)
	b := blocks[g]
	if b == nil || b.Closed {
		b = &open{Block: &engine.Block{Kind: cutlog.KindData, Key: []cutlog.Text{cutlog.Text(fmt.Sprint(g))}, Dir: fmt.Sprintf("g%d", g), Suffix: "rows"}}
		blocks[g] = b
		cut.Open(b.Block)
		p.w.contents[b.Block] = b
	}
	b.rows = append(b.rows, row{seq, m.val})
	cut.Add(b.Block, seq, 1)
	if b.Messages >= 4 {
		cut.Close(b.Block)
	}
}

// check is what a cut asks the server. A stream that is another one now needs none: what was read of the old one is good.
func (p *process) check(r *reading, ended bool) (facts engine.StreamFacts, other, ok bool) {
	if ended {
		return r.facts, true, true
	}
	p.yield()
	if r.epoch != p.w.stream.epoch && !r.same() {
		return r.facts, true, true
	}
	if !r.counted() && p.w.cfg.Mutant != NoConsumerCheck {
		return engine.StreamFacts{}, false, false
	}
	return p.streamFacts(), false, true
}

// commit carries out a cut, and acknowledges it.
func (p *process) commit(ctx context.Context, cut *engine.Cut, s engine.StreamFacts, r *reading, ended bool) (engine.Outcome, error) {
	if p.w.cfg.Mutant == AckBeforeDone {
		r.ack(cut.Through)
	}
	p.w.trace("%s commits cut %d (%d, %d]", p.boot, p.entry.Head.N+1, cut.From, cut.Through)
	checked := engine.Checked{Reason: cutlog.ReasonPressure, Stream: s, Floor: r.floor, Unproved: ended}
	done, err := p.entry.Commit(ctx, cut, checked, &delivery{p, r})
	p.still = false
	switch {
	case err != nil:
		return 0, err
	case done.Outcome == engine.Beaten:
		p.w.Cov.CutsLost++
	case done.Outcome == engine.Overtaken:
		p.w.Cov.Overtaken++
	}
	return done.Outcome, done.Unacked
}

// delivery is the commit of one cut.
type delivery struct {
	p *process
	r *reading
}

// Content implements engine.Delivery.
func (d *delivery) Content(b *engine.Block) engine.Content { return d.p.w.contents[b].rows }

// OwesAcks implements engine.Delivery. From here to the ack nothing else happens in the world. The stream may change between
// the question whether it is the same and the ack, and its new message be delivered to somebody meanwhile: no protocol without
// conditional acks can exclude that.
func (d *delivery) OwesAcks(context.Context) bool {
	d.p.still = d.p.w.cfg.Durable
	return d.p.w.cfg.Durable
}

// Ack implements engine.Delivery.
func (d *delivery) Ack(_ context.Context, to uint64) error {
	d.r.ack(to)
	return nil
}

// Facts implements engine.Source.
func (p *process) Facts(context.Context) (engine.StreamFacts, error) {
	p.yield()
	return p.streamFacts(), nil
}

func (p *process) streamFacts() engine.StreamFacts {
	b := p.w.stream.cur
	return engine.StreamFacts{Name: "S", Created: b.created, Configured: 1, FirstSeq: b.first, LastSeq: b.last, Limits: !p.w.cfg.WorkQueue}
}

// Look implements engine.Source.
func (p *process) Look(_ context.Context, a cutlog.Anchor) (engine.AnchorLook, error) {
	p.yield()
	if a.Seq == 0 || p.w.cfg.Mutant == NoAnchor {
		return engine.AnchorSame, nil
	}
	m, ok := p.w.stream.cur.alive[a.Seq]
	switch {
	case !ok:
		return engine.AnchorMissing, nil
	case m.anchor(a.Seq) == a:
		return engine.AnchorSame, nil
	}
	return engine.AnchorOther, nil
}

// Prepare implements engine.Source: a consumer is always there.
func (p *process) Prepare(context.Context) error { return nil }

// First implements engine.Source.
func (p *process) First(_ context.Context, s engine.StreamFacts) (uint64, error) {
	return max(s.FirstSeq, 1) - 1, nil
}

// Awaiting implements engine.Observer.
func (p *process) Awaiting(*cutlog.Plan) { p.w.Cov.Awaited++ }

// Redoing implements engine.Observer.
func (p *process) Redoing(*cutlog.Plan) {}

// Redone implements engine.Observer.
func (p *process) Redone(h cutlog.Head) {
	p.w.Cov.Redone++
	if h.Lost != nil {
		p.w.Cov.LostAtRedo++
	}
}

// LookingAgain implements engine.Observer.
func (p *process) LookingAgain(engine.StreamFacts, *cutlog.Plan) {}

// Diverged implements engine.Observer.
func (p *process) Diverged(_, opening *cutlog.Plan, what string) {
	p.w.Cov.Incarnations++
	p.w.trace("%s opens incarnation with plan %d at %d: %s", p.boot, opening.N, opening.From, what)
}
