package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"time"

	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/internal/natsconn"
	"github.com/jetcapture/jetcapture/internal/wire"
)

// diffSide is one of the two sides that diff compares.
type diffSide struct {
	// extent returns the first and the last stream sequence of the range that the side has.
	extent func(context.Context, archive.ReadOptions) (first, last uint64, err error)
	// messages yields what is chosen, ascending.
	messages func(context.Context, archive.ReadOptions) iter.Seq2[*archive.Item, error]
}

// capturedSide is a capture of an archive.
func capturedSide(c *archive.Capture) *diffSide {
	return &diffSide{
		extent: func(ctx context.Context, o archive.ReadOptions) (first, last uint64, err error) {
			a, err := c.Account(ctx, o)
			return a.First, a.Last, err
		},
		messages: c.Messages,
	}
}

// streamSide is a stream.
func streamSide(s *stream) *diffSide {
	return &diffSide{
		extent: func(ctx context.Context, o archive.ReadOptions) (first, last uint64, err error) {
			info, err := s.Info(ctx)
			if errors.Is(err, archive.ErrNoStream) {
				return 0, 0, fmt.Errorf("%w: --stream-name names another one; `nats stream ls` lists those that there are", err)
			}
			if err != nil || info.Last < info.First {
				return 0, 0, err
			}
			return max(info.First, o.After+1), min(info.Last, cmp.Or(o.Through, info.Last)), nil
		},
		messages: func(ctx context.Context, o archive.ReadOptions) iter.Seq2[*archive.Item, error] {
			return streamItems(ctx, s, o)
		},
	}
}

// streamItems yields the chosen messages of a stream as those of an archive.
func streamItems(ctx context.Context, s *stream, o archive.ReadOptions) iter.Seq2[*archive.Item, error] {
	return func(yield func(*archive.Item, error) bool) {
		through := s.info.LastSeq
		if o.Through > 0 {
			through = min(through, o.Through)
		}
		for m, err := range s.Messages(ctx, max(o.After, s.info.FirstSeq-1), through) {
			if err != nil {
				yield(nil, err)
				return
			}
			chosen := len(o.Subjects) == 0 || slices.ContainsFunc(o.Subjects, func(f string) bool {
				return wire.Matches(f, m.Subject)
			})
			if chosen && !yield(&archive.Item{Message: m, Last: m.Seq, Fate: archive.FateStored}, nil) {
				return
			}
		}
	}
}

// compareStream compares a capture with a stream.
func (s *diffSettings) compareStream(ctx context.Context, a *archive.Capture, c console) (err error) {
	log := slog.New(slog.NewTextHandler(c.stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	nc, prefix, err := natsconn.Connect(s.nats.named("jetcapture diff"), log)
	if err != nil {
		return err
	}
	defer nc.Close()
	format, err := a.Format(ctx)
	if err != nil {
		return fmt.Errorf("read what capture %s is bound to: %w", a.Name(), err)
	}
	format.Stream = cmp.Or(s.name, format.Stream)
	b := newStream(nc, prefix, format)
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		err = errors.Join(err, b.Close(closing))
	}()
	return s.compare(ctx, capturedSide(a), streamSide(b), c)
}
