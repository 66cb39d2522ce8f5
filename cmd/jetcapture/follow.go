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
	"github.com/jetcapture/jetcapture/internal/retry"
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
	looked   bool // once at least
	matching int  // streams that the last look has found, those of other parts included
	left     leftOut
	going    []string      // streams whose captures the last look has ended
	idle     bool          // it has said that it has no streams
	failing  retry.Limiter // of warnings of looks that fail
	count    atomic.Int64  // of captures; any goroutine may read it
}

// streamCaptures are the captures of a pattern: in this process (processCaptures), or in a fleet (taskCaptures). Their
// follower calls it.
type streamCaptures interface {
	// own returns the streams that have a capture of this pattern; the caller may change the map.
	own(ctx context.Context) (map[string]bool, error)
	// start begins the capture of a stream, or does nothing if there is one that is as it should be. appeared: the
	// stream came while the pattern was followed, so all of it is wanted. The error is a *takenError if another one has
	// the name of the capture.
	start(ctx context.Context, stream string, appeared bool) error
	// end has captures make last cuts and end.
	end(ctx context.Context, streams []string) error
}

func newFollower(s *settings, captures streamCaptures, log *slog.Logger) *follower {
	return &follower{
		s: s, captures: captures, log: log.With("pattern", s.unit()), left: newLeftOut(),
		failing: retry.Limiter{Every: time.Minute},
	}
}

// look starts captures of streams that came, and ends those of streams that are gone. It looks again at once if
// somebody else has changed the same captures meanwhile.
func (f *follower) look(ctx context.Context) (err error) {
	const tries = 3
	for range tries {
		if err = f.lookOnce(ctx); err != nil || !f.left.conflicts() {
			break
		}
	}
	f.left.tell(f.log)
	if err == nil {
		f.tellIdle()
	}
	return err
}

// lookOnce looks once. It starts captures even if others cannot be ended.
func (f *follower) lookOnce(ctx context.Context) error {
	within := followTimeout
	if !f.looked {
		within = max(within, f.s.capture.library.Wait)
	}
	looking, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	if err := f.connect(looking); err != nil {
		return err
	}
	own, err := f.captures.own(looking)
	if err != nil {
		return err
	}
	streams, err := f.streams(looking, own)
	if err != nil {
		return fmt.Errorf("list the streams: %w; the user needs the permission to publish $JS.API.STREAM.NAMES, and "+
			"$JS.API.STREAM.LIST with --stream-opt-in", err)
	}
	gone := f.gone(own, streams)
	err = f.adopt(looking, own, streams)
	return errors.Join(err, f.captures.end(ctx, gone))
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
	f.matching = 0
	for _, name := range names {
		says, known := metadata[name]
		if !f.s.choosesName(name) || !f.s.choosesMetadata(says) && (known || !own[name]) {
			continue
		}
		f.matching++
		if part := f.s.file.shard; part.count == 0 || part.has(name) {
			chosen = append(chosen, name)
		}
	}
	slices.Sort(chosen)
	return chosen, nil
}

// gone removes from own the streams that are not chosen any more, and returns them. It logs each once, even if its
// capture cannot be ended yet.
func (f *follower) gone(own map[string]bool, streams []string) []string {
	before := f.going
	f.going = nil
	for name := range own {
		if slices.Contains(streams, name) {
			continue
		}
		if !slices.Contains(before, name) {
			f.log.Warn("a stream is not captured any more: it is gone, or not chosen", "stream", name)
		}
		f.going = append(f.going, name)
		delete(own, name)
	}
	return f.going
}

// adopt makes captures of the streams that have none, which are not in own. What fails is left out until the next look.
func (f *follower) adopt(ctx context.Context, own map[string]bool, streams []string) error {
	f.left.begin()
	for _, name := range streams {
		if !own[name] && len(own) >= f.s.streams.most {
			f.left.tooMany(name)
			continue
		}
		err := f.start(ctx, name, own[name])
		switch {
		case ctx.Err() != nil && err != nil:
			return err
		case err != nil:
			f.left.add(name, err)
		case !own[name]:
			own[name] = true
			f.log.Info("a stream is captured that matches", "stream", name, "capture", captureName(name))
		}
	}
	f.count.Store(int64(len(own)))
	f.looked = true
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

// tellIdle says once that the pattern has no streams: where they are in other parts of its file, or not there at all.
func (f *follower) tellIdle() {
	was, once, log := f.idle, f.s.capture.library.Once, f.log.With("part", f.s.file.shard.String())
	f.idle = f.count.Load() == 0 && len(f.left.why) == 0
	switch {
	case was || !f.idle:
	case f.matching > 0 && once:
		log.Info("no stream that matches is in this part, nothing is to be done")
	case f.matching > 0:
		log.Warn("no stream that matches is in this part: waiting for one")
	case !once: // else that is an error
		f.log.Warn("no stream matches: waiting for one")
	}
}

// watch looks again and again until ctx ends.
func (f *follower) watch(ctx context.Context, every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			f.complain(ctx, f.look(ctx))
		}
	}
}

// complain warns of a look that has failed, each minute while that lasts.
func (f *follower) complain(ctx context.Context, err error) {
	switch {
	case err == nil:
		f.failing.Reset()
	case ctx.Err() != nil, errors.Is(err, fleet.ErrReplaced): // it is about to end
	case f.failing.Ready(time.Now()):
		f.log.Warn("streams are not followed as they should be, their captures go on; it is tried again", "error", err)
	}
}

// close ends the connection. The captures go on.
func (f *follower) close() {
	if f.nc != nil {
		f.nc.Close()
	}
}
