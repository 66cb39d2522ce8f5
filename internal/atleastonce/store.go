package atleastonce

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
	"github.com/jetcapture/jetcapture/internal/capture"
	"github.com/jetcapture/jetcapture/internal/engine"
	"github.com/jetcapture/jetcapture/internal/measure"
)

// neverPermanent decides about errors of the user's code. Only the user can know which are permanent, so everything is
// tried again.
func neverPermanent(error) bool { return false }

// write stores one block. If its name is taken by other bytes, it uses a second name: the messages may be stored twice
// then, but they are stored. Several goroutines call it for different blocks.
func (rd *reading) write(ctx context.Context, b *engine.Block, f capture.File) error {
	name := engine.StoreName(rd.k.run.Source.Stream(), rd.created, b.Seqs, b.Suffix)
	var location string
	err := rd.k.run.Retry(ctx, "store "+name, neverPermanent, func(ctx context.Context) (err error) {
		location, err = writeOnce(ctx, b, f, name)
		if !errors.Is(err, bucket.ErrExists) {
			return err
		}
		second, nameErr := contentName(name, b.Suffix, f)
		if nameErr != nil {
			return nameErr
		}
		rd.k.run.Observer.Observe(capture.SecondName{Name: name, Second: second, Err: err})
		location, err = writeOnce(ctx, b, f, second)
		return err
	})
	if err != nil {
		return err
	}
	rd.k.run.Observer.Observe(capture.BlockStored{
		Location: location, Key: capture.Texts(b.Key), Window: time.Unix(0, b.Window).UTC(),
		First: b.Seqs.First(), Last: b.Seqs.Last(), Messages: b.Messages, Rows: b.Rows, Size: f.Size(),
	})
	return nil
}

// writeOnce calls the store once, with a block from its start.
func writeOnce(ctx context.Context, b *engine.Block, f capture.File, name string) (location string, err error) {
	body, err := f.Open()
	if err != nil {
		return "", err
	}
	location, err = f.Keys.Store(ctx, f.Group, body, engine.WindowDir(b.Window)+"/", name)
	return location, errors.Join(err, body.Close())
}

// contentName returns a block's second name: the first name and 8 hex digits of the SHA-256 of its bytes. The same
// bytes get the same second name again.
func contentName(name, suffix string, f capture.File) (string, error) {
	body, err := f.Open()
	if err != nil {
		return "", err
	}
	sum := measure.NewReader(body)
	if err := errors.Join(sum.Drain(), body.Close()); err != nil {
		return "", fmt.Errorf("read the block %s back from the spool: %w", name, err)
	}
	if suffix != "" { // the digits go before it
		suffix = "." + suffix
	}
	return fmt.Sprintf("%s-%s%s", strings.TrimSuffix(name, suffix), sum.SHA256()[:8], suffix), nil
}

// handOver gives the dead letters of a block to the user, one after the other, each until it is stored.
func (k *Keeper) handOver(ctx context.Context, f capture.File) (err error) {
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
		var d capture.DeadLetter
		if err := json.Unmarshal(row, &d); err != nil {
			return fmt.Errorf("read a dead letter back from the spool: %w", err)
		}
		keep := func(ctx context.Context) error {
			k.letters.Lock()
			defer k.letters.Unlock()
			return k.cfg.DeadLetters(ctx, d)
		}
		what := fmt.Sprintf("keep the dead letter of sequence %d", d.Seq)
		if err := k.run.Retry(ctx, what, neverPermanent, keep); err != nil {
			return err
		}
	}
}
