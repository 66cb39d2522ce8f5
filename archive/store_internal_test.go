package archive

import (
	"testing"

	"github.com/jetcapture/jetcapture/bucket"
)

// TestFolderIsListedOnce: later, the end of a log in a folder is found by single looks. A list would read the whole
// folder, at each look for a new cut.
func TestFolderIsListedOnce(t *testing.T) {
	dir, err := bucket.OpenDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	if !newStore(dir).ListsWhole() || newStore(bucket.NewMem()).ListsWhole() {
		t.Error("folders, and nothing else, list the whole log")
	}
}
