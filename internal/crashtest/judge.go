package crashtest

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/internal/oracle"
)

// ReadArchive reads the archive of a capture in a folder, and fails the test if anything is wrong with it. The
// library's own verify must agree.
func ReadArchive(tb testing.TB, folder, capture string) *oracle.Archive {
	tb.Helper()
	b, err := bucket.OpenDirReadOnly(folder)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = b.Close() }()
	return ReadBucket(tb, b, capture)
}

// ReadBucket is ReadArchive for any store.
func ReadBucket(tb testing.TB, b bucket.Bucket, capture string) *oracle.Archive {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	a, err := oracle.Read(ctx, b, capture)
	if err != nil {
		tb.Fatalf("the archive of capture %s is not sound: %v", capture, err)
	}
	var found []archive.Finding
	report, err := archive.Open(b).Verify(ctx,
		archive.VerifyOptions{Found: func(f archive.Finding) { found = append(found, f) }})
	if err != nil || !report.OK() {
		tb.Fatalf("verify disagrees: %v, findings %v", err, found)
	}
	return a
}

// ExactlyOnce fails the test unless each message is a row of exactly one file of the archive, or is recorded as lost or
// skipped. Rows are those of jetcapture.NatsMessage as NDJSON.
func ExactlyOnce(tb testing.TB, a *oracle.Archive, messages []oracle.Message) {
	tb.Helper()
	if err := a.ExactlyOnce(messages, oracle.NatsMessage); err != nil {
		tb.Fatalf("of %d messages: %v", len(messages), err)
	}
}

// Immutable checks that no visible file of a folder ever changes or vanishes.
type Immutable struct {
	folder string
	mu     sync.Mutex
	seen   map[string]fileID
}

// fileID is what must not change about a file.
type fileID struct {
	size     int64
	modified time.Time
}

// NewImmutable watches an archive's folder.
func NewImmutable(folder string) *Immutable {
	return &Immutable{folder: folder, seen: map[string]fileID{}}
}

// Look compares the files with earlier looks and returns how many there are. It leaves out the folder of temporary
// files.
func (i *Immutable) Look(tb testing.TB) int {
	tb.Helper()
	i.mu.Lock()
	defer i.mu.Unlock()
	now, err := i.scan()
	if err != nil {
		tb.Fatalf("look at the files of %s: %v", i.folder, err)
	}
	for name, was := range i.seen {
		if is, ok := now[name]; !ok {
			tb.Errorf("file %s has vanished", name)
		} else if is != was {
			tb.Errorf("file %s was %v, is %v", name, was, is)
		}
	}
	i.seen = now
	return len(now)
}

// scan returns all visible files of the folder by name.
func (i *Immutable) scan() (map[string]fileID, error) {
	now := map[string]fileID{}
	tmp := filepath.Join(i.folder, "_jetcapture", "tmp")
	err := filepath.WalkDir(i.folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			if os.IsNotExist(err) || (err == nil && path == tmp) {
				return fs.SkipDir
			}
			return err
		}
		info, err := d.Info()
		if err != nil {
			return fmt.Errorf("stat: %w", err)
		}
		now[path] = fileID{info.Size(), info.ModTime()}
		return nil
	})
	return now, err
}
