package bucket

import (
	"context"
	"io"
	"iter"
	"time"
)

// Bucket is a store of immutable objects with slash-separated names. None of its methods overwrites or deletes.
//
// Every method may be called from any number of goroutines, and other processes may write to the same store at the same
// time. No method retries for longer than its driver's own client does. The caller owns the retry loop and uses
// [IsPermanent] to decide whether to go on.
type Bucket interface {
	// PutNew stores all of body under a name that no object has yet. It returns nil once the object is visible, whole and
	// durable. Among any number of concurrent calls for one name, at most one returns nil.
	//
	// ErrExists means that an object has the name, and that it is durable, too; body may be unread. It can be the caller's
	// own object: a client that repeats a request whose response was lost finds what it has stored. Only reading back
	// shows which. After any other error the object may or may not appear, now or later, but never in part: put the same
	// bytes again.
	//
	// PutNew reads body from the calling goroutine or from one that it joins before it returns, and never closes it. The
	// end of ctx stops the upload between two reads; a body whose Read blocks must watch ctx itself. A body that fails, or
	// that is not as opts announce it (ErrBody), leaves nothing behind. No error of PutNew matches ErrNotExist.
	PutNew(ctx context.Context, name string, body io.Reader, opts PutOptions) error

	// Open reads length bytes from offset on, or up to the end with length -1. A range is cut short at the end of the
	// object; one that begins there or beyond is empty. A missing object is ErrNotExist. A negative offset or any other
	// negative length is a permanent error. The caller closes the reader. Reads after the end of ctx fail. An object that
	// Open finds is durable.
	Open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error)

	// Stat describes one object; a missing one is ErrNotExist. An object that Stat finds is durable.
	Stat(ctx context.Context, name string) (Info, error)

	// List yields the objects whose names begin with prefix and are greater than after, in byte order of the names,
	// without holding all of them in memory. Both may be empty and need not be whole names. Objects that are created or
	// removed meanwhile may be missed. An error is yielded once, with a zero Info, and ends the sequence. A listing is a
	// hint: some stores show new objects late, and an object may be listed just before it is durable.
	List(ctx context.Context, prefix, after string) iter.Seq2[Info, error]

	// String names the store for messages: a path or URL without credentials.
	String() string
}

// Prober is implemented by a Bucket that has more than one way to write an object. The test that a second PutNew fails
// says nothing of the others.
type Prober interface {
	// Probe makes an object of this name, unless it is there, and tries to put it again in each other way than that of a
	// small object. ErrOverwrites says that the store accepts that. The name may hold "%41": then Probe also checks that
	// the store keeps it. Several processes may probe with one name.
	Probe(ctx context.Context, name string) error
}

// AllLister is implemented by a Bucket where more can lie than objects, such as files with other names. Readers of the
// place that know nothing of the bucket find these, too.
type AllLister interface {
	// ListAll is List, but yields everything.
	ListAll(ctx context.Context, prefix, after string) iter.Seq2[Entry, error]
}

// Entry is an object, or something that lies among the objects.
type Entry struct {
	Info
	Odd  string // why it is not an object, for people; empty if it is one
	Link bool   // it is a symbolic link: objects below it can be opened, and are not listed
}

// Info describes an object.
type Info struct {
	Name    string
	Size    int64     // bytes
	ModTime time.Time // UTC, by the store's clock

	// ContentType and Metadata are as PutOptions gave them, where the store keeps them; List may leave them empty
	// everywhere. Stores may change the case of metadata keys.
	ContentType string
	Metadata    map[string]string
}

// PutOptions say what PutNew stores.
type PutOptions struct {
	// Size is the number of bytes that body must yield, or -1 if any number will do.
	Size int64

	// SHA256, if not empty, is the SHA-256 that the bytes of body must have.
	SHA256 []byte

	// ContentType, ContentEncoding and Metadata are kept as far as the store can.
	ContentType     string
	ContentEncoding string
	Metadata        map[string]string
}
