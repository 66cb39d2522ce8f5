package archive

import (
	"context"
	"fmt"
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
	logRoot  = "_jetcapture/"
	deadRoot = "_deadletter/"
	tempDir  = "tmp"
)

// Captures yields the captures of the archive, ascending by name. An error, which is one of the bucket, ends the
// sequence.
func (a *Archive) Captures(ctx context.Context) iter.Seq2[*Capture, error] {
	return func(yield func(*Capture, error) bool) {
		for after := ""; ; {
			name, found, err := a.firstBelow(ctx, logRoot, after)
			if err != nil {
				yield(nil, err)
				return
			}
			if !found {
				return
			}
			capture, _, isDir := strings.Cut(strings.TrimPrefix(name, logRoot), "/")
			after = name
			if !isDir {
				continue
			}
			after = logRoot + capture + "0" // '0' comes after '/': after all names in that directory, before any other
			if capture == tempDir || cutlog.CheckCapture(capture) != nil {
				continue
			}
			if !yield(a.capture(capture), nil) {
				return
			}
		}
	}
}

// firstBelow returns the first name with the prefix that comes after another.
func (a *Archive) firstBelow(ctx context.Context, prefix, after string) (name string, found bool, err error) {
	for info, err := range a.bucket.List(ctx, prefix, after) {
		if err != nil {
			return "", false, fmt.Errorf("list the captures of %s: %w", a, err)
		}
		return info.Name, true, nil
	}
	return "", false, nil
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
	return &Capture{name: name, store: a.store, log: cutlog.New(a.store, name)}
}
