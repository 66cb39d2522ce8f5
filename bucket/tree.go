package bucket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sync"
	"syscall"
)

// A tree places files below a directory: whole, durable, and only under names that are free. The order of its steps
// keeps that right after a power loss at any point:
//
//	write a temporary file → check its length → fsync it
//	→ make the directories, fsync the parent of each
//	→ link(2), which fails if the name exists → fsync the directory → unlink the temporary name
//
// Rename would overwrite, so it is not a fence. The temporary name goes last. So the directory of a file that still has
// two names may not be durable yet, because its writer is at work, was killed, or met an error. A reader that finds
// such a file calls settle first.
type tree struct {
	root *os.Root
	tmp  string // directory of the temporary files, relative to root

	unsettled bool // files are shown whether they are durable or not

	mu      sync.Mutex          // guards durable
	durable map[string]struct{} // directories whose own entry, and those above, were made durable by this process
}

// maxDurable bounds tree.durable, because a capture makes new directories as long as it runs. Forgetting one costs an
// fsync.
const maxDurable = 8192

// put writes body to a new file. The name must have been checked.
func (t *tree) put(ctx context.Context, name string, body io.Reader, opts PutOptions) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := t.checkFree(name); err != nil {
		return err
	}
	tmp, err := t.writeTemp(ctx, body, opts)
	if err != nil {
		return err
	}
	return t.publish(ctx, tmp, name)
}

// checkFree returns nil if the name is free. If a file has it, checkFree makes it durable and returns ErrExists.
func (t *tree) checkFree(name string) error {
	info, err := t.root.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return Permanent(fmt.Errorf("the name is taken by something that is not a file (%v)", info.Mode()))
	}
	if err := t.settle(name, info); err != nil {
		return err
	}
	return ErrExists
}

// writeTemp writes a durable temporary file and returns its name. After an error or a panic of body the file is
// removed.
func (t *tree) writeTemp(ctx context.Context, body io.Reader, opts PutOptions) (_ string, err error) {
	tmp, f, err := t.createTemp()
	if err != nil {
		return "", fmt.Errorf("create temporary file: %w", err)
	}
	whole := false
	defer func() {
		err = errors.Join(err, f.Close())
		if !whole || err != nil {
			err = errors.Join(err, t.removeTemp(tmp))
		}
	}()
	n, err := io.Copy(f, CheckBody(ctx, body, opts))
	if err != nil {
		return "", err
	}
	if err := checkLength(f, n); err != nil {
		return "", err
	}
	if err := f.Sync(); err != nil {
		return "", err
	}
	whole = true
	return tmp, nil
}

// checkLength returns an error if the file system has not kept all bytes.
func checkLength(f *os.File, want int64) error {
	info, err := f.Stat()
	if err == nil && info.Size() != want {
		err = fmt.Errorf("temporary file has %d bytes after writing %d", info.Size(), want)
	}
	return err
}

// publish gives a temporary file its name and makes that durable.
func (t *tree) publish(ctx context.Context, tmp, name string) error {
	err := t.link(ctx, tmp, name)
	if errors.Is(err, fs.ErrExist) {
		if err = t.checkFree(name); err == nil {
			err = errors.New("the name was taken and is free again: something removes files here")
		}
	}
	if err != nil {
		return errors.Join(err, t.removeTemp(tmp))
	}
	if err := syncDir(t.root, path.Dir(name)); err != nil {
		return fmt.Errorf("sync directory: %w", err) // the temporary name stays, as the sign that this is still to be done
	}
	return t.removeTemp(tmp)
}

// link makes the directories of name and links it to tmp. If another process has removed directories, the cache of
// durable ones is stale: link clears it and retries once.
func (t *tree) link(ctx context.Context, tmp, name string) error {
	err := t.tryLink(ctx, tmp, name)
	if errors.Is(err, fs.ErrNotExist) {
		t.forget()
		err = t.tryLink(ctx, tmp, name)
	}
	return err
}

func (t *tree) tryLink(ctx context.Context, tmp, name string) error {
	if err := t.makeDir(path.Dir(name)); err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	err := t.root.Link(tmp, name)
	if err == nil {
		return nil
	}
	// NFS repeats a request whose response was lost, and then reports that the name exists. The links of the temporary
	// file show the truth.
	if info, statErr := t.root.Lstat(tmp); statErr == nil && links(info) == 2 {
		return nil
	}
	return linkAdvice(err)
}

// linkAdvice explains what a file system lacks.
func linkAdvice(err error) error {
	switch {
	case errors.Is(err, syscall.EXDEV):
		return fmt.Errorf("%w: a directory below the root is on another file system than the temporary files; "+
			"keep the whole root on one file system", err)
	case errors.Is(err, errors.ErrUnsupported), errors.Is(err, syscall.EPERM):
		return fmt.Errorf("%w: the file system allows no hard links, which create-only files need; "+
			"use another file system or an object store", err)
	default:
		return err
	}
}

// makeDir makes a directory and those above it, unless they are there, and makes their entries durable, once in this
// process. It does that also for existing directories: another process may have made them and been killed before its
// fsync.
func (t *tree) makeDir(dir string) error {
	if dir == "." || t.known(dir) {
		return nil
	}
	parent := path.Dir(dir)
	if err := t.makeDir(parent); err != nil {
		return err
	}
	if err := t.root.Mkdir(dir, 0o750); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := syncDir(t.root, parent); err != nil {
		return err
	}
	t.remember(dir)
	return nil
}

// known, remember and forget are the cache of durable directories.
func (t *tree) known(dir string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, ok := t.durable[dir]
	return ok
}

func (t *tree) remember(dir string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.durable == nil || len(t.durable) >= maxDurable {
		t.durable = make(map[string]struct{})
	}
	t.durable[dir] = struct{}{}
}

func (t *tree) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.durable = nil
}

// stat describes the file that has the name, and makes it durable. A directory is not an object, so it does not exist.
func (t *tree) stat(name string) (fs.FileInfo, error) {
	info, err := t.root.Lstat(name)
	switch {
	case errors.Is(err, syscall.ENOTDIR):
		return nil, fs.ErrNotExist
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, fs.ErrNotExist
	case !info.Mode().IsRegular():
		return nil, Permanent(fmt.Errorf("not a regular file but %v", info.Mode().Type()))
	}
	return info, t.settle(name, info)
}

// settle makes the name of a file durable if its writer may not have done so yet.
func (t *tree) settle(name string, info fs.FileInfo) error {
	if t.unsettled || links(info) == 1 {
		return nil
	}
	dir := path.Dir(name)
	if err := t.makeDir(dir); err != nil {
		return fmt.Errorf("make directory durable: %w", err)
	}
	if err := syncDir(t.root, dir); err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	return nil
}

// makeRoot is os.MkdirAll, but durable: the parent of each new directory is synced before anything is put into it. The
// parent of the first existing one is synced, too, because the process that made it may not have done so yet, or was
// killed before.
func makeRoot(dir string) error {
	parent := filepath.Dir(dir)
	info, err := os.Stat(dir)
	switch {
	case err == nil && !info.IsDir():
		return &fs.PathError{Op: "open", Path: dir, Err: syscall.ENOTDIR}
	case err == nil:
		if err := syncPath(parent); !IsPermanent(err) {
			return err
		}
		return nil // no capture made it: we may not open the parent, or its file system does not sync directories
	case !errors.Is(err, fs.ErrNotExist) || parent == dir:
		return err
	}
	if err := makeRoot(parent); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o750); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncPath(parent)
}

func syncPath(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	return errors.Join(syncDir(root, "."), root.Close())
}
