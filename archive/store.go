package archive

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/logstore"
)

// store is a bucket as a cut log needs it for reading.
type store struct{ logstore.Store }

func newStore(b bucket.Bucket) store {
	_, folder := b.(*bucket.Dir)
	return store{logstore.Store{Bucket: b, Folder: folder}}
}

var errReadOnly = bucket.Permanent(errors.New("package archive changes nothing"))

// PutNew implements cutlog.Store. Nothing in this package calls it.
func (store) PutNew(context.Context, string, []byte) error { return errReadOnly }

// Get implements cutlog.Store. Its error is an *unreadableError unless the object is not there.
func (s store) Get(ctx context.Context, name string) ([]byte, error) {
	data, err := s.Store.Get(ctx, name)
	if err != nil {
		return nil, unreadable(name, err)
	}
	return data, nil
}

// unreadableError says that an object which is or may be there cannot be read.
type unreadableError struct {
	object string
	err    error
}

func (e *unreadableError) Error() string { return fmt.Sprintf("read %s: %v", e.object, e.err) }
func (e *unreadableError) Unwrap() error { return e.err }

// unreadable returns an *unreadableError, unless err says that the object does not exist.
func unreadable(object string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return &unreadableError{object, err}
}

// hiding is a store that hides some objects, so that a log can be read past its damage.
type hiding struct {
	cutlog.Store
	hidden func(name string) bool
}

// Get implements cutlog.Store.
func (s hiding) Get(ctx context.Context, name string) ([]byte, error) {
	if s.hidden(name) {
		return nil, fs.ErrNotExist
	}
	return s.Store.Get(ctx, name)
}
