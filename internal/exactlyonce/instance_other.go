//go:build !unix

package exactlyonce

import "os"

// tryLock takes every name: where files cannot be locked, give each instance a name.
func tryLock(*os.File) bool { return true }
