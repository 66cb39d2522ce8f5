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

// process is one run of a capturing program. It is a coroutine: it runs until it touches the store, the stream or the
// clock, and goes on when the world says so.
type process struct {
	w        *World
	name     string // different for each start
	version  int    // of the decoder: it decides the grouping of messages
	next     func() (struct{}, bool)
	kill     func()
	suspend  func(struct{}) bool
	inFlight func() // what dying now may leave behind
	paused   int    // step until which it does not run
	over     bool
	err      error // why it ended by itself
	lives    int   // how often it has entered the log

	files *view
	entry *engine.Entry
	// judged is the branch that the process saw last when it asked which stream is there.
	judged *branch
	pulls  bool // from the durable consumer
	still  bool // nothing else happens meanwhile
}

// start begins a process of an instance.
func (w *World) start(instance, name string, version int) *process {
	p := &process{w: w, name: name, version: version}
	p.files = &view{store: w.store, p: p, claimed: map[string][]byte{}}
	writer := &engine.Writer{
		Capture: capture, Log: cutlog.New(p.files, capture), Me: cutlog.Writer{Instance: instance, Boot: name},
		Retry: p.retry, Crash: p.cross,
	}
	p.entry = &engine.Entry{
		Writer: writer, Source: p, Redoer: p, Observer: p,
		Format: cutlog.Format{Version: cutlog.Version, Capture: capture, Stream: "S"},
		Facts:  p.facts, Wait: p.wait, Takeover: 10 * time.Second, SecondLook: 10 * time.Second,
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

// advance runs p up to its next touch of the world.
func (p *process) advance() {
	if _, ok := p.next(); !ok {
		p.over = true
	}
}

// end kills p where it stands.
func (p *process) end() {
	p.kill()
	p.over = true
}

// yield lets the world go on with somebody else.
func (p *process) yield() {
	if !p.still {
		p.stand()
	}
}

// stand waits until the world lets p go on, or unwinds it if p is killed first.
func (p *process) stand() {
	if p.suspend(struct{}{}) {
		return
	}
	if p.inFlight != nil {
		p.inFlight()
	}
	panic(killed{})
}

// cross is called at each arrow of the protocol.
func (p *process) cross(arrow string) {
	if p.w.luck.crosses(p, arrow) {
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

// facts implements engine.Entry's Facts.
func (p *process) facts(_ engine.StreamFacts, reason cutlog.Reason) engine.Facts {
	return engine.Facts{
		Capture: capture, Writer: p.entry.Me, Reason: reason, Time: epochStart,
		Settings: map[string]string{"version": fmt.Sprint(p.version)},
	}
}

// Facts implements engine.Source.
func (p *process) Facts(context.Context) (engine.StreamFacts, error) {
	p.yield()
	p.judged = p.w.stream.cur
	return p.streamFacts(), nil
}

func (p *process) streamFacts() engine.StreamFacts {
	b := p.w.stream.cur
	return engine.StreamFacts{
		Name: "S", Created: b.created, Configured: 1, FirstSeq: b.first, LastSeq: b.last, Newest: b.newest(),
		Retention: engine.Retention{Acks: p.w.cfg.WorkQueue, Oldest: true},
	}
}

// Look implements engine.Source.
func (p *process) Look(_ context.Context, a cutlog.Anchor) (engine.AnchorLook, error) {
	p.yield()
	if a.Seq == 0 || p.w.cfg.Mutant == NoAnchor {
		return engine.AnchorSame, nil
	}
	m, ok := p.w.stream.cur.alive[a.Seq]
	other := !p.w.stream.cur.created.Equal(p.entry.Head.Plan.Stream.Created)
	switch {
	case other && p.w.cfg.Mutant == AdoptBlindly:
		return engine.AnchorSame, nil
	case !ok, other && p.w.cfg.Mutant == NoAdoption:
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
func (p *process) Awaiting(plan *cutlog.Plan) {
	p.w.Cov.Awaited++
	p.w.trace("%s leaves cut %d to its writer for a while", p.name, plan.N)
	p.w.luck.meets(p, awaiting)
}

// Redoing implements engine.Observer.
func (p *process) Redoing(plan *cutlog.Plan) {
	p.w.trace("%s finishes cut %d, which %s planned", p.name, plan.N, plan.Writer.Boot)
}

// Redone implements engine.Observer.
func (p *process) Redone(h cutlog.Head) {
	p.w.Cov.Redone++
	if h.Lost != nil {
		p.w.Cov.LostAtRedo++
	}
}

// LookingAgain implements engine.Observer.
func (p *process) LookingAgain(s engine.StreamFacts, _ *cutlog.Plan) {
	p.w.trace("%s suspects a rollback, as the stream ends at %d, and looks again later", p.name, s.LastSeq)
	p.w.luck.meets(p, lookingAgain)
}

// Diverged implements engine.Observer.
func (p *process) Diverged(_, opening *cutlog.Plan, _ string) {
	p.w.Cov.Incarnations++
	if opening.Cause == cutlog.CauseRestored {
		p.w.Cov.Adopted++
	}
	if p.judged == p.w.stream.cur {
		p.w.opened(opening)
	}
	p.w.trace("%s opens an incarnation after %d", p.name, opening.From)
}
