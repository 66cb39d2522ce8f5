package bucket_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// temps returns the files in the directory of temporary files.
func temps(t *testing.T, root string) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(root, "_jetcapture", "tmp"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

func wantNoTemps(t *testing.T, root string) {
	t.Helper()
	if left := temps(t, root); len(left) > 0 {
		t.Errorf("temporary files are left: %q", left)
	}
}
