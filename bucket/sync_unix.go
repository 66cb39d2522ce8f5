//go:build !windows

package bucket

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// syncDir makes the entries of a directory durable.
func syncDir(root *os.Root, dir string) error {
	f, err := root.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// links returns how many names a file has.
func links(info fs.FileInfo) uint64 {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(stat.Nlink) //nolint:unconvert // its type differs from system to system
	}
	return 1
}
