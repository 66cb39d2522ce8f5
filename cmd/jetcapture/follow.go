package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/jetcapture/jetcapture/internal/natsconn"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	streamsEvery  = 30 * time.Second // how often streams that came or went are looked for
	followTimeout = 20 * time.Second // for one look
)

// follower keeps a capture for each stream that a pattern chooses. Its methods are for one goroutine at a time: that of
// its caller before follow, and the one of follow then.
type follower struct {
	s       *settings
	g       *captureGroup
	log     *slog.Logger
	nc      *nats.Conn // nil: there was no connection yet
	js      jetstream.JetStream
	looked  bool               // once at least
	own     map[string]*member // the captures that it has started, by stream
	told    map[string]bool    // streams of which it has said why they are left out
	beyond  int                // how many streams the last look left out as too many
	cancel  func()
	joining sync.WaitGroup
}

func newFollower(s *settings, g *captureGroup) *follower {
	return &follower{
		s: s, g: g, log: g.r.log.With("pattern", s.unit()), own: map[string]*member{}, told: map[string]bool{},
		cancel: func() {},
	}
}

// look starts captures of streams that came, and ends those of streams that are gone.
func (f *follower) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, max(followTimeout, f.s.capture.library.Wait))
	defer cancel()
	if err := f.connect(ctx); err != nil {
		return err
	}
	streams, err := f.streams(ctx)
	if err != nil {
		return fmt.Errorf("list the streams: %w; the user needs the permission to publish $JS.API.STREAM.NAMES, and "+
			"$JS.API.STREAM.LIST with --stream-opt-in", err)
	}
	f.adopt(streams)
	f.looked = true
	return nil
}

// connect connects, the first time.
func (f *follower) connect(ctx context.Context) error {
	if f.nc != nil {
		return nil
	}
	nc, prefix, err := natsconn.ConnectWithin(ctx, f.s.capture.library.Wait, f.s.nats.named("jetcapture streams"), f.log)
	if err != nil {
		return err
	}
	f.js, err = jetstream.New(nc)
	if prefix != "" {
		f.js, err = jetstream.NewWithAPIPrefix(nc, prefix)
	}
	if err != nil {
		nc.Close()
		return err
	}
	f.nc = nc
	return nil
}

// streams returns the streams that the pattern chooses, by name. Names come from the leader of all streams, so one that
// is missing is gone. What a stream is configured with comes from its own leader, which may be away: then a stream that
// was chosen stays so.
func (f *follower) streams(ctx context.Context) (chosen []string, err error) {
	metadata := map[string]map[string]string{}
	var names []string
	options := []jetstream.StreamListOpt{}
	if f.s.streams.subject != "" {
		options = append(options, jetstream.WithStreamListSubject(f.s.streams.subject))
	}
	listed := f.js.StreamNames(ctx, options...)
	for name := range listed.Name() {
		names = append(names, name)
	}
	if err := listed.Err(); err != nil {
		return nil, err
	}
	if f.s.streams.optIn {
		infos := f.js.ListStreams(ctx, options...)
		for info := range infos.Info() {
			metadata[info.Config.Name] = info.Config.Metadata
		}
		if err := infos.Err(); err != nil {
			return nil, err
		}
	}
	for _, name := range names {
		says, known := metadata[name]
		if f.s.choosesName(name) && (f.s.choosesMetadata(says) || !known && f.own[name] != nil) {
			chosen = append(chosen, name)
		}
	}
	slices.Sort(chosen)
	return chosen, nil
}

// adopt makes the captures those of the streams.
func (f *follower) adopt(streams []string) {
	var ending sync.WaitGroup
	for name, m := range f.own {
		if slices.Contains(streams, name) {
			continue
		}
		f.log.Warn("a stream is not captured any more: it is gone, or not chosen", "stream", name)
		delete(f.own, name)
		ending.Go(func() { f.g.endLogged(m) })
	}
	ending.Wait()
	f.beyond = 0
	for _, name := range streams {
		if f.own[name] != nil {
			continue
		}
		if len(f.own) >= f.s.streams.most {
			if f.beyond++; f.beyond == 1 {
				f.leaveOut(name, errTooMany)
			}
			continue
		}
		started, err := f.g.start(f.s.of(name, f.looked))
		if err != nil { // it is tried again at the next look
			f.leaveOut(name, err)
			continue
		}
		f.own[name] = started[0]
		f.log.Info("a stream is captured that matches", "stream", name)
	}
}

// errTooMany is why a stream is left out that is one too many.
var errTooMany = errors.New("more streams match than --max-streams lets be captured; it is the first of those left out")

// leaveOut says once why a stream is left out.
func (f *follower) leaveOut(stream string, why error) {
	if !f.told[stream] {
		f.told[stream] = true
		f.log.Warn("a stream is left out", "stream", stream, "error", why)
	}
}

// follow starts a goroutine that looks again and again, until stop or the end of the group, which it holds.
func (f *follower) follow() {
	if !f.g.hold() {
		return
	}
	ctx, cancel := context.WithCancel(f.g.ctx)
	f.cancel = cancel
	f.joining.Go(func() {
		defer f.g.release()
		ticker := time.NewTicker(f.g.r.streamsEvery)
		defer ticker.Stop()
		for failing := false; ; {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			err := f.look(ctx)
			if err != nil && !failing && ctx.Err() == nil {
				f.log.Warn("streams are not found, their captures go on; it is tried again", "error", err)
			}
			failing = err != nil
		}
	})
}

// stop ends the following, and waits for that. The captures go on.
func (f *follower) stop() {
	f.cancel()
	f.joining.Wait()
	if f.nc != nil {
		f.nc.Close()
	}
}

// runUnits are what the configuration of a process has begun: captures, and followers of patterns, which have captures
// of their own. One goroutine uses them at a time: that of run, and that of reloads between the start and the end.
type runUnits struct {
	g         *captureGroup
	captures  map[string]*member // by unit, as the followers
	followers map[string]*follower
}

func newRunUnits(g *captureGroup) *runUnits {
	return &runUnits{g, map[string]*member{}, map[string]*follower{}}
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
	for _, s := range all {
		if s.isPattern() {
			err = errors.Join(err, s.inUnit(u.follow(s)))
		}
	}
	return err
}

// inUnit says of which pattern an error is.
func (s *settings) inUnit(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", s.unit(), err)
}

// follow captures the streams of a pattern: those that are there now, and unless it is for once, those that come.
func (u *runUnits) follow(s *settings) error {
	f := newFollower(s, u.g)
	u.followers[s.unit()] = f
	u.g.stay()
	err := f.look(u.g.ctx)
	if !s.capture.library.Once {
		f.follow()
	} else if err == nil && len(f.own) == 0 {
		err = errNoMatch(s)
	}
	if s.capture.library.Once && err != nil { // it has no captures, and does not look again
		f.stop()
		delete(u.followers, s.unit())
	}
	return err
}

// errNoMatch says that there is nothing to capture for once.
func errNoMatch(s *settings) error {
	if s.streams.optIn {
		return fmt.Errorf("no stream of the server matches and has the metadata %s: true; "+
			"`nats stream edit NAME --metadata %[1]s=true` sets it", optInKey)
	}
	return errors.New("no stream of the server matches; `nats stream ls` lists the streams of the account")
}

// errBeyond is the error of patterns with --once that have left out streams as too many: the work is not done.
func (u *runUnits) errBeyond() (err error) {
	for _, unit := range slices.Sorted(maps.Keys(u.followers)) {
		if f := u.followers[unit]; f.s.capture.library.Once && f.beyond > 0 {
			err = errors.Join(err, f.s.inUnit(fmt.Errorf("--max-streams left out %s: give a larger one, or leave out "+
				"streams with --exclude-stream", counted(int64(f.beyond), "stream"))))
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
				f.adopt(nil)
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
