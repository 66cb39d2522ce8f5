package bucket_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/jetcapture/jetcapture/bucket"
)

func writeNew(t *testing.T, name, content string, size int64) error {
	t.Helper()
	return bucket.WriteFileNew(t.Context(), name, strings.NewReader(content), bucket.PutOptions{Size: size})
}

func wantFile(t *testing.T, name, want string) {
	t.Helper()
	if got, err := os.ReadFile(name); err != nil || string(got) != want {
		t.Errorf("%s holds %q, %v, want %q", name, got, err, want)
	}
}

// wantEntries expects that a directory holds n entries, thus no temporary file.
func wantEntries(t *testing.T, dir string, n int) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) || len(entries) != n {
		t.Errorf("%s holds %v, %v, want %d entries", dir, entries, err, n)
	}
}

func TestWriteFileNew(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "dirs")
	name := filepath.Join(dir, "back\\slash and "+strings.Repeat("long", 50))
	if err := writeNew(t, name, "content", -1); err != nil {
		t.Fatalf("WriteFileNew = %v, want nil", err)
	}
	wantFile(t, name, "content")
	if err := writeNew(t, name, "other", 5); !errors.Is(err, bucket.ErrExists) {
		t.Errorf("second WriteFileNew = %v, want ErrExists", err)
	}
	wantFile(t, name, "content")
	if err := writeNew(t, filepath.Join(dir, "short"), "content", 8); !errors.Is(err, bucket.ErrBody) {
		t.Errorf("WriteFileNew of a short body = %v, want ErrBody", err)
	}
	wantEntries(t, dir, 1)
}

func TestWriteFileNewRelative(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := writeNew(t, "plain", "content", 7); err != nil {
		t.Fatalf("WriteFileNew = %v, want nil", err)
	}
	wantFile(t, "plain", "content")
}

func TestWriteFileNewRefused(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "file"), "")
	wantPermanent(t, "WriteFileNew below a file", writeNew(t, filepath.Join(dir, "file", "x"), "", 0))
	wantPermanent(t, "WriteFileNew over a directory", writeNew(t, dir, "", 0))
	wantPermanent(t, "WriteFileNew with a long name", writeNew(t, filepath.Join(dir, strings.Repeat("x", 300)), "", 0))
	wantEntries(t, dir, 1)
}

// TestWriteFileNewRace: many writers of one file in a directory that does not exist yet.
func TestWriteFileNewRace(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b", "c")
	name := filepath.Join(dir, "file")
	var writers sync.WaitGroup
	won := make(chan string, 16)
	for i := range 16 {
		writers.Go(func() {
			content := strings.Repeat(string(rune('a'+i)), 50_000)
			switch err := writeNew(t, name, content, 50_000); {
			case err == nil:
				won <- content
			case !errors.Is(err, bucket.ErrExists):
				t.Errorf("WriteFileNew = %v, want nil or ErrExists", err)
			}
		})
	}
	writers.Wait()
	close(won)
	if len(won) != 1 {
		t.Fatalf("%d writers won, want one", len(won))
	}
	wantFile(t, name, <-won)
	wantEntries(t, dir, 1)
}
