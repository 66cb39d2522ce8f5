package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/jetcapture/jetcapture/internal/monitor"
	"github.com/jetcapture/jetcapture/internal/retry"
	"github.com/jetcapture/jetcapture/internal/status"
	"github.com/jetcapture/jetcapture/internal/urls"
)

// captureGroup is the captures of a process. They come and go while it runs, and share connections, memory and disk
// (connections.go, budget.go). One that fails is tried again, ends all, or is left, as --on-failure says. What
// operators see of the process follows. Its methods may be called from any goroutine.
type captureGroup struct {
	r      *runner
	board  monitor.Board
	ctx    context.Context //nolint:containedctx // captures are started long after newGroup, and live as long as it
	cancel func()          // ends all captures
	// resident: the process lives on without captures. One that is alone is then kept like one of several; else its
	// failure is that of the process. It is set by the owner before start, or by stay.
	resident bool

	mu      sync.Mutex // guards what follows
	members []*member  // in the order in which they were started
	holds   int        // one for each capture that runs, and for each caller that may start more
	idle    chan struct{}
}

// member is a capture of a group, also when it has ended by itself. Its owner is the caller of start, which returns it
// to nobody else. Besides the owner, only the start of a capture of the same name that comes before it ends it.
type member struct {
	settings *settings
	entry    *monitor.Entry
	cancel   func()        // ends the capture: it makes a last cut
	done     chan struct{} // closed when it has ended
	err      error         // of the capture; to be read when done is closed
	quiet    bool          // its owner logs why it has failed
}

// errGroupEnded is that of a capture which is to be started when the group has ended.
var errGroupEnded = errors.New("the process is ending")

// newGroup returns a group without captures, which end when ctx ends. Its owner must call wait in the end.
func (r *runner) newGroup(ctx context.Context) *captureGroup {
	g := &captureGroup{r: r, holds: 1, idle: make(chan struct{})}
	g.ctx, g.cancel = context.WithCancel(ctx)
	return g
}

// start begins captures, or none of them: it is an error if the group has one of the same name already. But one that
// the new one comes before makes its last cut and ends. start returns the captures in the order of their settings, and
// does not wait until they read.
func (g *captureGroup) start(all ...*settings) ([]*member, error) { return g.begin(false, all...) }

// begin is start. If quiet, the caller logs why a capture has failed.
func (g *captureGroup) begin(quiet bool, all ...*settings) ([]*member, error) {
	for {
		started, yields, err := g.tryStart(quiet, all)
		if yields == nil {
			return started, err
		}
		g.r.log.Info("the capture of a pattern ends, another one of its name comes first",
			"capture", yields.settings.capture.name(), "pattern", yields.settings.pattern)
		g.endLogged(yields)
	}
}

// comesBefore reports whether a capture takes the place of another one of its name. One that stands for itself comes
// before those of patterns, and of these the one whose pattern is first by its name.
func (s *settings) comesBefore(other *settings) bool { return s.pattern < other.pattern }

// tryStart is one try of begin. If another capture has to end before, it starts nothing and returns that one as yields.
func (g *captureGroup) tryStart(quiet bool, all []*settings) (started []*member, yields *member, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.holds == 0 || g.ctx.Err() != nil {
		return nil, nil, errGroupEnded
	}
	wanted := map[string]*settings{}
	for _, s := range all {
		name := s.capture.name()
		m, other := g.member(name), wanted[name]
		switch {
		case other != nil:
			return nil, nil, errTaken(s, other)
		case m != nil && s.comesBefore(m.settings):
			return nil, m, nil
		case m != nil:
			return nil, nil, errTaken(s, m.settings)
		}
		wanted[name] = s
	}
	before := len(g.members)
	if n := before + len(all); len(all) > 0 && (n > 1 || g.resident) {
		g.r.share(all[0])
	}
	for _, s := range all {
		g.members = append(g.members, &member{
			settings: s, entry: g.board.Add(beforeRun(s)), done: make(chan struct{}), quiet: quiet,
		})
	}
	started = slices.Clone(g.members[before:])
	for _, m := range started { // only now: one that fails at once must know whether it is alone
		g.launch(m)
	}
	return started, nil, nil
}

// launch starts the goroutine of a capture. The caller holds mu.
func (g *captureGroup) launch(m *member) {
	ctx, cancel := context.WithCancel(g.ctx)
	m.cancel = cancel
	g.holds++
	go func() {
		defer g.release()
		defer close(m.done)
		defer cancel()
		m.err = g.keep(ctx, m)
	}()
}

// end ends a capture, which makes a last cut, and waits for it. The group forgets it: its counters are not shown any
// more, and what it has come to is returned here and not by wait. It may have been ended before.
func (g *captureGroup) end(m *member) error {
	m.cancel()
	<-m.done
	g.mu.Lock()
	defer g.mu.Unlock()
	if i := slices.Index(g.members, m); i >= 0 { // else its name may be that of another one by now
		g.members = slices.Delete(g.members, i, i+1)
		g.board.Remove(m.entry)
		g.r.overview.remove(m.settings.capture.name())
	}
	return m.err
}

// endLogged ends a capture, and logs its error.
func (g *captureGroup) endLogged(m *member) {
	if err := g.end(m); err != nil {
		g.r.log.Warn("a capture has ended with an error", "capture", m.settings.capture.name(), "error", err)
	}
}

// runs reports whether a capture was started and not ended by end.
func (g *captureGroup) runs(m *member) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Contains(g.members, m)
}

// names are the captures that were started and not ended by end, in the order in which they were started.
func (g *captureGroup) names() (names []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, m := range g.members {
		names = append(names, m.settings.capture.name())
	}
	return names
}

// member is the capture of a name, nil if there is none. The caller holds mu.
func (g *captureGroup) member(name string) *member {
	i := slices.IndexFunc(g.members, func(m *member) bool { return m.settings.capture.name() == name })
	if i < 0 {
		return nil
	}
	return g.members[i]
}

// hold keeps wait from returning while no capture runs, until release is called. It returns false if the group has
// ended.
func (g *captureGroup) hold() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.holds == 0 {
		return false
	}
	g.holds++
	return true
}

// stay makes the group resident.
func (g *captureGroup) stay() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.resident = true
}

// release gives back a hold.
func (g *captureGroup) release() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.holds--; g.holds == 0 {
		close(g.idle)
	}
}

// wait waits until no capture runs and nobody holds the group, and returns what its captures have come to. One
// goroutine calls it, once; no capture can be started then.
func (g *captureGroup) wait() error {
	g.release()
	<-g.idle
	g.cancel()
	g.mu.Lock()
	defer g.mu.Unlock()
	var failed []error
	for _, m := range g.members {
		if m.err != nil && (g.resident || len(g.members) > 1) {
			m.err = fmt.Errorf("capture %s: %w", m.settings.capture.name(), m.err)
		}
		failed = append(failed, m.err)
	}
	if len(failed) == 1 {
		return failed[0]
	}
	return errors.Join(failed...)
}

// ready reports whether all captures read, or have ended.
func (g *captureGroup) ready() bool {
	g.mu.Lock()
	n := len(g.members)
	g.mu.Unlock()
	return g.r.overview.begun() >= n
}

// lone reports whether the process has one capture only, and no reason to live on without it.
func (g *captureGroup) lone() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return !g.resident && len(g.members) == 1
}

// The pauses before a capture that has failed is tried again.
const (
	firstAgain = time.Second
	mostAgain  = 5 * time.Minute
)

// keep runs one of several captures. If it fails, keep tries it again, ends them all, or leaves it. Several run side by
// side.
func (g *captureGroup) keep(ctx context.Context, m *member) error {
	s, policy := m.settings, g.r.settings.onFailure
	wait := retry.Backoff{First: firstAgain, Max: mostAgain}
	for {
		began := time.Now()
		err := g.r.capture(ctx, s, m.entry)
		if exitCode(err) != exitFailed || ctx.Err() != nil || g.lone() {
			return err
		}
		log := g.r.log.With("capture", s.capture.name(), "error", err)
		switch {
		case policy == failureEnd:
			log.Error("a capture has failed, stopping the others")
			g.cancel()
			return err
		case policy == failureLeave, s.capture.library.Once:
			if !m.quiet {
				log.Error("a capture has failed, the others go on")
			}
			return err
		}
		if time.Since(began) > mostAgain { // it had begun well
			wait = retry.Backoff{First: firstAgain, Max: mostAgain}
		}
		pause := wait.Next().Round(time.Millisecond)
		log.Error("a capture has failed, it is tried again, the others go on", "in", pause.String())
		if retry.Pause(ctx, pause) != nil {
			return err
		}
	}
}

// beforeRun is a capture as the board shows it before it runs.
func beforeRun(s *settings) status.Running {
	what := &s.capture
	return status.Running{
		Capture: what.name(), Stream: what.library.NATSStreamName, Output: urls.Show(what.output),
		Consumer: what.library.NATSConsumerName,
	}
}

// run runs a capture until ctx ends, or until it has ended by itself, and then forgets it. The caller logs that it has
// failed.
func (g *captureGroup) run(ctx context.Context, s *settings) error {
	started, err := g.begin(true, s)
	if err != nil {
		return err
	}
	m := started[0]
	select {
	case <-ctx.Done():
	case <-m.done:
	}
	return g.end(m)
}
