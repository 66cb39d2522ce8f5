package exactlyonce

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/capture"
	"github.com/jetcapture/jetcapture/internal/codec"
	"github.com/jetcapture/jetcapture/internal/engine"
	"github.com/jetcapture/jetcapture/internal/logstore"
	"github.com/jetcapture/jetcapture/internal/measure"
	"github.com/jetcapture/jetcapture/internal/parallel"
	"github.com/jetcapture/jetcapture/internal/rowcount"
	"github.com/jetcapture/jetcapture/internal/spool"
)

// Find implements engine.Redoer. After a crash between the last file and done, it finds all files, and nothing is read
// again.
func (r *redoer) Find(ctx context.Context, p *cutlog.Plan, i int) (f cutlog.File, ok bool, err error) {
	err = r.retry(ctx, "look for "+p.Blocks[i].Name, func(ctx context.Context) error {
		f, ok, err = r.find(ctx, p, i)
		return err
	})
	if err == nil && ok {
		r.run.Observer.Observe(capture.FileThere{N: p.N, Of: len(p.Blocks)})
	}
	return f, ok, err
}

// Put implements engine.Redoer. It discards the content when the file is stored or given up.
func (r *redoer) Put(ctx context.Context, p *cutlog.Plan, i int, c engine.Content) (cutlog.File, error) {
	f := c.(*spool.Sealed)
	defer f.Discard()
	return r.put(ctx, p, i, f)
}

// Each implements engine.Redoer. Up to StoreWorkers calls of f run at the same time.
func (r *redoer) Each(ctx context.Context, n int, f func(ctx context.Context, i int) error) error {
	return parallel.Each(ctx, r.run.Config.StoreWorkers, n, f)
}

// put tries to store the file of block i of p until a file is there. It returns that file, which may be another
// writer's file of the same plan. Several goroutines call it for different blocks.
func (k *Keeper) put(ctx context.Context, p *cutlog.Plan, i int, content *spool.Sealed) (f cutlog.File, err error) {
	b := p.Blocks[i]
	err = k.retry(ctx, "put "+b.Path(), func(ctx context.Context) error {
		f, err = k.putOnce(ctx, p, i, content)
		return err
	})
	if err != nil {
		return f, err
	}
	k.run.Observer.Observe(capture.FileThere{N: p.N, Of: len(p.Blocks)})
	k.run.Observer.Observe(capture.BlockStored{
		Location: k.cfg.Bucket.String() + "/" + b.Path(), Dead: b.Kind == cutlog.KindDead, Key: capture.Texts(b.Key),
		Window: b.Window, First: b.Seqs.First(), Last: b.Seqs.Last(), Messages: b.Messages, Rows: b.Rows, Size: f.Size,
	})
	return f, nil
}

// putOnce tries to put a file once. If the name is taken, it reads the file that is there.
func (k *Keeper) putOnce(ctx context.Context, p *cutlog.Plan, i int, content *spool.Sealed) (f cutlog.File, err error) {
	b := p.Blocks[i]
	body, err := content.Open()
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, body.Close()) }()
	sum := sha256.New() // the done record keeps the sum of what was put
	err = k.cfg.Bucket.PutNew(ctx, b.Path(), io.TeeReader(body, sum), bucket.PutOptions{
		Size: content.Size(), ContentType: logstore.ContentType(b.Name), Metadata: map[string]string{
			"stream": p.Stream.Name, "capture": k.writer.Capture, "incarnation": p.Incarnation,
			"rows":      strconv.FormatInt(b.Rows, 10),
			"first-seq": strconv.FormatUint(b.Seqs.First(), 10), "last-seq": strconv.FormatUint(b.Seqs.Last(), 10),
		},
	})
	if err == nil {
		return cutlog.File{Size: content.Size(), SHA256: hex.EncodeToString(sum.Sum(nil))}, nil
	}
	if !errors.Is(err, bucket.ErrExists) {
		return f, err
	}
	f, ok, err := k.find(ctx, p, i)
	if err == nil && !ok { // tried again, since the two answers contradict each other
		err = fmt.Errorf("store says that %s exists, and does not have it", b.Name)
	}
	return f, err
}

// find reads the file of block i of p back, if there is one. A file under that name was put by a writer of this plan,
// so it must decompress and hold the planned rows, except those that are lost.
func (k *Keeper) find(ctx context.Context, p *cutlog.Plan, i int) (f cutlog.File, ok bool, err error) {
	b := p.Blocks[i]
	in, err := k.cfg.Bucket.Open(ctx, b.Path(), 0, -1)
	if errors.Is(err, bucket.ErrNotExist) {
		return f, false, nil
	}
	if err != nil {
		return f, false, err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	measured := measure.NewReader(in)
	rows, damage := readBack(measured, p, b)
	if err := measured.Err(); err != nil { // the store failed, so nothing is known about the file
		return f, false, err
	}
	if err := k.writer.CheckFound(ctx, i, rows, damage); err != nil {
		return f, false, err
	}
	return cutlog.File{Size: measured.Size(), SHA256: measured.SHA256()}, true, nil
}

// readBack decompresses a file to its end and counts its rows. If the format is not known, rows is -1. An error means
// that the file is damaged, unless the store has failed.
func readBack(in io.Reader, p *cutlog.Plan, b cutlog.Block) (rows int64, err error) {
	settings := p.Settings
	name := cmp.Or(settings.Compression(), codec.None)
	layout := rowcount.Layout{Format: settings.User(cutlog.SettingFormat), NoHeader: !settings.CSVHeader()}
	if b.Kind == cutlog.KindDead {
		name, layout = codec.Gzip, rowcount.Layout{Format: rowcount.NDJSON}
	}
	c, err := codec.New(name, 0)
	if err != nil {
		return 0, err
	}
	plain, err := c.NewReader(in)
	if err != nil {
		return 0, err
	}
	rows, err = layout.Count(plain, make([]byte, rowcount.BufferSize))
	if err := errors.Join(err, plain.Close()); err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, in) // so that size and sum are those of the whole file
	return rows, err
}
