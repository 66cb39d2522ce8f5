package exactlyonce

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/jetcapture/jetcapture/bucket"
)

// fault is what happens to a request to create an object.
type fault int

const (
	refused    fault = iota // not carried out
	unanswered              // carried out, the caller gets an error
	repeated                // carried out twice, as a proxy may do it
	late                    // carried out when the caller has got an error
	faults                  // number of faults
	none
)

// memBucket is the store as a process sees it.
type memBucket struct {
	*bucket.Mem
	*process
}

// String implements bucket.Bucket.
func (memBucket) String() string { return "memory" }

// PutNew implements bucket.Bucket.
func (b memBucket) PutNew(ctx context.Context, name string, body io.Reader, o bucket.PutOptions) error {
	data, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	if err := b.touch(ctx, "put "+name); err != nil {
		return err
	}
	put := func() error { return b.Mem.PutNew(context.Background(), name, bytes.NewReader(data), o) }
	switch f := b.fault(name); f {
	case refused:
		return fmt.Errorf("put refused: %w", errFault)
	case late:
		b.w.later(time.Duration(b.draw("delay of "+name, 60))*time.Second, func() { _ = put() })
		return fmt.Errorf("put in flight: %w", errFault)
	case unanswered:
		_ = put()
		return fmt.Errorf("response lost: %w", errFault)
	case repeated:
		_ = put()
	}
	err = put()
	b.w.trace("%s: puts %s: %v", b.name, name, err)
	if e := b.touch(ctx, "answer "+name); e != nil {
		return e
	}
	return err
}

// fault draws what happens to a request to create an object.
func (b memBucket) fault(name string) fault {
	if !b.unlucky("put "+name, 8) {
		return none
	}
	return fault(b.draw("fault of "+name, int(faults)))
}

// Open implements bucket.Bucket.
func (b memBucket) Open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	if err := b.touch(ctx, "open "+name); err != nil {
		return nil, err
	}
	if b.unlucky("open "+name, 25) {
		return nil, fmt.Errorf("open refused: %w", errFault)
	}
	return b.Mem.Open(ctx, name, offset, length)
}

// List implements bucket.Bucket. It may miss the newest objects.
func (b memBucket) List(ctx context.Context, prefix, after string) iter.Seq2[bucket.Info, error] {
	return func(yield func(bucket.Info, error) bool) {
		if err := b.touch(ctx, "list"); err != nil {
			yield(bucket.Info{}, err)
			return
		}
		stale := b.unlucky("list", 8)
		var held []bucket.Info // of a stale list, what may be missing
		for info, err := range b.Mem.List(ctx, prefix, after) {
			if stale && err == nil {
				if held = append(held, info); len(held) <= 3 {
					continue
				}
				info, held = held[0], held[1:]
			}
			if !yield(info, err) {
				return
			}
		}
	}
}

// sum returns a sum of all objects.
func (w *world) sum() string {
	h := sha256.New()
	for info, err := range w.objects.List(context.Background(), "", "") {
		if err != nil {
			w.t.Error(err)
			break
		}
		in, err := w.objects.Open(context.Background(), info.Name, 0, -1)
		if err != nil {
			w.t.Error(err)
			break
		}
		_, _ = fmt.Fprintln(h, info.Name, info.Size)
		_, _ = io.Copy(h, in) // from memory into a sum: cannot fail
	}
	return hex.EncodeToString(h.Sum(nil))
}
