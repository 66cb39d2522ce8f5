// Package atleastonce keeps the promise of a BlockStore: each message is in at least one file, since a block is stored and
// then acknowledged. A crash between the two stores its messages again, under the same name if the block holds exactly the
// same messages, and beside it if they came in another order.
package atleastonce

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/capture"
	"github.com/jetcapture/jetcapture/internal/engine"
	"github.com/jetcapture/jetcapture/internal/parallel"
	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/jetcapture/jetcapture/internal/retry"
)

// Config says what is captured. The root package fills it in.
type Config struct {
	Consumer    string // durable; others may read through it, too
	CreateIt    bool   // where it is missing
	Filter      []string
	DeadLetters func(ctx context.Context, d capture.DeadLetter) error // nil unless dead letters are kept
}

// Keeper is the capture.Promise of a BlockStore.
type Keeper struct {
	cfg Config
	run *capture.Run
}

// New returns a Keeper. It asks nothing yet.
func New(run *capture.Run, cfg Config) *Keeper { return &Keeper{cfg: cfg, run: run} }

// Open implements capture.Promise.
func (k *Keeper) Open(ctx context.Context) (capture.Opened, error) {
	info, err := k.run.Source.Info(ctx)
	if err != nil {
		return capture.Opened{}, err
	}
	cfg := &k.run.Config
	rd, err := reader.OpenShared(ctx, k.run.Source, reader.SharedConfig{
		Name: k.cfg.Consumer, Create: k.cfg.CreateIt, Filter: k.cfg.Filter, MaxAge: cfg.MaxAge, Created: info.Created,
		Logger: cfg.Logger, PullBytes: k.run.PullBytes(), FailWhenGone: cfg.Once,
	})
	if err != nil {
		return capture.Opened{}, err
	}
	k.run.Observer.Observe(capture.Entered{Consumer: k.cfg.Consumer})
	return capture.Opened{Reading: &reading{Shared: rd, k: k, created: info.Created}, Last: info.LastSeq}, nil
}

// Diverged implements capture.Promise: Open finds out by itself which stream it is now.
func (*Keeper) Diverged(*reader.DivergedError) {}

// Close implements capture.Promise.
func (*Keeper) Close() error { return nil }

// reading is the capture.Reading of a BlockStore.
type reading struct {
	*reader.Shared
	k       *Keeper
	created time.Time // when the stream was created that is read
	open    replies   // of the open cut; the loop's
	sealed  replies   // of the cut that is being stored; written by Detach before its goroutine starts
}

// Ordered implements capture.Reading.
func (*reading) Ordered() bool { return false }

// Repeated implements capture.Reading.
func (rd *reading) Repeated(m *reader.Message) bool { return rd.open.add(m) }

// Detach implements capture.Reading.
func (rd *reading) Detach() { rd.sealed, rd.open = rd.open, replies{} }

// Check implements capture.Reading: a shared consumer proves nothing, and nothing is concluded from it.
func (*reading) Check(context.Context, *engine.Cut) error { return nil }

// Settle implements capture.Reading: each Commit has waited for its acks.
func (*reading) Settle(context.Context) error { return nil }

// Commit implements capture.Reading.
func (rd *reading) Commit(ctx context.Context, s *capture.Sealed) (capture.Committed, error) {
	var blocks []*engine.Block
	for _, b := range s.Cut.Blocks {
		if b.Messages > 0 {
			blocks = append(blocks, b)
		}
	}
	err := parallel.Each(ctx, rd.k.run.Config.StoreWorkers, len(blocks), func(ctx context.Context, i int) error {
		if blocks[i].Kind == cutlog.KindDead {
			return rd.k.handOver(ctx, s.File(blocks[i]))
		}
		return rd.write(ctx, s.Keys(), blocks[i], s.File(blocks[i]))
	})
	if err != nil {
		return capture.Committed{}, err
	}
	done := capture.CutDone{
		Reason: string(s.Reason), Blocks: len(blocks), Messages: s.Cut.Messages, Dead: s.Cut.Dead,
		Skipped: int64(s.Cut.Skipped.Count()),
	}
	for _, b := range blocks {
		done.Bytes += s.File(b).Size()
	}
	if err := rd.ack(ctx); err != nil && ctx.Err() == nil {
		rd.k.run.Observer.Observe(capture.Unacknowledged{Err: err})
	}
	return capture.Committed{Done: done}, nil
}

// ack acknowledges what is stored, unless the stream has been recreated since it was read: an ack names a message by its
// sequence, and that sequence is another message's then.
func (rd *reading) ack(ctx context.Context) error {
	info, err := rd.k.askStream(ctx)
	if err != nil {
		return fmt.Errorf("none is sent while the stream cannot be asked whether it is still the same: %w", err)
	}
	if !info.Created.Equal(rd.created) {
		rd.k.run.Observer.Observe(capture.WithheldAcks{Was: rd.created, Is: info.Created})
		return nil
	}
	return rd.AckReplies(ctx, rd.sealed.all)
}

const (
	askTimeout = 15 * time.Second
	askEvery   = 200 * time.Millisecond
)

// askStream asks for the stream, and gives a server that does not answer some time.
func (k *Keeper) askStream(ctx context.Context) (reader.StreamInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	for {
		info, err := k.run.Source.Info(ctx)
		if err == nil || errors.Is(err, reader.ErrStreamNotFound) || !reader.IsTemporary(err) {
			return info, err
		}
		if retry.Pause(ctx, askEvery) != nil {
			return info, err
		}
	}
}
