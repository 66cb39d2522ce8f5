package jetcapture

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/jetcapture/jetcapture/bucket"
)

// BlockStore takes finished blocks: the store of v0.1.0, at least once. Options.Archive is the one with exactly once.
type BlockStore[K DestKey] interface {
	// Write writes a block out to its final destination as told by destKey, dir ("YYYY/MM/DD/HH/mm/", the start of the window) and fileName,
	// and returns that destination as text. It is called from several goroutines. When it returns nil the block must be durable:
	// its messages are acknowledged then. After an error it is called again with the same block from its start, so that it may find its own earlier
	// file; equal names mean equal messages, perhaps in another order. A name that is taken by other bytes is an error that wraps
	// bucket.ErrExists: Write is then called with a second name, which ends in 8 hex digits of the SHA-256 of the block. It does not keep block.
	Write(ctx context.Context, block io.Reader, destKey K, dir, fileName string) (string, error)
}

// LocalFSStore writes each block to the file Resolver(key)/dir/fileName. A file appears whole and durable, or not at all, and none is ever
// overwritten: one that is there with the same bytes counts as written, another one is an error that wraps bucket.ErrExists.
type LocalFSStore[K DestKey] struct {
	// Resolver returns the directory of a key, relative or absolute; missing ones are made. It is called from several goroutines.
	// What comes from a message should go through EscapePath, or a key such as "../x" leaves the directory. Required.
	Resolver func(destKey K) (string, error)
}

// SingleDirStore returns a LocalFSStore that writes the blocks of all keys below one directory. Their names do not collide.
func SingleDirStore[K DestKey](path string) BlockStore[K] {
	return &LocalFSStore[K]{Resolver: func(K) (string, error) { return path, nil }}
}

// Write implements BlockStore. It returns the file's path.
func (f *LocalFSStore[K]) Write(ctx context.Context, block io.Reader, destKey K, dir, fileName string) (string, error) {
	if f.Resolver == nil {
		return "", bucket.Permanent(errors.New("LocalFSStore has no Resolver: set one that returns a directory"))
	}
	if err := checkBlockName(dir, fileName); err != nil {
		return "", err
	}
	root, err := f.Resolver(destKey)
	if err != nil {
		return "", fmt.Errorf("resolve the directory of key %v: %w", destKey, err)
	}
	path := filepath.Join(root, filepath.FromSlash(dir), fileName)
	body := newHashedBody(block)
	err = bucket.WriteFileNew(ctx, path, body, bucket.PutOptions{Size: -1})
	if errors.Is(err, bucket.ErrExists) {
		err = sameFile(path, body)
	}
	if err != nil {
		return "", err
	}
	return path, nil
}

// sameFile makes sure that the file at path is what body holds.
func sameFile(path string, body *hashedBody) error {
	if err := body.drain(); err != nil {
		return fmt.Errorf("read the block for %s: %w", path, err)
	}
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("read back the existing %s: %w", path, err)
	}
	there := newHashedBody(f)
	if err := errors.Join(there.drain(), f.Close()); err != nil {
		return fmt.Errorf("read back the existing %s: %w", path, err)
	}
	return there.compare(path, body)
}

// checkBlockName refuses names that would leave the store's root.
func checkBlockName(dir, fileName string) error {
	below := strings.TrimSuffix(dir, "/")
	if below != "" && (below == "." || !fs.ValidPath(below) || !filepath.IsLocal(filepath.FromSlash(below))) {
		return bucket.Permanent(fmt.Errorf("directory %q of a block is not a clean path below the store's root", dir))
	}
	if fileName == "." || strings.ContainsAny(fileName, `/\`) || !fs.ValidPath(fileName) || !filepath.IsLocal(fileName) {
		return bucket.Permanent(fmt.Errorf("file name %q of a block is not a single name", fileName))
	}
	return nil
}

// hashedBody counts and hashes what is read through it.
type hashedBody struct {
	r    io.Reader
	size int64
	hash hash.Hash // SHA-256
}

func newHashedBody(r io.Reader) *hashedBody { return &hashedBody{r: r, hash: sha256.New()} }

func (b *hashedBody) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	b.size += int64(n)
	b.hash.Write(p[:n])
	return n, err
}

// drain reads what is left, so that size and hash are those of the whole.
func (b *hashedBody) drain() error {
	_, err := io.Copy(io.Discard, b)
	return err
}

// compare returns an error that names both if the object at a location, read through b, is not the block that was read through want.
func (b *hashedBody) compare(location string, want *hashedBody) error {
	got, wanted := b.hash.Sum(nil), want.hash.Sum(nil)
	if b.size == want.size && bytes.Equal(got, wanted) {
		return nil
	}
	return fmt.Errorf("%s has %d bytes with SHA-256 %x, but the block to store there has %d with %x; move it away if it is not ours: %w",
		location, b.size, got, want.size, wanted, bucket.ErrExists)
}
