package jetcapture_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/bucket"
)

const window = "2026/11/24/05/45/"

func TestLocalFSStoreWritesBelowTheResolvedDirectory(t *testing.T) {
	root := t.TempDir()
	store := &jetcapture.LocalFSStore[string]{Resolver: func(key string) (string, error) {
		return filepath.Join(root, jetcapture.EscapePath(key)), nil
	}}
	got, err := store.Write(t.Context(), strings.NewReader("a,b\n"), "../eu", window, "x.csv")
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(root, "%2E.%2Feu", filepath.FromSlash(window), "x.csv"); got != want {
		t.Errorf("wrote %s, want %s", got, want)
	}
	checkFiles(t, root, map[string]string{"%2E.%2Feu/" + window + "x.csv": "a,b\n"})
}

func TestSingleDirStoreIgnoresTheKey(t *testing.T) {
	root := t.TempDir()
	store := jetcapture.SingleDirStore[int](root)
	for key, name := range []string{"a", "b"} {
		if _, err := store.Write(t.Context(), strings.NewReader(name), key, window, name); err != nil {
			t.Fatal(err)
		}
	}
	checkFiles(t, root, map[string]string{window + "a": "a", window + "b": "b"})
}

func TestLocalFSStoreNeverOverwrites(t *testing.T) {
	root := t.TempDir()
	store := jetcapture.SingleDirStore[string](root)
	first, err := store.Write(t.Context(), strings.NewReader("the same"), "k", window, "f")
	if err != nil {
		t.Fatal(err)
	}
	again, err := store.Write(t.Context(), iotest.OneByteReader(strings.NewReader("the same")), "k", window, "f")
	if err != nil || again != first {
		t.Errorf("an equal file: %q, %v", again, err)
	}
	for _, other := range []string{"the sane", "the same!", ""} {
		_, err := store.Write(t.Context(), strings.NewReader(other), "k", window, "f")
		if !errors.Is(err, bucket.ErrExists) {
			t.Errorf("another file: got error %v, want %v", err, bucket.ErrExists)
		}
		wantText(t, err, first, "SHA-256")
	}
	checkFiles(t, root, map[string]string{window + "f": "the same"})
}

func TestLocalFSStoreRacingWritersOfOneFile(t *testing.T) {
	root := t.TempDir()
	store := jetcapture.SingleDirStore[string](root)
	errs := make([]error, 8)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			_, errs[i] = store.Write(t.Context(), strings.NewReader("same"), "k", window, "f")
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
	checkFiles(t, root, map[string]string{window + "f": "same"})
}

func TestLocalFSStoreLeavesNothingAfterAnError(t *testing.T) {
	root := t.TempDir()
	store := jetcapture.SingleDirStore[string](root)
	broken := io.MultiReader(strings.NewReader("half"), iotest.ErrReader(errDiskFull))
	if _, err := store.Write(t.Context(), broken, "k", window, "f"); !errors.Is(err, errDiskFull) {
		t.Errorf("a broken block: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := store.Write(ctx, strings.NewReader("x"), "k", window, "f"); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled write: %v", err)
	}
	checkFiles(t, root, map[string]string{})
}

func TestLocalFSStoreRefusesNamesThatLeaveTheRoot(t *testing.T) {
	root := t.TempDir()
	store := jetcapture.SingleDirStore[string](filepath.Join(root, "inner"))
	names := [][2]string{
		{"../", "f"},
		{"a/../../b/", "f"},
		{"/abs/", "f"},
		{"a//b/", "f"},
		{"./", "f"},
		{window, "../f"},
		{window, "a/f"},
		{window, `a\f`},
		{window, ""},
		{window, "."},
		{window, ".."},
	}
	for _, n := range names {
		if _, err := store.Write(t.Context(), strings.NewReader("x"), "k", n[0], n[1]); !errors.Is(err, bucket.ErrPermanent) {
			t.Errorf("dir %q, file %q: %v", n[0], n[1], err)
		}
	}
	checkFiles(t, root, map[string]string{})
}

func TestLocalFSStoreWithoutDirectory(t *testing.T) {
	cause := errors.New("unknown region")
	store := &jetcapture.LocalFSStore[string]{Resolver: func(string) (string, error) { return "", cause }}
	_, err := store.Write(t.Context(), strings.NewReader("x"), "k", window, "f")
	if !errors.Is(err, cause) {
		t.Errorf("failing Resolver: got error %v, want %v", err, cause)
	}
	wantText(t, err, "key k")
	store.Resolver = nil
	if _, err := store.Write(t.Context(), strings.NewReader("x"), "k", window, "f"); !errors.Is(err, bucket.ErrPermanent) {
		t.Errorf("no Resolver: %v", err)
	}
}

// checkFiles compares all regular files below root, temporary ones included, with name to content.
func checkFiles(t *testing.T, root string, want map[string]string) {
	t.Helper()
	got := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		name, _ := filepath.Rel(root, path)
		got[filepath.ToSlash(name)] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range want {
		if got[name] != content {
			t.Errorf("%s holds %q, want %q", name, got[name], content)
		}
		delete(got, name)
	}
	if len(got) > 0 {
		t.Errorf("unexpected files %q", got)
	}
}
