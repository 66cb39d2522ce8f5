// Package blockstore puts blocks where the BlockStores of the root package want them: into local files and Azure blobs.
// A block appears whole or not at all, and nothing is ever overwritten: what is there already must be the same block.
package blockstore

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/internal/measure"
)

// CheckName refuses names that would leave the store's root. Its errors are permanent.
func CheckName(dir, fileName string) error {
	below := strings.TrimSuffix(dir, "/")
	if below != "" && (below == "." || !fs.ValidPath(below) || !filepath.IsLocal(filepath.FromSlash(below))) {
		return bucket.Permanent(fmt.Errorf("directory %q of a block is not a clean path below the store's root", dir))
	}
	if fileName == "." || strings.ContainsAny(fileName, `/\`) || !fs.ValidPath(fileName) || !filepath.IsLocal(fileName) {
		return bucket.Permanent(fmt.Errorf("file name %q of a block is not a single name", fileName))
	}
	return nil
}

// checkSame compares what is stored at a location with the block that should be stored there. Both must have been read
// to their end. If they differ, the error wraps bucket.ErrExists.
func checkSame(location string, there, block *measure.Reader) error {
	if there.Size() == block.Size() && there.SHA256() == block.SHA256() {
		return nil
	}
	return fmt.Errorf(
		"%s has %d bytes with SHA-256 %s, but the block to store there has %d with %s; move it away if it is not ours: %w",
		location, there.Size(), there.SHA256(), block.Size(), block.SHA256(), bucket.ErrExists)
}
