package buckettest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/jetcapture/jetcapture/bucket"
)

// ErrInjected is in the chain of every error that Faulty injects. It is not permanent.
var ErrInjected = errors.New("injected fault")

// Faulty is a Bucket that passes calls on to another one, injects the faults that its Schedule chooses, and counts
// them. It may be used from any goroutine and starts none. Its fields must not be changed once it is in use.
type Faulty struct {
	Delay   time.Duration // how long Slow waits
	LateBy  int           // how many calls after its own a LatePut is stored
	StaleBy int           // how many of the newest names are missing in a StaleList

	under    bucket.Bucket
	schedule Schedule

	mu       sync.Mutex // guards the following
	calls    int
	counts   map[Kind]int
	late     []latePut              // in the order of their calls
	newest   []string               // the names put last, at most StaleBy
	replaced map[string]*bucket.Mem // what Overwrite stored, as the bucket below cannot; List does not show it
}

// latePut is a put that is carried out after it has failed.
type latePut struct {
	due  int // number of the call that carries it out
	name string
	body []byte
	opts bucket.PutOptions
}

var _ bucket.Bucket = (*Faulty)(nil)

// NewFaulty wraps a bucket. Delay is 20 ms, LateBy 5 and StaleBy 8.
func NewFaulty(under bucket.Bucket, schedule Schedule) *Faulty {
	return &Faulty{
		Delay: 20 * time.Millisecond, LateBy: 5, StaleBy: 8,
		under: under, schedule: schedule, counts: make(map[Kind]int), replaced: make(map[string]*bucket.Mem),
	}
}

// Counts returns how many faults of each kind there were so far.
func (f *Faulty) Counts() map[Kind]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.counts)
}

// Settle carries out every late put now. It is not an error if a name is taken.
func (f *Faulty) Settle(ctx context.Context) error {
	f.mu.Lock()
	late := f.late
	f.late = nil
	f.mu.Unlock()
	return f.storeLate(ctx, late)
}

// String implements bucket.Bucket.
func (f *Faulty) String() string { return "faulty " + f.under.String() }

// PutNew implements bucket.Bucket.
func (f *Faulty) PutNew(ctx context.Context, name string, body io.Reader, opts bucket.PutOptions) error {
	kind, err := f.begin(ctx, OpPutNew, name)
	if err != nil {
		return err
	}
	switch kind {
	case LostResponse:
		if err := f.put(ctx, name, body, opts); err != nil && !errors.Is(err, bucket.ErrExists) {
			return err
		}
		return fault(kind, OpPutNew, name)
	case Partial:
		_, _ = io.CopyN(io.Discard, body, max(opts.Size, 2)/2) // it fails anyway
		return fault(kind, OpPutNew, name)
	case LatePut, Truncated, Overwrite:
		data, err := io.ReadAll(bucket.CheckBody(ctx, body, opts))
		if err != nil {
			return fmt.Errorf("put %q: %w", name, err)
		}
		return f.putRead(ctx, kind, name, data, opts)
	default:
		return f.put(ctx, name, body, opts)
	}
}

// putRead carries out the faults that need the whole body.
func (f *Faulty) putRead(ctx context.Context, kind Kind, name string, data []byte, opts bucket.PutOptions) error {
	switch kind {
	case LatePut:
		f.mu.Lock()
		defer f.mu.Unlock()
		f.late = append(f.late, latePut{due: f.calls + f.LateBy, name: name, body: data, opts: opts})
		return fault(kind, OpPutNew, name)
	case Truncated:
		half := data[:len(data)/2]
		opts.Size, opts.SHA256 = int64(len(half)), nil
		return f.put(ctx, name, bytes.NewReader(half), opts)
	default:
		err := f.put(ctx, name, bytes.NewReader(data), opts)
		if errors.Is(err, bucket.ErrExists) {
			return f.overwrite(ctx, name, data, opts)
		}
		return err
	}
}

// put puts an object in the bucket below and remembers its name for StaleList.
func (f *Faulty) put(ctx context.Context, name string, body io.Reader, opts bucket.PutOptions) error {
	err := f.under.PutNew(ctx, name, body, opts)
	if err == nil {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.newest = append(f.newest, name)
		f.newest = f.newest[max(0, len(f.newest)-f.StaleBy):]
	}
	return err
}

// overwrite keeps the bytes in place of those in the bucket below.
func (f *Faulty) overwrite(ctx context.Context, name string, data []byte, opts bucket.PutOptions) error {
	replacement := bucket.NewMem()
	if err := replacement.PutNew(ctx, name, bytes.NewReader(data), opts); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.replaced[name] = replacement
	f.counts[Overwrite]++
	return nil
}

// Open implements bucket.Bucket.
func (f *Faulty) Open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	kind, err := f.begin(ctx, OpOpen, name)
	if err != nil {
		return nil, err
	}
	b := f.holder(name)
	r, err := b.Open(ctx, name, offset, length)
	if err != nil || kind != Partial {
		return r, err
	}
	info, err := b.Stat(ctx, name)
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	rest := max(0, info.Size-offset)
	if length >= 0 {
		rest = min(rest, length)
	}
	half := io.MultiReader(io.LimitReader(r, rest/2), &failingReader{err: fault(kind, OpOpen, name)})
	return struct {
		io.Reader
		io.Closer
	}{half, r}, nil
}

// Stat implements bucket.Bucket.
func (f *Faulty) Stat(ctx context.Context, name string) (bucket.Info, error) {
	if _, err := f.begin(ctx, OpStat, name); err != nil {
		return bucket.Info{}, err
	}
	return f.holder(name).Stat(ctx, name)
}

// holder returns the bucket that has the content of a name.
func (f *Faulty) holder(name string) bucket.Bucket {
	f.mu.Lock()
	defer f.mu.Unlock()
	if replacement, ok := f.replaced[name]; ok {
		return replacement
	}
	return f.under
}

// List implements bucket.Bucket. Each iteration is a call.
func (f *Faulty) List(ctx context.Context, prefix, after string) iter.Seq2[bucket.Info, error] {
	return func(yield func(bucket.Info, error) bool) {
		kind, err := f.begin(ctx, OpList, prefix)
		if err != nil {
			yield(bucket.Info{}, err)
			return
		}
		hidden := f.hidden(kind)
		for info, err := range f.under.List(ctx, prefix, after) {
			if slices.Contains(hidden, info.Name) {
				continue
			}
			if !yield(info, err) {
				return
			}
			if kind == Partial {
				yield(bucket.Info{}, fault(kind, OpList, prefix))
				return
			}
		}
	}
}

// hidden returns the names that a listing leaves out.
func (f *Faulty) hidden(kind Kind) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if kind != StaleList {
		return nil
	}
	return slices.Clone(f.newest)
}

// begin carries out the late puts that are due, then chooses and counts the fault of a call. ErrorBefore and Slow
// happen here.
func (f *Faulty) begin(ctx context.Context, op Op, name string) (Kind, error) {
	kind, due := f.next(op, name)
	_ = f.storeLate(context.WithoutCancel(ctx), due) // its caller has given up, and the present one does not care
	switch kind {
	case ErrorBefore:
		return kind, fault(kind, op, name)
	case Slow:
		timer := time.NewTimer(f.Delay)
		defer timer.Stop()
		select {
		case <-ctx.Done():
			return kind, fmt.Errorf("%s %q: %w", op, name, ctx.Err())
		case <-timer.C:
		}
	}
	return kind, nil
}

// next numbers a call, and returns its fault and the late puts that are due.
func (f *Faulty) next(op Op, name string) (Kind, []latePut) {
	f.mu.Lock()
	defer f.mu.Unlock()
	kind := f.schedule(Call{N: f.calls, Op: op, Name: name})
	f.calls++
	if !kind.appliesTo(op) {
		kind = None
	}
	if kind != None && kind != Overwrite {
		f.counts[kind]++
	}
	n := slices.IndexFunc(f.late, func(p latePut) bool { return p.due > f.calls })
	if n < 0 {
		n = len(f.late)
	}
	due := f.late[:n:n]
	f.late = f.late[n:]
	return kind, due
}

// storeLate carries out late puts, in their order.
func (f *Faulty) storeLate(ctx context.Context, late []latePut) error {
	for _, p := range late {
		err := f.put(ctx, p.name, bytes.NewReader(p.body), p.opts)
		if err != nil && !errors.Is(err, bucket.ErrExists) {
			return fmt.Errorf("late put: %w", err)
		}
	}
	return nil
}

// fault returns the error of an injected fault.
func fault(kind Kind, op Op, name string) error {
	return fmt.Errorf("%s %q: %w: %v", op, name, ErrInjected, kind)
}
