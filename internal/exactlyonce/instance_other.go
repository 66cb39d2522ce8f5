//go:build !unix

package exactlyonce

import "os"

// openLock opens a lock file, and makes it if it is missing. Here the temporary directory is that of the user.
func openLock(path string) (*os.File, error) { return os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) }

// tryLock accepts every name. Where files cannot be locked, each instance should be given a name.
func tryLock(*os.File) bool { return true }
