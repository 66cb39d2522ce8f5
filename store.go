package jetcapture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/internal/blockstore"
)

// BlockStore takes the blocks of a capture that promises at least once. It is the store of v0.1.0; for exactly once see
// Options.Archive.
type BlockStore[K DestKey] interface {
	// Write stores a block under a place that it makes of destKey, dir ("YYYY/MM/DD/HH/mm/", the start of the window, UTC)
	// and fileName, and returns that place as text for the log and the hooks. It must not keep block. Several goroutines
	// call it.
	//
	// When it returns nil the block must be durable, because its messages will be acknowledged. After an error it is
	// called again with the same block from its start, so it may find the file of an earlier call. Equal names mean equal
	// messages, perhaps in another order. If the name is taken by other bytes, the error must wrap bucket.ErrExists: Write
	// is then called with a second name, which ends in 8 hex digits of the SHA-256 of the block.
	Write(ctx context.Context, block io.Reader, destKey K, dir, fileName string) (string, error)
}

// LocalFSStore writes each block to the file Resolver(key)/dir/fileName. A file appears whole and durable, or not at
// all, and none is ever overwritten: if a file of that name has the same bytes, it counts as written, otherwise the
// error wraps bucket.ErrExists.
type LocalFSStore[K DestKey] struct {
	// Resolver returns the directory of a key, absolute or relative to the working directory. Missing directories are
	// made. Parts that come from a message should go through EscapePath, or a key such as "../x" leaves the directory.
	// Several goroutines call it. Required.
	Resolver func(destKey K) (string, error)
}

// SingleDirStore returns a LocalFSStore that writes the blocks of all keys below one directory. Their names differ.
func SingleDirStore[K DestKey](path string) BlockStore[K] {
	return &LocalFSStore[K]{Resolver: func(K) (string, error) { return path, nil }}
}

// Write implements BlockStore. It returns the file's path.
func (f *LocalFSStore[K]) Write(
	ctx context.Context, block io.Reader, destKey K, dir, fileName string,
) (string, error) {
	if f.Resolver == nil {
		return "", bucket.Permanent(errors.New("LocalFSStore has no Resolver: set one that returns a directory"))
	}
	if err := blockstore.CheckName(dir, fileName); err != nil {
		return "", err
	}
	root, err := f.Resolver(destKey)
	if err != nil {
		return "", fmt.Errorf("resolve the directory of key %v: %w", destKey, err)
	}
	path := filepath.Join(root, filepath.FromSlash(dir), fileName)
	if err := blockstore.WriteFile(ctx, path, block); err != nil {
		return "", err
	}
	return path, nil
}
