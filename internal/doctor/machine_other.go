//go:build !linux

package doctor

import "errors"

// diskOf asks the file system of a folder, on Linux only.
func diskOf(string) (diskFacts, error) { return diskFacts{}, errors.ErrUnsupported }

// descriptors is how many files this process may open, on Linux only.
func descriptors() (uint64, error) { return 0, errors.ErrUnsupported }

// memoryLimit is the limit of the cgroup, on Linux only.
func memoryLimit() int64 { return 0 }
