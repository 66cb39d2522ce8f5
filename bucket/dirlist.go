package bucket

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"path"
	"slices"
	"strings"
	"syscall"
)

// List implements Bucket. It holds the entries of one directory of each level in memory. Files whose names CheckName
// refuses are not objects. A lost+found at the root is skipped if it may not be read.
func (d *Dir) List(ctx context.Context, prefix, after string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		w := walk{ctx: ctx, tree: &d.tree, prefix: prefix, after: after}
		w.yield = func(info Info, err error) bool {
			if err != nil {
				err = fmt.Errorf("list %.900q in %s: %w", prefix, d.path, err)
			}
			return yield(info, err) && err == nil
		}
		if top, ok := topDir(prefix); ok {
			w.dir(top)
		}
	}
}

// topDir returns the deepest directory that holds every object with the prefix. It returns false if no object can have
// the prefix.
func topDir(prefix string) (string, bool) {
	end := strings.LastIndexByte(prefix, '/')
	if end < 0 {
		return ".", true
	}
	return prefix[:end], nameFault(prefix[:end]) == ""
}

// walk is one run through a tree in byte order of the names.
type walk struct {
	ctx           context.Context // lives as long as one List
	tree          *tree
	prefix, after string
	yield         func(Info, error) bool // returns false to stop, and always after an error
}

// entry is a file or a directory of the tree.
type entry struct {
	name string // from the root
	key  string // prefix of every name in it: name for a file, name and a slash for a directory
}

// dir yields the objects below a directory. It returns false when the walk is over.
func (w *walk) dir(dir string) bool {
	entries, err := w.entries(dir)
	if err != nil {
		return w.yield(Info{}, err)
	}
	for _, e := range entries {
		if err := w.ctx.Err(); err != nil {
			return w.yield(Info{}, err)
		}
		if e.key != e.name {
			if !w.dir(e.name) {
				return false
			}
		} else if !w.file(e.name) {
			return false
		}
	}
	return true
}

// entries returns the files and directories of dir that matter, sorted by key. A directory "a" comes after a file "a-b"
// and before "a0", because all names in it begin with "a/".
func (w *walk) entries(dir string) ([]entry, error) {
	found, err := readDir(w.tree.root, dir)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return nil, nil // removed meanwhile, or nothing has the prefix
	case dir == "lost+found" && errors.Is(err, fs.ErrPermission):
		return nil, nil
	case err != nil:
		return nil, err
	}
	var entries []entry
	for _, f := range found {
		name := path.Join(dir, f.Name())
		if e := (entry{name: name, key: name + "/"}); f.IsDir() && w.holdsWanted(e.key) {
			entries = append(entries, e)
		}
		if f.Type().IsRegular() && w.wanted(name) {
			entries = append(entries, entry{name: name, key: name})
		}
	}
	slices.SortFunc(entries, func(a, b entry) int { return cmp.Compare(a.key, b.key) })
	return entries, nil
}

// wanted reports whether a file is to be listed.
func (w *walk) wanted(name string) bool {
	return strings.HasPrefix(name, w.prefix) && name > w.after && nameFault(name) == "" && !w.tree.isTemp(name)
}

// holdsWanted reports whether a directory with this key can hold names that are wanted. The walk begins at topDir, so
// the prefix ends within the key.
func (w *walk) holdsWanted(key string) bool {
	return strings.HasPrefix(key, w.prefix) && (key > w.after || strings.HasPrefix(w.after, key))
}

// file yields one object, unless it was removed meanwhile.
func (w *walk) file(name string) bool {
	info, err := w.tree.root.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return true
	case err != nil:
		return w.yield(Info{}, err)
	}
	return w.yield(Info{Name: name, Size: info.Size(), ModTime: info.ModTime().UTC()}, nil)
}
