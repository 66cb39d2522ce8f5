package jetcapture

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"strconv"

	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/codec"
	"github.com/jetcapture/jetcapture/internal/rowcount"
	"github.com/jetcapture/jetcapture/internal/spool"
)

// newCodec returns the codec of a compression.
func newCodec(c Compression, level int) (*codec.Codec, error) {
	if c == "" {
		c = None
	}
	return codec.New(string(c), level)
}

// put stores the file of block i of p, until it is there, and returns what is there: ours, or what another writer made of the same plan.
func (k *archiveKeeper[P, K]) put(ctx context.Context, p *cutlog.Plan, i int, content *spool.Sealed) (f cutlog.File, err error) {
	b := p.Blocks[i]
	name := b.Dir + "/" + b.Name
	err = k.retry(ctx, "put "+name, func(ctx context.Context) error {
		f, err = k.putOnce(ctx, p, i, content)
		return err
	})
	if err != nil {
		return f, err
	}
	k.tellBlock(BlockStored{
		Location: k.bucket.String() + "/" + name, Dead: b.Kind == cutlog.KindDead, Key: texts(b.Key), Window: b.Window,
		First: b.Seqs.First(), Last: b.Seqs.Last(), Messages: b.Messages, Rows: b.Rows, Size: f.Size,
	})
	return f, nil
}

func texts(ts []cutlog.Text) []string {
	s := make([]string, len(ts))
	for i, t := range ts {
		s[i] = string(t)
	}
	return s
}

// putOnce tries to put a file. One that is there already is read back.
func (k *archiveKeeper[P, K]) putOnce(ctx context.Context, p *cutlog.Plan, i int, content *spool.Sealed) (f cutlog.File, err error) {
	b := p.Blocks[i]
	body, err := content.Open()
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, body.Close()) }()
	sum := sha256.New()
	err = k.bucket.PutNew(ctx, b.Dir+"/"+b.Name, io.TeeReader(body, sum), bucket.PutOptions{
		Size: content.Size(), ContentType: contentType(b.Name), Metadata: map[string]string{
			"stream": p.Stream.Name, "capture": k.w.Capture, "incarnation": p.Incarnation, "rows": strconv.FormatInt(b.Rows, 10),
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
	if err == nil && !ok {
		err = fmt.Errorf("store says that %s exists, and does not have it", b.Name)
	}
	return f, err
}

// find reads the file of block i of p back, if it is there. It was put by this plan, so it must decompress and hold the planned rows, less
// those that are lost.
func (k *archiveKeeper[P, K]) find(ctx context.Context, p *cutlog.Plan, i int) (f cutlog.File, ok bool, err error) {
	b := p.Blocks[i]
	name := b.Dir + "/" + b.Name
	in, err := k.bucket.Open(ctx, name, 0, -1)
	if errors.Is(err, bucket.ErrNotExist) {
		return f, false, nil
	}
	if err != nil {
		return f, false, err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	measured := &measure{r: in, sum: sha256.New()}
	rows, wrong := readBack(measured, p, b)
	if measured.err != nil { // nothing is known about the file
		return f, false, measured.err
	}
	if err := k.w.CheckFound(ctx, i, rows, wrong); err != nil {
		return f, false, err
	}
	return cutlog.File{Size: measured.size, SHA256: hex.EncodeToString(measured.sum.Sum(nil))}, true, nil
}

// readBack decompresses a file to its end and counts the rows; they are -1 where the format is not known.
func readBack(in io.Reader, p *cutlog.Plan, b cutlog.Block) (rows int64, err error) {
	c := Compression(p.Settings.Compression())
	layout := rowcount.Layout{Format: p.Settings.User(cutlog.SettingFormat), NoHeader: !p.Settings.CSVHeader()}
	if b.Kind == cutlog.KindDead {
		c, layout = GZip, rowcount.Layout{Format: rowcount.NDJSON}
	}
	cd, err := newCodec(c, 0)
	if err != nil {
		return 0, err
	}
	plain, err := cd.NewReader(in)
	if err != nil {
		return 0, err
	}
	rows, err = layout.Count(plain, make([]byte, rowcount.BufferSize))
	if err := errors.Join(err, plain.Close()); err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, in)
	return rows, err
}

// measure counts and hashes what is read through it, and keeps the store's error.
type measure struct {
	r    io.Reader
	sum  hash.Hash
	size int64
	err  error
}

func (m *measure) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	m.size += int64(n)
	m.sum.Write(p[:n])
	if err != nil && err != io.EOF { // readers return io.EOF itself
		m.err = err
	}
	return n, err
}
