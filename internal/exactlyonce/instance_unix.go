//go:build unix

package exactlyonce

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"
)

// noPlainFile are the answers to O_NOFOLLOW at a link (FreeBSD says EMLINK), and at a directory or a socket.
var noPlainFile = []error{syscall.ELOOP, syscall.EMLINK, syscall.EISDIR, syscall.ENXIO}

// openLock opens a lock file, and makes it if it is missing. It follows no link, and takes only a plain file of this
// user with this one name: errNotOurs otherwise.
func openLock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0o600)
	if slices.ContainsFunc(noPlainFile, func(e error) bool { return errors.Is(err, e) }) {
		return nil, fmt.Errorf("%s: %w", path, errNotOurs)
	}
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !info.Mode().IsRegular() || int(s.Uid) != os.Geteuid() || s.Nlink != 1 {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, errNotOurs), f.Close())
	}
	return f, nil
}

// tryLock locks f for this process until it is closed.
func tryLock(f *os.File) bool {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil
}
