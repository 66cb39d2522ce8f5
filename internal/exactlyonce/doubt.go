package exactlyonce

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/jetcapture/jetcapture/internal/retry"
)

// doubt is a part of the stream that the leader still has and a consumer has passed over.
type doubt struct {
	through uint64        // the end of the cut that was dropped
	holes   cutlog.SeqSet // its sequences that were missing, as far as they are in no cut yet
	times   int           // how often in a row
}

// doubted reads what consumers have passed over twice from the stream itself, and then goes on with a consumer.
type doubted struct {
	streamReader
	stored *reader.Stored
	proved bool // the stream was the same when all of stored had been read
}

// Next implements reader.Reader.
func (d *doubted) Next(ctx context.Context) (reader.Batch, error) {
	for !d.stored.Done() {
		b, err := d.stored.Next(ctx)
		if err == nil || !reader.IsTemporary(err) {
			return b, err
		}
		if err := retry.Pause(ctx, time.Second); err != nil {
			return b, err
		}
	}
	b, err := d.streamReader.Next(ctx)
	return b, d.spoilt(err)
}

// Check implements reader.Reader.
func (d *doubted) Check(ctx context.Context) error {
	err := d.spoilt(d.streamReader.Check(ctx))
	d.proved = d.proved || err == nil && d.stored.Done()
	return err
}

// spoilt turns the end of a stream into ErrDisturbed while stored is not proved. What a consumer delivered before that
// end is good, but of what was read message by message, some may be older and some newer than a rollback.
func (d *doubted) spoilt(err error) error {
	var diverged *reader.DivergedError
	if d.proved || !errors.As(err, &diverged) {
		return err
	}
	return fmt.Errorf("%w: %s", reader.ErrDisturbed, diverged.Error())
}

// beyondDoubt returns the position at the end of what is read without a consumer. Its anchor is the newest message
// there: a rollback while that part is read would change it, and no cut is made without a look at it.
func (k *Keeper) beyondDoubt(ctx context.Context, at reader.Position) (reader.Position, error) {
	info, err := k.stream.Info(ctx)
	if err != nil {
		return at, err
	}
	to := k.doubt.through
	for seq := min(to, info.LastSeq); seq >= max(at.After+1, info.FirstSeq); seq-- {
		m, err := k.stream.Get(ctx, seq)
		if err == nil {
			at.Anchor = m.Anchor()
			break
		}
		if !errors.Is(err, reader.ErrMessageNotFound) {
			return at, err
		}
	}
	at.After = to
	// The old anchor is looked at after the new one was fetched, or the new one could be of another branch.
	same, err := k.entry.MayAck(ctx)
	if err == nil && !same {
		err = fmt.Errorf("%w: the stream was replaced meanwhile", reader.ErrDisturbed)
	}
	return at, err
}
