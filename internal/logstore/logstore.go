// Package logstore lets a cut log live in a bucket.
package logstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"

	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/cutlog"
)

// Store is a bucket as the cut log needs it. It may be used from any goroutine.
type Store struct {
	Bucket bucket.Bucket
	// Folder: a list of a part of the log costs as much as one of all of it.
	Folder bool
}

// ListsWhole implements cutlog.WholeLister.
func (s Store) ListsWhole() bool { return s.Folder }

// PutNew implements cutlog.Store.
func (s Store) PutNew(ctx context.Context, name string, data []byte) error {
	err := s.Bucket.PutNew(ctx, name, bytes.NewReader(data), bucket.PutOptions{
		Size: int64(len(data)), ContentType: ContentType(name),
	})
	if errors.Is(err, bucket.ErrExists) {
		return fmt.Errorf("%w: %w", cutlog.ErrExists, err)
	}
	return err
}

// Probe implements cutlog.Prober.
func (s Store) Probe(ctx context.Context, name string) error {
	p, ok := s.Bucket.(bucket.Prober)
	if !ok {
		return nil
	}
	err := p.Probe(ctx, name)
	if errors.Is(err, bucket.ErrOverwrites) {
		return &cutlog.NoCreateOnlyError{Object: name}
	}
	return err
}

// Has implements cutlog.Haver.
func (s Store) Has(ctx context.Context, name string) (bool, error) {
	_, err := s.Bucket.Stat(ctx, name)
	if errors.Is(err, bucket.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// Get implements cutlog.Store. It reads one byte more than the largest record, which is enough to see that an object is
// no record.
func (s Store) Get(ctx context.Context, name string) (data []byte, err error) {
	r, err := s.Bucket.Open(ctx, name, 0, -1)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	return io.ReadAll(io.LimitReader(r, cutlog.MaxRecord+1))
}

// List implements cutlog.Store.
func (s Store) List(ctx context.Context, prefix, after string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for info, err := range s.Bucket.List(ctx, prefix, after) {
			if !yield(info.Name, err) || err != nil {
				return
			}
		}
	}
}

// ContentType is the media type of an object of an archive, record or file, by its name's suffix.
func ContentType(name string) string {
	switch {
	case strings.HasSuffix(name, ".gz"):
		return "application/gzip"
	case strings.HasSuffix(name, ".zst"):
		return "application/zstd"
	case strings.HasSuffix(name, ".json"):
		return "application/json"
	case strings.HasSuffix(name, ".ndjson"):
		return "application/x-ndjson"
	case strings.HasSuffix(name, ".csv"):
		return "text/csv"
	}
	return "application/octet-stream"
}
