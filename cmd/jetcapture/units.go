package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
)

// processCaptures are the captures of a pattern in this process.
type processCaptures struct {
	s       *settings // of the pattern
	g       *captureGroup
	members map[string]*member // by stream
}

// own implements streamCaptures. A capture may have ended for another one, which comes before it.
func (p *processCaptures) own(context.Context) (map[string]bool, error) {
	maps.DeleteFunc(p.members, func(_ string, m *member) bool { return !p.g.runs(m) })
	own := map[string]bool{}
	for stream := range p.members {
		own[stream] = true
	}
	return own, nil
}

// start implements streamCaptures.
func (p *processCaptures) start(_ context.Context, stream string, appeared bool) error {
	if p.members[stream] != nil {
		return nil
	}
	started, err := p.g.start(p.s.of(stream, appeared))
	if err == nil {
		p.members[stream] = started[0]
	}
	return err
}

// end implements streamCaptures.
func (p *processCaptures) end(_ context.Context, streams []string) error {
	var ending sync.WaitGroup
	for _, stream := range streams {
		m := p.members[stream]
		delete(p.members, stream)
		ending.Go(func() { p.g.endLogged(m) })
	}
	ending.Wait()
	return nil
}

// runUnits are what the configuration of a process has begun: captures, and followers of patterns, which have captures
// of their own. One goroutine uses them at a time: that of run, and that of reloads between the start and the end.
type runUnits struct {
	g         *captureGroup
	captures  map[string]*member // by unit, as the followers
	followers map[string]*patternUnit
	unmatched error // of patterns for once that have no streams: the other captures go on
}

// patternUnit is a pattern that a process follows.
type patternUnit struct {
	*follower
	captures *processCaptures
	cancel   func()
	joining  sync.WaitGroup
}

func newRunUnits(g *captureGroup) *runUnits {
	return &runUnits{g: g, captures: map[string]*member{}, followers: map[string]*patternUnit{}}
}

// runs reports whether a unit was begun and not ended. A follower runs even if its first look has failed.
func (u *runUnits) runs(unit string) bool { return u.captures[unit] != nil || u.followers[unit] != nil }

// start begins units. Its error is that of a name that is taken, or of the first look for streams.
func (u *runUnits) start(all ...*settings) error {
	single := slices.DeleteFunc(slices.Clone(all), (*settings).isPattern)
	started, err := u.g.start(single...)
	for _, m := range started {
		u.captures[m.settings.unit()] = m
	}
	for _, s := range slices.SortedFunc(slices.Values(all), byUnit) { // none begins what would end for another one
		if s.isPattern() {
			err = errors.Join(err, s.inUnit(u.follow(s)))
		}
	}
	return err
}

// byUnit orders settings by the names of their units.
func byUnit(a, b *settings) int { return cmp.Compare(a.unit(), b.unit()) }

// inUnit says of which pattern an error is.
func (s *settings) inUnit(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", s.unit(), err)
}

// follow captures the streams of a pattern: those that are there now, and unless it is for once, those that come.
func (u *runUnits) follow(s *settings) error {
	captures := &processCaptures{s: s, g: u.g, members: map[string]*member{}}
	f := &patternUnit{follower: newFollower(s, captures, u.g.r.log), captures: captures, cancel: func() {}}
	u.followers[s.unit()] = f
	u.g.stay()
	err := f.look(u.g.ctx)
	if !s.capture.library.Once {
		f.begin(u.g)
		return err
	}
	none := err == nil && f.matching == 0
	if none {
		u.unmatched = errors.Join(u.unmatched, s.inUnit(errNoMatch(s)))
	}
	if none || err != nil { // it has no captures, and does not look again
		f.stop()
		delete(u.followers, s.unit())
	}
	return err
}

// begin starts a goroutine that looks again and again, until stop or the end of the group, which it holds.
func (f *patternUnit) begin(g *captureGroup) {
	if !g.hold() {
		return
	}
	ctx, cancel := context.WithCancel(g.ctx)
	f.cancel = cancel
	f.joining.Go(func() {
		defer g.release()
		f.watch(ctx, g.r.streamsEvery)
	})
}

// stop ends the following, and waits for that. The captures go on.
func (f *patternUnit) stop() {
	f.cancel()
	f.joining.Wait()
	f.close()
}

// errNoMatch says that there is nothing to capture for once.
func errNoMatch(s *settings) error {
	if s.streams.optIn {
		return fmt.Errorf("no stream of the server matches and has the metadata %s: true; "+
			"`nats stream edit NAME --metadata %[1]s=true` sets it", optInKey)
	}
	return errors.New("no stream of the server matches; `nats stream ls` lists the streams of the account")
}

// errLeft is the error of patterns with --once that have left out streams: the work is not done.
func (u *runUnits) errLeft() (err error) {
	for _, unit := range slices.Sorted(maps.Keys(u.followers)) {
		if f := u.followers[unit]; f.s.capture.library.Once {
			err = errors.Join(err, f.s.inUnit(f.left.err()))
		}
	}
	return err
}

// end ends units, which make last cuts, side by side.
func (u *runUnits) end(names []string) {
	var ending sync.WaitGroup
	for _, name := range names {
		f, m := u.followers[name], u.captures[name]
		delete(u.followers, name)
		delete(u.captures, name)
		ending.Go(func() {
			if f != nil {
				f.stop()
				_ = f.captures.end(u.g.ctx, slices.Collect(maps.Keys(f.captures.members))) // it is never an error
			}
			if m != nil {
				u.g.endLogged(m)
			}
		})
	}
	ending.Wait()
}

// stop ends the followers. Captures end with their group.
func (u *runUnits) stop() {
	for _, f := range u.followers {
		f.stop()
	}
}
