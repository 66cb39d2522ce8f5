package bucket

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"
)

// The names of temporary files. The dot hides them in listings of a directory, the ending from readers that look for a
// format.
const (
	tempDir    = "_jetcapture/tmp"
	tempPrefix = ".put-"
	tempSuffix = ".tmp"
)

// tempMaxAge is the longest time that the temporary file of a living writer may stay unchanged.
const tempMaxAge = 24 * time.Hour

// createTemp creates an empty temporary file, and its directory if that is missing.
func (t *tree) createTemp() (string, *os.File, error) {
	var random [16]byte
	_, _ = rand.Read(random[:]) // never fails
	tmp := path.Join(t.tmp, tempPrefix+hex.EncodeToString(random[:])+tempSuffix)
	f, err := t.openTemp(tmp)
	if errors.Is(err, fs.ErrNotExist) {
		if err := t.root.MkdirAll(t.tmp, 0o750); err != nil {
			return "", nil, err
		}
		f, err = t.openTemp(tmp)
	}
	return tmp, f, err
}

func (t *tree) openTemp(tmp string) (*os.File, error) {
	return t.root.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
}

// tryTemp finds out whether files can be created at all.
func (t *tree) tryTemp() error {
	tmp, f, err := t.createTemp()
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), t.removeTemp(tmp))
}

// removeTemp removes a temporary file. It is fine if the file is gone, because another process found it too old.
func (t *tree) removeTemp(tmp string) error {
	if err := t.root.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove temporary file: %w", err)
	}
	return nil
}

// isTemp reports whether a name below the root is that of a temporary file. Only these are not objects, and not the
// whole directory, because a capture may be called "tmp".
func (t *tree) isTemp(name string) bool {
	dir, base := path.Split(name)
	return path.Clean(dir) == t.tmp && strings.HasPrefix(base, tempPrefix) && strings.HasSuffix(base, tempSuffix)
}

// removeOldTemps removes what killed writers have left. A writer that was paused for that long fails to link, which is
// not permanent.
func (t *tree) removeOldTemps(now time.Time) error {
	entries, err := readDir(t.root, t.tmp)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var errs []error
	for _, entry := range entries {
		tmp := path.Join(t.tmp, entry.Name())
		if !entry.Type().IsRegular() || !t.isTemp(tmp) {
			continue
		}
		if info, err := t.root.Lstat(tmp); err == nil && now.Sub(info.ModTime()) > tempMaxAge {
			errs = append(errs, t.removeTemp(tmp))
		}
	}
	return errors.Join(err, errors.Join(errs...))
}

// readDir returns the entries of a directory in no order.
func readDir(root *os.Root, dir string) ([]fs.DirEntry, error) {
	f, err := root.Open(dir)
	if err != nil {
		return nil, err
	}
	entries, err := f.ReadDir(-1)
	return entries, errors.Join(err, f.Close())
}
