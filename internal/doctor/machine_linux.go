package doctor

import (
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// tmpfsMagic is the type of a file system in memory: statfs(2).
const tmpfsMagic = 0x01021994

// diskOf asks the file system of a folder.
func diskOf(folder string) (diskFacts, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(folder, &s); err != nil {
		return diskFacts{}, err
	}
	const writeAndSearch = 2 | 1
	d := diskFacts{
		free: s.Bavail * uint64(s.Bsize), inodes: s.Ffree, memory: s.Type == tmpfsMagic,
		write: syscall.Access(folder, writeAndSearch) == nil,
	}
	if s.Files == 0 { // made as they are needed
		d.inodes = math.MaxUint64
	}
	return d, nil
}

// descriptors is how many files this process may open. Go raises the soft limit to the hard one.
func descriptors() (uint64, error) {
	var l syscall.Rlimit
	err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l)
	return l.Max, err
}

// memoryLimit is the least limit of the cgroups (version 2) that this process is in; 0 if there is none.
func memoryLimit() int64 {
	const root = "/sys/fs/cgroup"
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return 0
	}
	path, isV2 := strings.CutPrefix(strings.TrimSpace(string(own)), "0::")
	if !isV2 {
		return 0
	}
	least := int64(0)
	for dir := filepath.Join(root, path); strings.HasPrefix(dir, root); dir = filepath.Dir(dir) {
		text, err := os.ReadFile(filepath.Join(dir, "memory.max"))
		if err != nil {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64) // "max": none
		if err == nil && (least == 0 || n < least) {
			least = n
		}
	}
	return least
}
