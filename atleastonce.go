package jetcapture

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/engine"
	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/jetcapture/jetcapture/internal/spool"
)

// storeKeeper keeps the promise of a Store: store, then acknowledge. A crash between the two stores the messages again, under the same
// name if the block holds exactly the same messages, and beside it if they came in another order.
type storeKeeper[P Payload, K DestKey] struct {
	*run[P, K]
	created time.Time // the stream that is read was created then; set by open, while no cut is being stored
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
		Created: info.Created, Logger: k.log, PullBytes: int(k.pullBytes()), FailWhenGone: k.opts.Once,
	})
	if err != nil {
		return opened{}, err
	}
	k.created = info.Created
	k.log.Info("capturing, each message in at least one file", "consumer", k.opts.NATSConsumerName)
	return opened{rd: rd, last: info.LastSeq}, nil
}

// check implements keeper. A shared consumer proves nothing, and nothing is concluded from it.
func (k *storeKeeper[P, K]) check(context.Context, reader.Reader) error { return nil }

func (k *storeKeeper[P, K]) close() error { return nil }

// settle implements keeper: every commit has waited for its acks.
func (k *storeKeeper[P, K]) settle(context.Context) error { return nil }

// diverged implements keeper: open finds out by itself which stream it is now.
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
	if err := k.ack(ctx, rd, s.table.replies.list()); err != nil && ctx.Err() == nil {
		k.log.Warn("acks are not confirmed: the messages may come again and be stored again", "error", err)
	}
	return nil
}

// ack acknowledges what is stored, unless the stream has been recreated since it was read: an ack names a message by its sequence, which is
// that of another message then.
func (k *storeKeeper[P, K]) ack(ctx context.Context, rd reader.Reader, replies []string) error {
	info, err := k.askStream(ctx)
	if err != nil {
		return fmt.Errorf("none is sent while the stream cannot be asked whether it is still the same: %w", err)
	}
	if !info.Created.Equal(k.created) {
		k.log.Warn("what was stored is not acknowledged: the stream is another one now", "was", k.created, "is", info.Created)
		return nil
	}
	return rd.(replier).AckReplies(ctx, replies)
}

// askStream gives a server that is on its way some time.
func (k *storeKeeper[P, K]) askStream(ctx context.Context) (reader.StreamInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	for {
		info, err := k.src.Info(ctx)
		if err == nil || errors.Is(err, reader.ErrStreamNotFound) || !reader.IsTemporary(err) {
			return info, err
		}
		if pause(ctx, tickEvery) != nil {
			return info, err
		}
	}
}

// temporary says of every error of a user's store that trying again may help: only the user knows better.
func temporary(error) bool { return false }

// write stores one block, under a second name if the first one is taken by something else: it may be there twice then, but never not at all.
func (k *storeKeeper[P, K]) write(ctx context.Context, b *engine.Block, f file[K]) error {
	name := engine.StoreName(k.opts.NATSStreamName, k.created, b.Seqs, b.Suffix)
	var location string
	err := k.retry(ctx, "store "+name, temporary, func(ctx context.Context) (err error) {
		location, err = k.writeOnce(ctx, b, f, name)
		if !errors.Is(err, bucket.ErrExists) {
			return err
		}
		second, nameErr := contentName(name, b.Suffix, f.Sealed)
		if nameErr != nil {
			return nameErr
		}
		k.log.Warn("the store has another file of that name, the block gets a second name", "block", name, "second", second, "store", err)
		location, err = k.writeOnce(ctx, b, f, second)
		return err
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

// writeOnce calls the store with a block from its start.
func (k *storeKeeper[P, K]) writeOnce(ctx context.Context, b *engine.Block, f file[K], name string) (location string, err error) {
	body, err := f.Open()
	if err != nil {
		return "", err
	}
	location, err = k.opts.Store.Write(ctx, body, f.key, engine.WindowDir(b.Window)+"/", name)
	return location, errors.Join(err, body.Close())
}

// contentName is a block's second name: the first one and 8 hex digits of the SHA-256 of its bytes.
func contentName(name, suffix string, f *spool.Sealed) (string, error) {
	body, err := f.Open()
	if err != nil {
		return "", err
	}
	sum := newHashedBody(body)
	if err := errors.Join(sum.drain(), body.Close()); err != nil {
		return "", fmt.Errorf("read the block %s back from the spool: %w", name, err)
	}
	if suffix != "" {
		suffix = "." + suffix
	}
	return fmt.Sprintf("%s-%x%s", strings.TrimSuffix(name, suffix), sum.hash.Sum(nil)[:4], suffix), nil
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
	at  map[delivered]int
	all []string
}

// delivered is a message, whatever stream it is of: a stream that was recreated gives its messages the same sequences, at other times.
type delivered struct {
	seq  uint64
	time int64
}

// add notes a delivery, and reports whether the message is in the cut already.
func (r *replies) add(m *reader.Message) (again bool) {
	if r.at == nil {
		r.at = map[delivered]int{}
	}
	id := delivered{m.Seq, m.Time}
	i, again := r.at[id]
	if again {
		r.all[i] = m.Msg.Reply
		return true
	}
	r.at[id] = len(r.all)
	r.all = append(r.all, m.Msg.Reply)
	return false
}

func (r *replies) list() []string {
	if r == nil {
		return nil
	}
	return r.all
}
