//go:build unix

package exactlyonce

import (
	"os"
	"syscall"
)

// tryLock locks f for this process until it is closed.
func tryLock(f *os.File) bool {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil
}
