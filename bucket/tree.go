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

// A tree places files below a directory: whole, durable, and only under names that are free. Its order of steps is what a power loss
// at any point leaves right:
//
//	write a temporary file → check its length → fsync it → make the directories, fsync the parent of each → link(2), which fails if
//	the name exists → fsync the directory → unlink the temporary name
//
// Rename would overwrite, so it is no fence. As the temporary name goes last, a file that still has two names is one whose
// directory may not be durable yet: its writer is at work, was killed or met an error. Whoever finds it calls settle first.
type tree struct {
	root *os.Root
	tmp  string // directory of the temporary files, relative to root

	unsettled bool // what is found is shown as it is, durable or not

	mu      sync.Mutex
	durable map[string]struct{} // directories whose own entry, and those above, were made durable by this process
}

// maxDurable bounds tree.durable: a capture makes new directories as long as it runs. Forgetting costs an fsync each.
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

// checkFree returns nil if nothing has the name, ErrExists if a file has it, which is durable then, or what else is in the way.
func (t *tree) checkFree(name string) error {
	info, err := t.root.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return Permanent(fmt.Errorf("the name is taken by something that is no file (%v)", info.Mode()))
	}
	if err := t.settle(name, info); err != nil {
		return err
	}
	return ErrExists
}

// writeTemp writes a durable temporary file and returns its name; after an error, or a panic of body, there is none.
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

// checkLength distrusts file systems that take bytes and do not keep them.
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
			err = errors.New("the name was taken and is free again; who removes files here?")
		}
	}
	if err != nil {
		return errors.Join(err, t.removeTemp(tmp))
	}
	if err := syncDir(t.root, path.Dir(name)); err != nil {
		return fmt.Errorf("sync directory: %w", err) // the temporary name stays, as the sign that this is undone
	}
	return t.removeTemp(tmp)
}

// link makes the directories of name and links it to tmp. If they were removed behind our back, what we know is void: once more.
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
	// NFS repeats a request whose response was lost and then reports that the name exists. The temporary file knows better.
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
		return fmt.Errorf("%w: the file system allows no hard links, without which no file can be created only once; "+
			"use another file system or an object store", err)
	default:
		return err
	}
}

// makeDir makes a directory and those above it, unless they are there, and makes their entries durable, once in this process. Also
// those that are there: another process may have made them and been killed before its fsync.
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

// stat describes the file that has the name and makes it durable. A directory is no object, so there is none of that name.
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

// settle makes the name of a file durable if its writer may not have come to that.
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

// makeRoot is os.MkdirAll, but durable: the parent of each directory made is synced before anything is put into it. So the parent
// of one that is there is synced, too: its maker may have been killed between the two, or be there still.
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
		return nil // none of us made it: we are not let in, or its file system does not sync directories
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
