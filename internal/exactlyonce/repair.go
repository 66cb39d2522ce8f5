package exactlyonce

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"time"

	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/capture"
	"github.com/jetcapture/jetcapture/internal/engine"
	"github.com/jetcapture/jetcapture/internal/logstore"
	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/jetcapture/jetcapture/internal/spool"
)

// Mended is what became of one file that Repair was to make again.
type Mended struct {
	File string // its path, as planned
	Name string // where the mended file is; empty if there is none
	Why  string // why there is none
}

// Repair makes files of cut n again, which are damaged or missing, from what the stream still has. It is the redo of a
// cut, but for single files of a finished one: neither the plan nor the done record is touched. A file is put under its
// own name if that is free and the bytes are those of the done record. Otherwise a repair record says first which bytes
// stand for the file, and under which name. Nothing is ever overwritten.
//
// One goroutine uses the Keeper, and only for this.
func (k *Keeper) Repair(ctx context.Context, n uint64, paths []string) ([]Mended, error) {
	var r repair
	err := k.retry(ctx, "read the cut", func(ctx context.Context) (err error) {
		r.Head, err = k.writer.Log.At(ctx, n)
		return err
	})
	if err != nil {
		return nil, err
	}
	if r.Done == nil {
		return nil, fmt.Errorf("cut %d is not finished: the next start of its capture does that", n)
	}
	r.Keeper = k
	var todo []int // what is not at hand and has to be read from the stream
	for i := range r.Plan.Blocks {
		if !slices.Contains(paths, r.Plan.Blocks[i].Path()) {
			continue
		}
		there, err := r.atHand(ctx, i)
		if err != nil {
			return r.mended, err
		}
		if !there {
			todo = append(todo, i)
		}
	}
	if len(todo) == 0 {
		return r.mended, nil
	}
	return r.mended, r.fromStream(ctx, todo)
}

// repair is one call of Repair. It belongs to its goroutine.
type repair struct {
	*Keeper
	cutlog.Head
	same   bool // the stream is the one that was captured, as far as can be told
	mended []Mended
}

// atHand puts an earlier mended file in the place of its block if the damaged one was moved away. It reports whether
// nothing is left to do.
func (r *repair) atHand(ctx context.Context, i int) (bool, error) {
	b := &r.Plan.Blocks[i]
	record, err := r.record(ctx, i)
	if err != nil || record == nil || record.Name == b.Path() {
		return false, err
	}
	in, err := r.cfg.Bucket.Open(ctx, record.Name, 0, -1)
	if errors.Is(err, bucket.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer func() { _ = in.Close() }()
	err = r.putFile(ctx, b.Path(), in, record.File)
	switch {
	case err == nil:
		r.mended = append(r.mended, Mended{File: b.Path(), Name: b.Path()})
	case errors.Is(err, bucket.ErrExists):
		r.mended = append(r.mended, Mended{File: b.Path(), Name: record.Name})
	case errors.Is(err, bucket.ErrBody):
		return false, nil // damaged, too
	default:
		return false, err
	}
	return true, nil
}

// record returns the repair record of a block, or nil if there is none.
func (r *repair) record(ctx context.Context, i int) (*cutlog.Repair, error) {
	name := cutlog.RepairName(r.writer.Capture, r.N, i)
	data, err := logstore.Store{Bucket: r.cfg.Bucket}.Get(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return cutlog.DecodeRepair(name, data)
}

// fromStream reads the messages of blocks from the stream, by themselves, so that no consumer is needed.
func (r *repair) fromStream(ctx context.Context, blocks []int) error {
	if err := r.judge(ctx); err != nil {
		return err
	}
	maker, err := r.makerFor(r.Plan)
	if err != nil {
		return err
	}
	for len(blocks) > 0 {
		if blocks, err = r.pass(ctx, maker, blocks); err != nil {
			return err
		}
	}
	return nil
}

// judge finds out whether the stream is the one of the plan.
func (r *repair) judge(ctx context.Context) error {
	info, err := r.stream.Info(ctx)
	if err != nil {
		return err
	}
	look, err := r.Look(ctx, r.Plan.Anchor)
	r.same = look == engine.AnchorSame && info.Created.Equal(r.Plan.Stream.Created)
	return err
}

// pass makes some of the blocks, and returns the others.
func (r *repair) pass(ctx context.Context, maker *capture.Maker, blocks []int) (later []int, err error) {
	s, err := newPass(maker, r.Plan, blocks)
	defer s.made.Discard()
	if err != nil {
		return nil, err
	}
	in := span{reader.OpenStored(r.stream, r.cfg.Filter, r.Plan.From, r.Plan.To)}
	var diverged *reader.DivergedError
	later, err = s.read(ctx, in, r.run.Observer)
	if errors.As(err, &diverged) {
		return nil, fmt.Errorf("stream %s has other messages now than when cut %d was made", r.Plan.Stream.Name, r.N)
	}
	if err != nil {
		return nil, err
	}
	return later, s.finish(ctx, func(made []engine.Remade) error {
		for _, m := range made {
			if err := r.take(ctx, m); err != nil {
				return err
			}
		}
		return nil
	})
}

// take stores a file that was made, unless messages are missing in it that the damaged one has.
func (r *repair) take(ctx context.Context, m engine.Remade) error {
	b := &r.Plan.Blocks[m.Block]
	if gone := m.Lost.Minus(r.lostBefore(m.Block)); !gone.Empty() || m.Empty {
		r.mended = append(r.mended, Mended{File: b.Path(), Why: fmt.Sprintf(
			"the stream no longer has %d of its %d messages (sequences %d to %d)",
			gone.Count(), b.Messages, gone.First(), gone.Last())})
		return nil
	}
	content := m.Content.(*spool.Sealed)
	defer content.Discard()
	file, err := describe(content)
	if err != nil {
		return err
	}
	planned := file == r.Done.Files[m.Block]
	if !planned && !r.same {
		r.mended = append(r.mended, Mended{File: b.Path(), Why: "the stream is another one now, or has lost the last " +
			"message of the cut, and what it has at these sequences does not give the same file"})
		return nil
	}
	name, err := r.store(ctx, m.Block, content, file, planned)
	if err == nil {
		r.mended = append(r.mended, Mended{File: b.Path(), Name: name})
	}
	return err
}

// lostBefore are the messages that the file lacks by the lost record of its cut.
func (r *repair) lostBefore(block int) cutlog.SeqSet {
	if r.Lost != nil {
		for _, l := range r.Lost.Blocks {
			if l.Block == block {
				return l.Seqs
			}
		}
	}
	return cutlog.SeqSet{}
}

// store puts a mended file: with the planned bytes under its own name if that is free, else with a record.
func (r *repair) store(
	ctx context.Context, i int, content *spool.Sealed, file cutlog.File, planned bool,
) (name string, err error) {
	b := &r.Plan.Blocks[i]
	if planned {
		err := r.putContent(ctx, b.Path(), content, file)
		if !errors.Is(err, bucket.ErrExists) {
			return b.Path(), err
		}
	}
	name = b.Path()
	if _, err := r.cfg.Bucket.Stat(ctx, name); !errors.Is(err, bucket.ErrNotExist) {
		name = cutlog.MendedName(r.writer.Capture, b)
	}
	record := &cutlog.Repair{
		N: r.N, Plan: r.PlanSum, Block: i, Writer: r.writer.Me, Time: time.Now(), Name: name, File: file,
	}
	encoded, err := cutlog.EncodeRepair(r.writer.Capture, record)
	if err != nil {
		return "", err
	}
	won := false
	err = r.retry(ctx, "put "+encoded.Name, func(ctx context.Context) (err error) {
		won, err = r.writer.Log.Put(ctx, encoded)
		return err
	})
	if err != nil {
		return "", err
	}
	if !won {
		there, err := r.record(ctx, i)
		if err != nil {
			return "", err
		}
		if there.File != file {
			return "", fmt.Errorf("%s was repaired before, with other bytes: what stands in %s is needed", b.Path(), there.Name)
		}
		name = there.Name
	}
	err = r.putContent(ctx, name, content, file)
	if errors.Is(err, bucket.ErrExists) { // an earlier repair put it, or it is damaged; verify says
		err = nil
	}
	return name, err
}

// putContent puts a file that was made, until the store answers.
func (r *repair) putContent(ctx context.Context, name string, content *spool.Sealed, file cutlog.File) error {
	return r.retry(ctx, "put "+name, func(ctx context.Context) (err error) {
		body, err := content.Open()
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, body.Close()) }()
		err = r.putFile(ctx, name, body, file)
		if errors.Is(err, bucket.ErrExists) {
			return bucket.Permanent(err)
		}
		return err
	})
}

// putFile puts a body that must be the file.
func (r *repair) putFile(ctx context.Context, name string, body io.Reader, file cutlog.File) error {
	sum, err := hex.DecodeString(file.SHA256)
	if err != nil {
		return err
	}
	return r.cfg.Bucket.PutNew(ctx, name, body, bucket.PutOptions{
		Size: file.Size, SHA256: sum, ContentType: logstore.ContentType(name),
	})
}

// describe returns the size and the sum of a file that was made.
func describe(content *spool.Sealed) (f cutlog.File, err error) {
	body, err := content.Open()
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, body.Close()) }()
	sum := sha256.New()
	f.Size, err = io.Copy(sum, body)
	f.SHA256 = hex.EncodeToString(sum.Sum(nil))
	return f, err
}

// span is a part of the stream that is read without a consumer, as a reader.
type span struct{ *reader.Stored }

// Check implements reader.Reader.
func (span) Check(context.Context) error { return nil }

// Ack implements reader.Reader.
func (span) Ack(context.Context, uint64) error { return nil }

// Close implements reader.Reader.
func (span) Close(context.Context) error { return nil }
