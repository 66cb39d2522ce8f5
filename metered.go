package jetcapture

import (
	"context"
	"errors"
	"io"
	"iter"
	"time"

	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/internal/capture"
)

// metered is a bucket that reports what it is asked and how long that takes. Its methods are those of the bucket.
type metered struct {
	bucket.Bucket
	observer capture.Observer
}

// probing is a metered bucket that is a bucket.Prober.
type probing struct {
	metered
	bucket.Prober
}

// meter returns b, with its operations reported.
func meter(b bucket.Bucket, o capture.Observer) bucket.Bucket {
	m := metered{b, o}
	if p, ok := b.(bucket.Prober); ok {
		return probing{m, p}
	}
	return m
}

// report reports one operation. One that its caller gave up says nothing about the store.
func (m metered) report(ctx context.Context, op string, began time.Time, err error) {
	result := OpOK
	switch {
	case errors.Is(err, bucket.ErrExists):
		result = OpExists
	case errors.Is(err, bucket.ErrNotExist):
		result = OpMissing
	case err != nil && ctx.Err() != nil:
		return
	case err != nil:
		result = OpError
	}
	m.observer.Observe(capture.StoreAsked{Op: op, Result: string(result), Took: time.Since(began)})
}

// PutNew implements bucket.Bucket.
func (m metered) PutNew(ctx context.Context, name string, body io.Reader, opts bucket.PutOptions) error {
	began := time.Now()
	err := m.Bucket.PutNew(ctx, name, body, opts)
	m.report(ctx, "put", began, err)
	return err
}

// Open implements bucket.Bucket. The time is that until the first byte can be read.
func (m metered) Open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	began := time.Now()
	in, err := m.Bucket.Open(ctx, name, offset, length)
	m.report(ctx, "get", began, err)
	return in, err
}

// Stat implements bucket.Bucket.
func (m metered) Stat(ctx context.Context, name string) (bucket.Info, error) {
	began := time.Now()
	info, err := m.Bucket.Stat(ctx, name)
	m.report(ctx, "stat", began, err)
	return info, err
}

// List implements bucket.Bucket. The time includes that of the caller between two objects.
func (m metered) List(ctx context.Context, prefix, after string) iter.Seq2[bucket.Info, error] {
	return func(yield func(bucket.Info, error) bool) {
		began := time.Now()
		var failed error
		defer func() { m.report(ctx, "list", began, failed) }()
		for info, err := range m.Bucket.List(ctx, prefix, after) {
			failed = err
			if !yield(info, err) {
				return
			}
		}
	}
}
