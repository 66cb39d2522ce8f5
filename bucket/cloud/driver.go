package cloud

import (
	"context"
	"io"
	"iter"

	"github.com/jetcapture/jetcapture/bucket"
)

// driver is what one kind of store does. It takes whole keys, good ones only, and is called from any number of goroutines. Its errors
// are the SDK's own; judge says what they mean.
type driver interface {
	// put stores content under a free key by one request, and confirms it.
	put(ctx context.Context, key string, content []byte, attrs attributes) error

	// begin starts to store an object in parts.
	begin(ctx context.Context, key string, attrs attributes) (parts, error)

	// open reads an object from an offset on, length bytes or to its end with -1. A version that is not empty must be that of the
	// object. An offset at the end or beyond is errPastEnd, if the store says so.
	open(ctx context.Context, key string, offset, length int64, version string) (content, error)

	stat(ctx context.Context, key string) (bucket.Info, error)

	// list yields objects in byte order of the keys, those after a key only, or more: what is not after it is left out above.
	list(ctx context.Context, prefix, after string) iter.Seq2[bucket.Info, error]

	// limits of objects that are put in parts.
	limits() limits

	// judge says what an error of the others means.
	judge(err error) judgement

	Close() error
}

// limits of objects in parts.
type limits struct {
	parts      int  // how many an object can have
	sequential bool // parts must be sent one after another
}

// attributes of an object to put.
type attributes struct {
	contentType, contentEncoding string
	metadata                     map[string]string
}

// parts is an object in the making. Nothing is visible before complete.
type parts interface {
	// put sends a part; they count from 1. Unless the store is sequential, it is called from several goroutines.
	put(ctx context.Context, n int, part []byte) error

	// complete makes the object visible, if its key is free, and confirms it. All parts have been put.
	complete(ctx context.Context) error

	// abort gives up. It is called at most once, instead of or after a failed complete.
	abort(ctx context.Context) error
}

// content of an object.
type content struct {
	io.ReadCloser
	version string // what the store knows this content by
}
