package cloud

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/jetcapture/jetcapture/bucket"
)

// store makes a bucket of a driver. It does what all kinds of stores have in common.
type store struct {
	driver   driver
	location string // URL without parameters
	prefix   string // of all keys; empty, or ends with a slash
	opts     Options
	memory   *memory
}

func newStore(d driver, location, prefix string, opts Options) *store {
	return &store{
		driver: d, location: location, prefix: prefix, opts: opts,
		memory: newMemory(opts.UploadMemory, opts.PartSize),
	}
}

// String implements bucket.Bucket.
func (s *store) String() string { return s.location }

// Close implements Bucket.
func (s *store) Close() error { return s.driver.Close() }

// PutNew implements bucket.Bucket.
func (s *store) PutNew(ctx context.Context, name string, body io.Reader, opts bucket.PutOptions) error {
	err := errors.Join(ctx.Err(), bucket.CheckName(name))
	if err == nil {
		err = s.put(ctx, s.prefix+name, bucket.CheckBody(ctx, body, opts), opts)
	}
	if err != nil {
		return fmt.Errorf("put %.900q in %s: %w", name, s.location, err)
	}
	return nil
}

// put uploads an object and judges the error.
func (s *store) put(ctx context.Context, key string, body io.Reader, opts bucket.PutOptions) error {
	source := &bodyError{r: body}
	err := s.upload(ctx, key, source, opts)
	switch {
	case err == nil, errors.Is(err, bucket.ErrExists):
		return err
	case source.err != nil: // not the store's fault
		return source.err
	}
	j := s.judgeAfter(ctx, err)
	if j.verdict == denied && s.has(ctx, key) {
		// Without the right to overwrite, some stores deny access where they would otherwise answer that the object exists.
		return bucket.ErrExists
	}
	if j.verdict == missing { // a put cannot miss its object: something on the way to it was missing
		j.verdict = undecided
	}
	return j.error()
}

// has reports whether a key is taken. It returns false if we may not know.
func (s *store) has(ctx context.Context, key string) bool {
	_, err := s.driver.stat(ctx, key)
	return err == nil
}

// bodyError remembers the error of a body, which an SDK may hide or take for one of the network.
type bodyError struct {
	r   io.Reader
	err error
}

func (b *bodyError) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if err != nil && err != io.EOF { // readers return io.EOF itself
		b.err = err
	}
	return n, err
}

// Open implements bucket.Bucket.
func (s *store) Open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	err := errors.Join(ctx.Err(), bucket.CheckName(name), bucket.CheckRange(offset, length))
	var r *reader
	if err == nil {
		r, err = s.openKey(ctx, s.prefix+name, offset, length)
	}
	if err != nil {
		return nil, fmt.Errorf("open %.900q in %s: %w", name, s.location, err)
	}
	return r, nil
}

// Stat implements bucket.Bucket.
func (s *store) Stat(ctx context.Context, name string) (bucket.Info, error) {
	err := errors.Join(ctx.Err(), bucket.CheckName(name))
	var info bucket.Info
	if err == nil {
		if info, err = s.driver.stat(ctx, s.prefix+name); err != nil {
			err = s.judgeAfter(ctx, err).error()
		}
	}
	if err != nil {
		return bucket.Info{}, fmt.Errorf("stat %.900q in %s: %w", name, s.location, err)
	}
	info.Name, info.ModTime = name, info.ModTime.UTC()
	return info, nil
}

// judgeAfter judges the error of a call. If the call's context has ended, the verdict is ended, whatever the error.
func (s *store) judgeAfter(ctx context.Context, err error) judgement {
	if ctx.Err() != nil {
		return judgement{verdict: ended, cause: ctx.Err()}
	}
	return s.driver.judge(err)
}
