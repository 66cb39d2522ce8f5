package cloud

import (
	"context"
	"io"
	"iter"

	"github.com/jetcapture/jetcapture/bucket"
)

// driver is one kind of store. It takes whole, valid keys and is called from any number of goroutines. Its errors are
// the SDK's own; judge says what they mean.
type driver interface {
	// put stores content under a free key by one request, and confirms it.
	put(ctx context.Context, key string, content []byte, attrs attributes) error

	// begin starts to store an object in parts.
	begin(ctx context.Context, key string, attrs attributes) (parts, error)

	// open reads an object from an offset on, length bytes or to its end with -1. With a version it fails if the object
	// has another one. An offset at the end or beyond is errPastEnd, if the store says so.
	open(ctx context.Context, key string, offset, length int64, version string) (content, error)

	// stat describes an object by its key.
	stat(ctx context.Context, key string) (bucket.Info, error)

	// list yields the objects after a key, in byte order of the keys. It may yield more: the caller leaves out those not
	// after it.
	list(ctx context.Context, prefix, after string) iter.Seq2[bucket.Info, error]

	// limits returns the limits of objects that are put in parts.
	limits() limits

	// judge says what an error of the other methods means.
	judge(err error) judgement
	// Close releases connections.

	Close() error
}

// limits of objects in parts.
type limits struct {
	parts      int  // the most that an object can have
	sequential bool // parts must be sent one after another
}

// attributes of an object to put.
type attributes struct {
	contentType, contentEncoding string
	metadata                     map[string]string
	partSize                     int64 // of an object in parts
}

// parts is an unfinished object. Nothing of it is visible before complete.
type parts interface {
	// put sends a part. Parts count from 1. Unless the store is sequential, it is called from several goroutines.
	put(ctx context.Context, n int, part []byte) error

	// complete makes the object visible, if its key is free, and confirms it. It is called after all parts have been put.
	complete(ctx context.Context) error

	// abort gives up the object. It is called at most once, in place of complete or after it has failed.
	abort(ctx context.Context) error
}

// content of an object.
type content struct {
	io.ReadCloser
	version string // by which the store tells this content from another one of the same key
}
