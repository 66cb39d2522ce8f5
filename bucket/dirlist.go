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
		d.walk(walk{ctx: ctx, prefix: prefix, after: after}, func(e Entry, err error) bool { return yield(e.Info, err) })
	}
}

// ListAll implements AllLister.
func (d *Dir) ListAll(ctx context.Context, prefix, after string) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		d.walk(walk{ctx: ctx, prefix: prefix, after: after, all: true}, yield)
	}
}

func (d *Dir) walk(w walk, yield func(Entry, error) bool) {
	w.tree = &d.tree
	w.yield = func(e Entry, err error) bool {
		if err != nil {
			err = fmt.Errorf("list %.900q in %s: %w", w.prefix, d.path, err)
		}
		return yield(e, err) && err == nil
	}
	if top, ok := topDir(w.prefix); ok {
		w.dir(top)
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
	all           bool                    // also what is not an object
	yield         func(Entry, error) bool // returns false to stop, and always after an error
}

// entry is a directory of the tree, or what is to be yielded.
type entry struct {
	name string // from the root
	key  string // prefix of every name in it: name for a file, name and a slash for a directory
	odd  string // as in Entry
	link bool
}

// dir yields the objects below a directory. It returns false when the walk is over.
func (w *walk) dir(dir string) bool {
	entries, err := w.entries(dir)
	if err != nil {
		return w.yield(Entry{}, err)
	}
	for _, e := range entries {
		if err := w.ctx.Err(); err != nil {
			return w.yield(Entry{}, err)
		}
		if e.key != e.name {
			if !w.dir(e.name) {
				return false
			}
		} else if !w.file(e) {
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
		if odd := oddity(name, f.Type()); w.wanted(name) && !f.IsDir() && (w.all || odd == "") {
			entries = append(entries, entry{name: name, key: name, odd: odd, link: f.Type()&fs.ModeSymlink != 0})
		}
	}
	slices.SortFunc(entries, func(a, b entry) int { return cmp.Compare(a.key, b.key) })
	return entries, nil
}

// oddity returns why a file is not an object, or an empty string.
func oddity(name string, kind fs.FileMode) string {
	switch {
	case kind&fs.ModeSymlink != 0:
		return "it is a symbolic link"
	case !kind.IsRegular():
		return fmt.Sprintf("it is not a regular file (%v)", kind)
	}
	return nameFault(name)
}

// wanted reports whether what has this name is to be listed.
func (w *walk) wanted(name string) bool {
	return strings.HasPrefix(name, w.prefix) && name > w.after && !w.tree.isTemp(name)
}

// holdsWanted reports whether a directory with this key can hold names that are wanted. The walk begins at topDir, so
// the prefix ends within the key.
func (w *walk) holdsWanted(key string) bool {
	return strings.HasPrefix(key, w.prefix) && (key > w.after || strings.HasPrefix(w.after, key))
}

// file yields one entry, unless it was removed meanwhile.
func (w *walk) file(e entry) bool {
	info, err := w.tree.root.Lstat(e.name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return true
	case err != nil:
		return w.yield(Entry{}, err)
	}
	return w.yield(Entry{
		Info: Info{Name: e.name, Size: info.Size(), ModTime: info.ModTime().UTC()}, Odd: e.odd, Link: e.link,
	}, nil)
}
