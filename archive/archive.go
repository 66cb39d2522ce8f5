package archive

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"strings"

	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/cutlog"
)

// Archive is an archive in a bucket. It holds no state. Its methods may be called from any goroutine, also while
// captures write to it.
type Archive struct {
	bucket bucket.Bucket
	store  store
}

// Open returns the archive in a bucket. It does no I/O: an empty bucket is an archive without captures. The bucket
// stays the caller's.
func Open(b bucket.Bucket) *Archive { return &Archive{bucket: b, store: newStore(b)} }

// String names the bucket.
func (a *Archive) String() string { return a.bucket.String() }

// The directories of an archive that are not for data: of all cut logs, of all dead letters, and below logRoot that of
// the temporary files of a local archive.
const (
	logRoot  = cutlog.Root
	deadRoot = "_deadletter/"
	tempDir  = "tmp"
)

// Captures yields the captures of the archive, ascending by name. An error, which is one of the bucket, ends the
// sequence.
func (a *Archive) Captures(ctx context.Context) iter.Seq2[*Capture, error] {
	return a.logs(ctx, func(bucket.Entry) {})
}

// logs yields the captures. What lies among their directories and is none of them is passed to other, of each directory
// the first thing only.
func (a *Archive) logs(ctx context.Context, other func(bucket.Entry)) iter.Seq2[*Capture, error] {
	return func(yield func(*Capture, error) bool) {
		for after := ""; ; {
			e, found, err := a.firstBelow(ctx, logRoot, after)
			if err != nil {
				yield(nil, err)
				return
			}
			if !found {
				return
			}
			capture, _, isDir := strings.Cut(strings.TrimPrefix(e.Name, logRoot), "/")
			after = e.Name
			if isDir {
				after = logRoot + capture + "0" // '0' comes after '/': after all names in that directory, before any other
			}
			is, err := a.isCapture(ctx, capture, isDir, e.Link)
			switch {
			case err != nil:
				yield(nil, err)
				return
			case !is:
				other(e)
			case !yield(a.capture(capture), nil):
				return
			}
		}
	}
}

// isCapture reports whether a name below logRoot is that of a capture. The directory of the temporary files and a link
// are one if there is a log in it.
func (a *Archive) isCapture(ctx context.Context, name string, isDir, isLink bool) (bool, error) {
	mayBe := (isDir || isLink) && cutlog.CheckCapture(name) == nil
	if !mayBe || isDir && name != tempDir {
		return mayBe, nil
	}
	for _, object := range []string{cutlog.FormatName(name), cutlog.PlanName(name, 1)} {
		there, err := a.holds(ctx, object)
		if there || bucket.IsPermanent(err) {
			return true, nil // what the store refuses to give is a log with a problem
		}
		if err != nil {
			return false, err
		}
	}
	return false, nil
}

// holds asks for an object by its name. An error is one of the bucket.
func (a *Archive) holds(ctx context.Context, name string) (bool, error) {
	if _, err := a.bucket.Stat(ctx, name); !errors.Is(err, fs.ErrNotExist) {
		return err == nil, err
	}
	return false, nil
}

// firstBelow returns the first entry with the prefix that comes after a name.
func (a *Archive) firstBelow(ctx context.Context, prefix, after string) (e bucket.Entry, found bool, err error) {
	for e, err := range a.list(ctx, prefix, after) {
		if err != nil {
			return bucket.Entry{}, false, fmt.Errorf("list the captures of %s: %w", a, err)
		}
		return e, true, nil
	}
	return bucket.Entry{}, false, nil
}

// list lists everything, as far as the bucket can tell it.
func (a *Archive) list(ctx context.Context, prefix, after string) iter.Seq2[bucket.Entry, error] {
	if b, ok := a.bucket.(bucket.AllLister); ok {
		return b.ListAll(ctx, prefix, after)
	}
	return func(yield func(bucket.Entry, error) bool) {
		for info, err := range a.bucket.List(ctx, prefix, after) {
			if !yield(bucket.Entry{Info: info}, err) {
				return
			}
		}
	}
}

// linkAbove returns the first symbolic link on the way to an object, or an empty string.
func (a *Archive) linkAbove(ctx context.Context, name string) (string, error) {
	for i := range len(name) {
		if name[i] != '/' {
			continue
		}
		for e, err := range a.list(ctx, name[:i], "") {
			if err != nil {
				return "", fmt.Errorf("list %s: %w", name[:i], err)
			}
			if e.Name == name[:i] && e.Link {
				return e.Name, nil
			}
			break
		}
	}
	return "", nil
}

// Capture returns a capture by its name as it is in the paths of the archive. It does no I/O, so there need not be such
// a capture. It is an error if no capture can have this name.
func (a *Archive) Capture(name string) (*Capture, error) {
	if err := cutlog.CheckCapture(name); err != nil {
		return nil, err
	}
	return a.capture(name), nil
}

func (a *Archive) capture(name string) *Capture {
	return &Capture{name: name, bucket: a.bucket, store: a.store, log: cutlog.New(a.store, name)}
}
