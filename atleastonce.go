package jetcapture

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/engine"
	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/jetcapture/jetcapture/internal/spool"
)

// storeKeeper keeps the promise of a Store: store, then acknowledge. A crash between the two stores the messages again, under the same
// name if the block holds exactly the same messages.
type storeKeeper[P Payload, K DestKey] struct {
	*run[P, K]
}

func newStoreKeeper[P Payload, K DestKey](r *run[P, K]) *storeKeeper[P, K] {
	return &storeKeeper[P, K]{run: r}
}

// replier is a reader whose messages are acknowledged one by one.
type replier interface {
	AckReplies(ctx context.Context, replies []string) error
}

// open implements keeper.
func (k *storeKeeper[P, K]) open(ctx context.Context) (opened, error) {
	info, err := k.src.Info(ctx)
	if err != nil {
		return opened{}, err
	}
	rd, err := reader.OpenShared(ctx, k.src, reader.SharedConfig{
		Name: k.opts.NATSConsumerName, Create: k.opts.CreateConsumer, Filter: k.opts.FilterSubjects, MaxAge: k.opts.MaxAge,
		Logger: k.log, PullBytes: int(k.pullBytes()), FailWhenGone: k.opts.Once,
	})
	if err != nil {
		return opened{}, err
	}
	k.log.Info("capturing, each message in at least one file", "consumer", k.opts.NATSConsumerName)
	return opened{rd: rd, last: info.LastSeq}, nil
}

// check implements keeper. A shared consumer proves nothing, and nothing is concluded from it.
func (k *storeKeeper[P, K]) check(context.Context, reader.Reader) error { return nil }

func (k *storeKeeper[P, K]) close() error { return nil }

// settle implements keeper: every commit has waited for its acks.
func (k *storeKeeper[P, K]) settle(context.Context) error { return nil }

// diverged implements keeper: a consumer has no position that a stream could contradict.
func (k *storeKeeper[P, K]) diverged(*reader.DivergedError) {}

// commit implements keeper.
func (k *storeKeeper[P, K]) commit(ctx context.Context, rd reader.Reader, s *sealedCut[P, K]) error {
	var blocks []*engine.Block
	for _, b := range s.cut.Blocks {
		if b.Messages > 0 {
			blocks = append(blocks, b)
		}
	}
	sizes := make([]int64, len(blocks))
	err := each(ctx, k.opts.StoreWorkers, len(blocks), func(ctx context.Context, i int) (err error) {
		f := s.files[blocks[i]]
		sizes[i] = f.Size()
		if blocks[i].Kind == cutlog.KindDead {
			return k.bury(ctx, f.Sealed)
		}
		return k.write(ctx, blocks[i], f)
	})
	if err != nil {
		return err
	}
	s.event = CutDone{Reason: string(s.reason), Blocks: len(blocks), Messages: s.cut.Messages, Dead: s.cut.Dead, Skipped: int64(s.cut.Skipped.Count())}
	for _, n := range sizes {
		s.event.Bytes += n
	}
	if err := rd.(replier).AckReplies(ctx, s.table.replies.list()); err != nil && ctx.Err() == nil {
		k.log.Warn("acks are not confirmed: the messages may come again and be stored again", "error", err)
	}
	return nil
}

// temporary says of every error of a user's store that trying again may help: only the user knows better.
func temporary(error) bool { return false }

// write stores one block.
func (k *storeKeeper[P, K]) write(ctx context.Context, b *engine.Block, f file[K]) error {
	name := engine.StoreName(k.opts.NATSStreamName, b.Seqs, b.Suffix)
	var location string
	err := k.retry(ctx, "store "+name, temporary, func(ctx context.Context) error {
		body, err := f.Open()
		if err != nil {
			return err
		}
		location, err = k.opts.Store.Write(ctx, body, f.key, engine.WindowDir(b.Window)+"/", name)
		if errors.Is(err, bucket.ErrExists) { // the same messages, in the order of an earlier delivery
			k.log.Info("the store has a block of these messages already", "block", name, "store", err)
			err = nil
		}
		return errors.Join(err, body.Close())
	})
	if err != nil {
		return err
	}
	k.tellBlock(BlockStored{
		Location: location, Key: []string{fmt.Sprint(f.key)}, Window: windowTime(b.Window), First: b.Seqs.First(), Last: b.Seqs.Last(),
		Messages: b.Messages, Rows: b.Rows, Size: f.Size(),
	})
	return nil
}

// bury hands each dead letter of a block to the user.
func (k *storeKeeper[P, K]) bury(ctx context.Context, f *spool.Sealed) (err error) {
	in, err := f.Plain()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	rows := bufio.NewReaderSize(in, 64<<10)
	for {
		row, err := rows.ReadBytes('\n')
		if errors.Is(err, io.EOF) && len(bytes.TrimSpace(row)) == 0 {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read a dead letter back from the spool: %w", err)
		}
		var letter DeadLetter
		if err := json.Unmarshal(row, &letter); err != nil {
			return fmt.Errorf("read a dead letter back from the spool: %w", err)
		}
		keep := func(ctx context.Context) error { return k.opts.DeadLetters(ctx, letter) }
		if err := k.retry(ctx, fmt.Sprintf("keep the dead letter of sequence %d", letter.Seq), temporary, keep); err != nil {
			return err
		}
	}
}

// replies are the reply subjects of the messages of one cut, by which they are acknowledged: the newest of each.
type replies struct {
	at  map[uint64]int // by stream sequence
	all []string
}

// add notes a delivery, and reports whether the message is in the cut already.
func (r *replies) add(m *reader.Message) (again bool) {
	if r.at == nil {
		r.at = map[uint64]int{}
	}
	i, again := r.at[m.Seq]
	if again {
		r.all[i] = m.Msg.Reply
		return true
	}
	r.at[m.Seq] = len(r.all)
	r.all = append(r.all, m.Msg.Reply)
	return false
}

func (r *replies) list() []string {
	if r == nil {
		return nil
	}
	return r.all
}
