package bucket_test

import (
	"testing"

	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/bucket/buckettest"
)

// openDir opens a bucket in a new directory and expects at the end that no temporary file is left.
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

func TestDirConforms(t *testing.T) {
	buckettest.Run(t, func(t *testing.T) bucket.Bucket {
		root := t.TempDir()
		t.Cleanup(func() { wantNoTemps(t, root) })
		return openDir(t, root)
	})
}
