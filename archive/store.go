package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"

	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/cutlog"
)

// store is a bucket as a cut log needs it to be read.
type store struct{ bucket bucket.Bucket }

var errReadOnly = bucket.Permanent(errors.New("package archive changes nothing"))

// PutNew implements cutlog.Store. Nothing of this package calls it.
func (store) PutNew(context.Context, string, []byte) error { return errReadOnly }

// Get implements cutlog.Store. Its error is an *unreadableError unless the object is not there.
func (s store) Get(ctx context.Context, name string) (data []byte, err error) {
	r, err := s.bucket.Open(ctx, name, 0, -1)
	if err != nil {
		return nil, unreadable(name, err)
	}
	// A record is never larger than this, so one byte more is enough to see that it is none.
	data, err = io.ReadAll(io.LimitReader(r, cutlog.MaxRecord+1))
	if err = errors.Join(err, r.Close()); err != nil {
		return nil, unreadable(name, err)
	}
	return data, nil
}

// List implements cutlog.Store.
func (s store) List(ctx context.Context, prefix, after string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for info, err := range s.bucket.List(ctx, prefix, after) {
			if !yield(info.Name, err) || err != nil {
				return
			}
		}
	}
}

// unreadableError says that an object is there, or may be, and cannot be read.
type unreadableError struct {
	object string
	err    error
}

func (e *unreadableError) Error() string { return fmt.Sprintf("read %s: %v", e.object, e.err) }
func (e *unreadableError) Unwrap() error { return e.err }

// unreadable leaves the answer that there is no such object as it is.
func unreadable(object string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return &unreadableError{object, err}
}

// hiding is a store in which some objects cannot be seen, so that a log can be read past its damage.
type hiding struct {
	store
	hidden func(name string) bool
}

// Get implements cutlog.Store.
func (s hiding) Get(ctx context.Context, name string) ([]byte, error) {
	if s.hidden(name) {
		return nil, fs.ErrNotExist
	}
	return s.store.Get(ctx, name)
}
