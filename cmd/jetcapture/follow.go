package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/internal/fleet"
	"github.com/jetcapture/jetcapture/internal/natsconn"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	streamsEvery  = 30 * time.Second // how often streams that came or went are looked for
	followTimeout = 20 * time.Second // for one look
)

// follower keeps a capture for each stream that a pattern chooses. Its methods are for one goroutine at a time: that of
// its caller before watch, and the one of watch then.
type follower struct {
	s        *settings
	captures streamCaptures
	log      *slog.Logger
	since    time.Time  // streams made later have appeared; zero: what the first look finds has not
	nc       *nats.Conn // nil: there was no connection yet
	js       jetstream.JetStream
	looked   bool            // once at least
	told     map[string]bool // streams of which it has said why they are left out
	beyond   int             // how many streams the last look left out as too many
	count    atomic.Int64    // of captures; any goroutine may read it
}

// streamCaptures are the captures of a pattern: in this process (processCaptures), or in a fleet (taskCaptures). Their
// follower calls it.
type streamCaptures interface {
	// own returns the streams that have a capture of this pattern.
	own(ctx context.Context) (map[string]bool, error)
	// start begins the capture of a stream, or does nothing if there is one that is as it should be. appeared: the
	// stream came while the pattern was followed, so all of it is wanted.
	start(ctx context.Context, stream string, appeared bool) error
	// end has captures make last cuts and end.
	end(ctx context.Context, streams []string) error
}

func newFollower(s *settings, captures streamCaptures, log *slog.Logger) *follower {
	return &follower{s: s, captures: captures, log: log.With("pattern", s.unit()), told: map[string]bool{}}
}

// look starts captures of streams that came, and ends those of streams that are gone.
func (f *follower) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, max(followTimeout, f.s.capture.library.Wait))
	defer cancel()
	if err := f.connect(ctx); err != nil {
		return err
	}
	own, err := f.captures.own(ctx)
	if err != nil {
		return err
	}
	streams, err := f.streams(ctx, own)
	if err != nil {
		return fmt.Errorf("list the streams: %w; the user needs the permission to publish $JS.API.STREAM.NAMES, and "+
			"$JS.API.STREAM.LIST with --stream-opt-in", err)
	}
	if err := f.adopt(ctx, own, streams); err != nil {
		return err
	}
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
func (f *follower) streams(ctx context.Context, own map[string]bool) (chosen []string, err error) {
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
		if f.s.choosesName(name) && (f.s.choosesMetadata(says) || !known && own[name]) {
			chosen = append(chosen, name)
		}
	}
	slices.Sort(chosen)
	return chosen, nil
}

// adopt makes the captures, which own are now, those of the streams.
func (f *follower) adopt(ctx context.Context, own map[string]bool, streams []string) error {
	var gone []string
	for name := range own {
		if !slices.Contains(streams, name) {
			f.log.Warn("a stream is not captured any more: it is gone, or not chosen", "stream", name)
			gone = append(gone, name)
			delete(own, name)
		}
	}
	if err := f.captures.end(ctx, gone); err != nil {
		return err
	}
	f.beyond = 0
	for _, name := range streams {
		if !own[name] && len(own) >= f.s.streams.most {
			if f.beyond++; f.beyond == 1 {
				f.leaveOut(name, errTooMany)
			}
			continue
		}
		err := f.start(ctx, name, own[name])
		switch {
		case ctx.Err() != nil && err != nil:
			return err
		case err != nil: // it is tried again at the next look
			f.leaveOut(name, err)
		case !own[name]:
			own[name] = true
			f.log.Info("a stream is captured that matches", "stream", name)
		}
	}
	f.count.Store(int64(len(own)))
	return nil
}

// start begins the capture of a stream, or brings the one that it has in line with the pattern.
func (f *follower) start(ctx context.Context, stream string, has bool) error {
	appeared := f.looked
	if !has && !appeared && !f.since.IsZero() && f.s.capture.library.Start != (jetcapture.Start{}) {
		s, err := f.js.Stream(ctx, stream)
		if err != nil {
			return fmt.Errorf("look when stream %s was made: %w", stream, err)
		}
		appeared = s.CachedInfo().Created.After(f.since)
	}
	return f.captures.start(ctx, stream, !has && appeared)
}

// errTooMany is why a stream is left out that is one too many.
var errTooMany = errors.New("more streams match than --max-streams lets be captured; it is the first of those left out")

// errBeyond is the error of the last look if it has left out streams as too many.
func (f *follower) errBeyond() error {
	if f.beyond == 0 {
		return nil
	}
	return fmt.Errorf("--max-streams left out %s: give a larger one, or leave out streams with --exclude-stream",
		counted(int64(f.beyond), "stream"))
}

// leaveOut says once why a stream is left out.
func (f *follower) leaveOut(stream string, why error) {
	if !f.told[stream] {
		f.told[stream] = true
		f.log.Warn("a stream is left out", "stream", stream, "error", why)
	}
}

// watch looks again and again until ctx ends.
func (f *follower) watch(ctx context.Context, every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for failing := false; ; {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		err := f.look(ctx)
		if errors.Is(err, fleet.ErrReplaced) { // the holder of the task is about to end
			err = nil
		}
		if err != nil && !failing && ctx.Err() == nil {
			f.log.Warn("streams are not found, their captures go on; it is tried again", "error", err)
		}
		failing = err != nil
	}
}

// close ends the connection. The captures go on.
func (f *follower) close() {
	if f.nc != nil {
		f.nc.Close()
	}
}
