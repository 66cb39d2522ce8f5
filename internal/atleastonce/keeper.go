// Package atleastonce keeps the promise of a BlockStore: each message is in at least one file, because a block is
// stored before its messages are acknowledged. After a crash between the two, the messages are delivered and stored
// again. If a block then holds exactly the same messages, it has the same name, and the file that is there will do.
package atleastonce

import (
	"context"
	"errors"
	"fmt"
	"sync"
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
	Consumer string   // name of the durable consumer; other clients may read through it, too
	CreateIt bool     // create the consumer if it is missing
	Filter   []string // subjects, sorted; empty means the whole stream
	// DeadLetters stores a dead letter. It is called under PoisonDeadLetter only, by several goroutines.
	DeadLetters func(ctx context.Context, d capture.DeadLetter) error
}

// Keeper is the capture.Promise of a BlockStore. It has no state but that of its reading, so it needs no lock.
type Keeper struct {
	cfg     Config
	run     *capture.Run
	letters sync.Mutex // held while DeadLetters runs
}

// New returns a Keeper. It does not ask the server.
func New(run *capture.Run, cfg Config) *Keeper { return &Keeper{cfg: cfg, run: run} }

// Open implements capture.Promise. The server knows where the consumer stands, so there is nothing to finish.
func (k *Keeper) Open(ctx context.Context) (capture.Opened, error) {
	info, err := k.run.Source.Info(ctx)
	if err != nil {
		return capture.Opened{}, err
	}
	k.run.Observer.Observe(capture.StreamSeen{Info: info})
	cfg := &k.run.Config
	rd, err := reader.OpenShared(ctx, k.run.Source, reader.SharedConfig{
		Name: k.cfg.Consumer, Create: k.cfg.CreateIt, Filter: k.cfg.Filter, MaxAge: cfg.MaxAge, Created: info.Created,
		Logger: cfg.Logger, PullBytes: k.run.PullBytes(), FailWhenGone: cfg.Once,
	})
	if err != nil {
		return capture.Opened{}, err
	}
	if outside := info.Outside(k.cfg.Filter); len(outside) > 0 {
		k.run.Observer.Observe(capture.FilterOutside{Filters: outside, Subjects: info.Subjects})
	}
	k.run.Observer.Observe(capture.Entered{Consumer: k.cfg.Consumer})
	return capture.Opened{Reading: &reading{Shared: rd, k: k, created: info.Created}, Last: info.LastSeq}, nil
}

// Diverged implements capture.Promise. Open asks again which stream it is, so there is nothing to remember.
func (*Keeper) Diverged(*reader.DivergedError) {}

// Close implements capture.Promise.
func (*Keeper) Close() error { return nil }

// reading is the capture.Reading of a BlockStore.
type reading struct {
	*reader.Shared
	k       *Keeper
	created time.Time // when the stream that is read was created
	ended   replies   // of what lies before the boundary; owned by the loop, like open
	open    replies   // of what lies behind it
	sealed  replies   // of the cut that is being stored; set by Detach, then owned by the goroutine of the cut
}

// Ordered implements capture.Reading. Redeliveries come at any time.
func (*reading) Ordered() bool { return false }

// Repeated implements capture.Reading.
func (rd *reading) Repeated(m *reader.Message) bool { return rd.ended.renew(m) || rd.open.add(m) }

// Bound implements capture.Reading.
func (rd *reading) Bound() {
	rd.ended.join(rd.open)
	rd.open = replies{}
}

// Detach implements capture.Reading.
func (rd *reading) Detach() { rd.sealed, rd.ended = rd.ended, replies{} }

// Check implements capture.Reading: a shared consumer proves nothing, and nothing is concluded from it.
func (*reading) Check(context.Context, *engine.Cut) error { return nil }

// Settle implements capture.Reading. There is nothing to wait for, since each Commit has waited for its acks. One ack
// alone may have got lost with a leader of the consumer, so it is sent again before there is an error.
func (rd *reading) Settle(ctx context.Context) error {
	unheard := rd.Unheard()
	if unheard == nil {
		return nil
	}
	if info, err := rd.k.askStream(ctx); err == nil && info.Created.Equal(rd.created) && rd.AckAgain(ctx) != nil {
		return unheard
	}
	return nil
}

// Commit implements capture.Reading. It stores all blocks, then it acknowledges all their messages. An error of the
// acks is only reported: the messages come again and are stored again.
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
		return rd.write(ctx, blocks[i], s.File(blocks[i]))
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

// ack acknowledges what is stored, unless the stream was recreated since it was read. An ack names a message by its
// sequence, which would be that of another message then.
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
	askTimeout = 15 * time.Second       // for an answer before the acks
	askEvery   = 200 * time.Millisecond // between two questions
)

// askStream asks the server for the stream. If there is no answer, it asks again until askTimeout.
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
