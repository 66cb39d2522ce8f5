package bucket_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/bucket/buckettest"
)

func openDir(t *testing.T, root string) *bucket.Dir {
	t.Helper()
	d, err := bucket.OpenDir(root)
	if err != nil {
		t.Fatalf("OpenDir: %v", err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return d
}

func putString(ctx context.Context, b bucket.Bucket, name, content string) error {
	return b.PutNew(ctx, name, strings.NewReader(content), bucket.PutOptions{Size: int64(len(content))})
}

func mustPut(t *testing.T, b bucket.Bucket, name, content string) {
	t.Helper()
	if err := putString(t.Context(), b, name, content); err != nil {
		t.Fatalf("PutNew(%q) = %v, want nil", name, err)
	}
}

func wantContent(t *testing.T, b bucket.Bucket, name, want string) {
	t.Helper()
	r, err := b.Open(t.Context(), name, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(r)
	if err = errors.Join(err, r.Close()); err != nil || string(got) != want {
		t.Fatalf("%s holds %d bytes %.40q, %v, want %d bytes %.40q", name, len(got), got, err, len(want), want)
	}
}

func wantPermanent(t *testing.T, what string, err error) {
	t.Helper()
	if !bucket.IsPermanent(err) || errors.Is(err, bucket.ErrExists) || errors.Is(err, bucket.ErrNotExist) {
		t.Errorf("%s = %v, want a permanent error", what, err)
	}
}

// listed returns the names of all objects.
func listed(t *testing.T, b bucket.Bucket) []string {
	t.Helper()
	var names []string
	for info, err := range b.List(t.Context(), "", "") {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, info.Name)
	}
	return names
}

func write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestDirConforms(t *testing.T) {
	buckettest.Run(t, func(t *testing.T) bucket.Bucket {
		root := t.TempDir()
		t.Cleanup(func() { wantNoTemps(t, root) })
		return openDir(t, root)
	})
}

func TestOpenDirMakesTheRoot(t *testing.T) {
	root := filepath.Join(t.TempDir(), "new", "archive")
	d := openDir(t, root)
	if d.String() != root {
		t.Errorf("String() = %q, want %q", d.String(), root)
	}
	mustPut(t, d, "key/x", "content")
	for _, test := range []struct {
		path string
		mode fs.FileMode
	}{
		{root, 0o750},
		{filepath.Dir(root), 0o750},
		{filepath.Join(root, "key"), 0o750},
		{filepath.Join(root, "key", "x"), 0o640},
	} {
		info, err := os.Stat(test.path)
		if err != nil || info.Mode().Perm()&^test.mode != 0 {
			t.Errorf("%s: mode %v, %v, want at most %v", test.path, info.Mode(), err, test.mode)
		}
	}
	wantNoTemps(t, root)
}

func TestOpenDirRefusesAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, "")
	for _, root := range []string{file, filepath.Join(file, "below")} {
		_, err := bucket.OpenDir(root)
		wantPermanent(t, "OpenDir", err)
	}
}

func TestOpenDirReadOnly(t *testing.T) {
	root := t.TempDir()
	if _, err := bucket.OpenDirReadOnly(filepath.Join(root, "missing")); !errors.Is(err, bucket.ErrNotExist) {
		t.Errorf("OpenDirReadOnly of a missing directory = %v, want ErrNotExist", err)
	}
	mustPut(t, openDir(t, root), "key/x", "content")
	d, err := bucket.OpenDirReadOnly(root)
	if err != nil {
		t.Fatal(err)
	}
	wantContent(t, d, "key/x", "content")
	if names := listed(t, d); !slices.Equal(names, []string{"key/x"}) {
		t.Errorf("List yields %q, want key/x", names)
	}
	wantPermanent(t, "PutNew", putString(t.Context(), d, "y", ""))
	if err := d.Close(); err != nil {
		t.Errorf("Close = %v", err)
	}
}

func TestDirClosed(t *testing.T) {
	d, err := bucket.OpenDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	mustPut(t, d, "x", "content")
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	_, statErr := d.Stat(t.Context(), "x")
	for _, err := range []error{putString(t.Context(), d, "y", ""), statErr} {
		if !errors.Is(err, fs.ErrClosed) || !bucket.IsPermanent(err) {
			t.Errorf("a call after Close = %v, want fs.ErrClosed", err)
		}
	}
}

// TestDirSymlinks: symbolic links do not lead out of the root, and are not objects.
func TestDirSymlinks(t *testing.T) {
	root, outside := t.TempDir(), t.TempDir()
	write(t, filepath.Join(outside, "secret"), "secret")
	write(t, filepath.Join(root, "inside", "x"), "x")
	for link, target := range map[string]string{
		"out": outside, "up": "..", "secret": filepath.Join(outside, "secret"), "file": "inside/x", "dangling": "nowhere",
		"loop": "loop",
	} {
		if err := os.Symlink(target, filepath.Join(root, link)); err != nil {
			t.Fatal(err)
		}
	}
	d := openDir(t, root)
	for _, name := range []string{"out/secret", "out/new", "up/new", "secret", "file", "dangling", "loop", "loop/x"} {
		wantPermanent(t, "PutNew of "+name, putString(t.Context(), d, name, "x"))
		_, err := d.Open(t.Context(), name, 0, -1)
		wantPermanent(t, "Open of "+name, err)
		_, err = d.Stat(t.Context(), name)
		wantPermanent(t, "Stat of "+name, err)
	}
	if names := listed(t, d); !slices.Equal(names, []string{"inside/x"}) {
		t.Errorf("List yields %q, want inside/x alone", names)
	}
	if entries, err := os.ReadDir(outside); err != nil || len(entries) != 1 {
		t.Errorf("outside holds %v, %v, want the secret alone", entries, err)
	}
	wantNoTemps(t, root)
}

// TestDirTemporaryDirectoryOutside: the temporary files do not follow a link either.
func TestDirTemporaryDirectoryOutside(t *testing.T) {
	root, outside := t.TempDir(), t.TempDir()
	d := openDir(t, root)
	if err := os.RemoveAll(filepath.Join(root, "_jetcapture")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(root, "_jetcapture")); err != nil {
		t.Fatal(err)
	}
	wantPermanent(t, "PutNew", putString(t.Context(), d, "x", "x"))
	if entries, err := os.ReadDir(outside); err != nil || len(entries) > 0 {
		t.Errorf("outside holds %v, %v, want nothing", entries, err)
	}
}

func TestDirNameIsBothObjectAndDirectory(t *testing.T) {
	d := openDir(t, t.TempDir())
	mustPut(t, d, "a/b", "content")
	wantPermanent(t, "PutNew of a directory's name", putString(t.Context(), d, "a", "x"))
	wantPermanent(t, "PutNew below an object", putString(t.Context(), d, "a/b/c", "x"))
	wantContent(t, d, "a/b", "content")
}

func TestDirLeftovers(t *testing.T) {
	root := t.TempDir()
	tmp := filepath.Join(root, "_jetcapture", "tmp")
	keep := []string{"format.json", "log/00000000000000000001.plan.json.gz", ".put-fresh.tmp", ".put-dir.tmp/x"}
	for _, name := range append([]string{".put-old.tmp"}, keep...) {
		write(t, filepath.Join(tmp, filepath.FromSlash(name)), "x")
		setAge(t, filepath.Join(tmp, filepath.FromSlash(name)), 25*time.Hour)
	}
	setAge(t, filepath.Join(tmp, ".put-fresh.tmp"), 23*time.Hour)
	d := openDir(t, root)
	if _, err := os.Stat(filepath.Join(tmp, ".put-old.tmp")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the old temporary file: %v, want it removed", err)
	}
	for _, name := range keep {
		if _, err := os.Stat(filepath.Join(tmp, filepath.FromSlash(name))); err != nil {
			t.Errorf("%v, want it kept", err)
		}
	}
	want := []string{
		"_jetcapture/tmp/.put-dir.tmp/x", "_jetcapture/tmp/format.json",
		"_jetcapture/tmp/log/00000000000000000001.plan.json.gz",
	}
	if names := listed(t, d); !slices.Equal(names, want) {
		t.Errorf("List yields %q, want the files of the capture that is called tmp, %q", names, want)
	}
	fresh := "_jetcapture/tmp/.put-fresh.tmp"
	if _, err := d.Stat(t.Context(), fresh); !errors.Is(err, bucket.ErrNotExist) {
		t.Errorf("Stat of a temporary file = %v, want ErrNotExist", err)
	}
	if _, err := d.Open(t.Context(), fresh, 0, -1); !errors.Is(err, bucket.ErrNotExist) {
		t.Errorf("Open of a temporary file = %v, want ErrNotExist", err)
	}
	wantPermanent(t, "PutNew of such a name", putString(t.Context(), d, "_jetcapture/tmp/.put-mine.tmp", ""))
}

func setAge(t *testing.T, name string, age time.Duration) {
	t.Helper()
	then := time.Now().Add(-age)
	if err := os.Chtimes(name, then, then); err != nil {
		t.Fatal(err)
	}
}

// TestDirLinkedButNotFinished finds an object whose writer was killed between link and unlink: it is an object like any
// other.
func TestDirLinkedButNotFinished(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "_jetcapture", "tmp", ".put-killed.tmp"), "content")
	write(t, filepath.Join(root, "key", "other"), "")
	if err := os.Link(filepath.Join(root, "_jetcapture", "tmp", ".put-killed.tmp"),
		filepath.Join(root, "key", "x")); err != nil {
		t.Fatal(err)
	}
	d := openDir(t, root)
	wantContent(t, d, "key/x", "content")
	if err := putString(t.Context(), d, "key/x", "content"); !errors.Is(err, bucket.ErrExists) {
		t.Errorf("PutNew = %v, want ErrExists", err)
	}
}

// TestDirLinkedTwice does what NFS does: the link is made, the response is lost, the repeated request finds that the
// name exists.
func TestDirLinkedTwice(t *testing.T) {
	root := t.TempDir()
	d := openDir(t, root)
	body := io.MultiReader(strings.NewReader("content"), readFunc(func() {
		if err := os.Link(filepath.Join(root, "_jetcapture", "tmp", temps(t, root)[0]),
			filepath.Join(root, "x")); err != nil {
			t.Error(err)
		}
	}))
	if err := d.PutNew(t.Context(), "x", body, bucket.PutOptions{Size: -1}); err != nil {
		t.Errorf("PutNew = %v, want nil: the object is ours", err)
	}
	wantContent(t, d, "x", "content")
	wantNoTemps(t, root)
}

// readFunc is an empty reader that does something when it is read.
type readFunc func()

func (f readFunc) Read([]byte) (int, error) {
	f()
	return 0, io.EOF
}

// TestDirDirectoriesRemoved: another process removes empty directories while we run.
func TestDirDirectoriesRemoved(t *testing.T) {
	root := t.TempDir()
	d := openDir(t, root)
	mustPut(t, d, "a/b/c/1", "content")
	for _, dir := range []string{"a", "_jetcapture"} {
		if err := os.RemoveAll(filepath.Join(root, dir)); err != nil {
			t.Fatal(err)
		}
	}
	mustPut(t, d, "a/b/c/2", "content")
	wantContent(t, d, "a/b/c/2", "content")
	wantNoTemps(t, root)
}

// TestDirRootRemoved: the error is not that of a missing object, and a retry may help once the disk is mounted again.
func TestDirRootRemoved(t *testing.T) {
	root := filepath.Join(t.TempDir(), "root")
	d := openDir(t, root)
	if err := os.RemoveAll(root); err != nil {
		t.Fatal(err)
	}
	if err := putString(t.Context(), d, "a/b", "x"); err == nil || errors.Is(err, bucket.ErrNotExist) ||
		bucket.IsPermanent(err) {
		t.Errorf("PutNew = %v, want an error that is neither ErrNotExist nor permanent", err)
	}
}

func TestDirBodyPanics(t *testing.T) {
	root := t.TempDir()
	d := openDir(t, root)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("PutNew swallowed the panic of its body")
			}
		}()
		_ = d.PutNew(t.Context(), "x", panicking{}, bucket.PutOptions{Size: 1})
	}()
	if _, err := d.Stat(t.Context(), "x"); !errors.Is(err, bucket.ErrNotExist) {
		t.Errorf("Stat = %v, want ErrNotExist", err)
	}
	wantNoTemps(t, root)
}

type panicking struct{}

func (panicking) Read([]byte) (int, error) { panic("body") }

func TestDirErrorsSayWhatAndWhere(t *testing.T) {
	root := t.TempDir()
	d := openDir(t, root)
	mustPut(t, d, "key/x", "")
	_, statErr := d.Stat(t.Context(), "key/y")
	for what, err := range map[string]error{
		fmt.Sprintf(`put "key/x" in %s: object exists already`, root): putString(t.Context(), d, "key/x", ""),
		fmt.Sprintf(`stat "key/y" in %s: file does not exist`, root):  statErr,
	} {
		if err == nil || !strings.HasPrefix(err.Error(), what[:strings.LastIndex(what, ":")]) {
			t.Errorf("error is %v, want %s", err, what)
		}
	}
}

// BenchmarkDirPutNew puts small objects from several goroutines, as a cut with many keys does.
func BenchmarkDirPutNew(b *testing.B) {
	d, err := bucket.OpenDir(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	content := strings.Repeat("x", 10_000)
	b.SetParallelism(8)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			name := fmt.Sprintf("%p/%d", pb, time.Now().UnixNano())
			if err := putString(context.Background(), d, name, content); err != nil {
				b.Error(err)
			}
		}
	})
	if err := d.Close(); err != nil {
		b.Error(err)
	}
}
