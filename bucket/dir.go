package bucket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// Dir is a Bucket in a directory of a local or network file system that has hard links. An object is a regular file;
// its name is the path below the root. ContentType, ContentEncoding and Metadata are not kept.
//
// Files have mode 0640, directories 0750, less the umask. Temporary files are in _jetcapture/tmp and are not objects.
// Symbolic links are not objects either, and are not followed out of the root. A name cannot be both an object and a
// directory of others.
type Dir struct {
	path     string
	tree     tree
	escape   error // what os.Root reports for a path that leads out of it
	readOnly bool
}

var (
	_ Bucket    = (*Dir)(nil)
	_ AllLister = (*Dir)(nil)
)

// OpenDir opens the bucket in the directory root, which is created if it is missing, and removes temporary files that
// are older than a day. It creates and removes a temporary file, so that a directory that cannot be written to is an
// error now and not at the first PutNew. Use OpenDirReadOnly to read only. The caller closes the bucket.
func OpenDir(root string) (*Dir, error) {
	path, err := filepath.Abs(root)
	if err != nil {
		return nil, fmt.Errorf("open bucket %s: %w", root, err)
	}
	if err := makeRoot(path); err != nil {
		return nil, fmt.Errorf("open bucket %s: %w", path, err)
	}
	d, err := openDir(path)
	if err != nil {
		return nil, err
	}
	if err := d.tree.removeOldTemps(time.Now()); err != nil {
		return nil, errors.Join(fmt.Errorf("open bucket %s: %w", path, err), d.Close())
	}
	if err := d.tree.tryTemp(); IsPermanent(err) { // a full disk is not permanent
		err = fmt.Errorf("open bucket %s: it cannot be written to, check the directory's owner, mode and file system: %w",
			path, err)
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// OpenDirReadOnly opens the bucket in an existing directory for readers. It never creates, removes or syncs anything,
// and PutNew is a permanent error. What it shows may not be durable yet. A missing directory is ErrNotExist. The caller
// closes the bucket.
func OpenDirReadOnly(root string) (*Dir, error) {
	path, err := filepath.Abs(root)
	if err != nil {
		return nil, fmt.Errorf("open bucket %s: %w", root, err)
	}
	d, err := openDir(path)
	if err != nil {
		return nil, err
	}
	d.readOnly, d.tree.unsettled = true, true
	return d, nil
}

func openDir(path string) (*Dir, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, fmt.Errorf("open bucket %s: %w", path, err)
	}
	_, err = root.Lstat("..")
	return &Dir{path: path, tree: tree{root: root, tmp: tempDir}, escape: errors.Unwrap(err)}, nil
}

// Close releases the directory. Open readers stay open; every later call fails with fs.ErrClosed.
func (d *Dir) Close() error { return d.tree.root.Close() }

// String returns the absolute path of the root.
func (d *Dir) String() string { return d.path }

// PutNew implements Bucket.
func (d *Dir) PutNew(ctx context.Context, name string, body io.Reader, opts PutOptions) error {
	err := d.check(name)
	switch {
	case err != nil:
	case d.readOnly:
		err = Permanent(errors.New("bucket is open for reading only"))
	case d.tree.isTemp(name):
		err = Permanent(errors.New("the name is reserved for temporary files"))
	default:
		err = hideNotExist(d.tree.put(ctx, name, body, opts))
	}
	return d.wrap("put", name, err)
}

// Open implements Bucket.
func (d *Dir) Open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	if err := errors.Join(ctx.Err(), CheckRange(offset, length)); err != nil {
		return nil, d.wrap("open", name, err)
	}
	info, err := d.Stat(ctx, name)
	if err != nil {
		return nil, err
	}
	f, err := d.tree.root.Open(name)
	if err != nil {
		return nil, d.wrap("open", name, err)
	}
	return newRangeReader(ctx, f, info.Size, offset, length), nil
}

// Stat implements Bucket.
func (d *Dir) Stat(ctx context.Context, name string) (Info, error) {
	if err := errors.Join(ctx.Err(), d.check(name)); err != nil {
		return Info{}, d.wrap("stat", name, err)
	}
	if d.tree.isTemp(name) {
		return Info{}, d.wrap("stat", name, ErrNotExist)
	}
	info, err := d.tree.stat(name)
	if err != nil {
		return Info{}, d.wrap("stat", name, err)
	}
	return Info{Name: name, Size: info.Size(), ModTime: info.ModTime().UTC()}, nil
}

// check refuses an invalid name, on Windows also one that its file systems do not allow.
func (d *Dir) check(name string) error {
	if err := CheckName(name); err != nil {
		return err
	}
	if _, err := filepath.Localize(name); err != nil {
		return Permanent(err)
	}
	return nil
}

// wrap adds to an error what failed, and where.
func (d *Dir) wrap(what, name string, err error) error {
	if err == nil {
		return nil
	}
	if d.escape != nil && errors.Is(err, d.escape) {
		err = Permanent(err)
	}
	return fmt.Errorf("%s %.900q in %s: %w", what, name, d.path, err)
}
