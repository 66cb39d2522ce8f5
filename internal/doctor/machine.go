package doctor

import (
	"fmt"
	"math"
	"os"
	"runtime/debug"
)

// checkMachine are the checks L1 and L2.
func (e *exam) checkMachine() {
	e.checkSpool()
	e.checkFolder()
	e.checkDescriptors()
	e.checkMemory()
}

// diskFacts is what a file system says of itself.
type diskFacts struct {
	free   uint64 // bytes for this user
	inodes uint64 // math.MaxUint64: it has no limit
	memory bool   // it is in memory
	write  bool   // this user may write to the folder
}

// checkSpool is the part of L1 about the files of open blocks.
func (e *exam) checkSpool() {
	const name = "spool"
	dir := e.TempDir
	if dir == "" {
		dir = os.TempDir()
	}
	d, err := diskOf(dir)
	switch {
	case !e.BufferToDisk:
		e.ok("L1", name, "open files stay in memory (--buffer-to-disk=false)")
		return
	case err != nil:
		e.skip("L1", name, fmt.Sprintf("%s: %v", dir, err), "the file system does not say how much room it has")
		return
	case !d.write:
		e.problem("L1", name, "this user may not write to "+dir, "open files go there over the memory limit",
			"--tmp-dir FOLDER")
		return
	}
	seen := fmt.Sprintf("%s has %s free", dir, bytesText(d.free))
	switch need := uint64(e.SpoolLimit); {
	case d.memory:
		e.warn("L1", name, seen+", and is in memory (tmpfs)", "what is spooled there counts as memory, beyond --memory-limit",
			"--tmp-dir with a folder on a disk")
	case d.free < need:
		e.warn("L1", name, fmt.Sprintf("%s; --spool-limit is %s", seen, bytesText(need)),
			"on a full disk, files are stored early and reading waits",
			fmt.Sprintf("--spool-limit %dMiB, or --tmp-dir with more room", d.free*8/10>>20))
	default:
		e.ok("L1", name, seen)
	}
}

// checkFolder is the part of L1 about an archive in a folder.
func (e *exam) checkFolder() {
	const name = "disk"
	if e.Folder == "" {
		return
	}
	d, err := diskOf(e.Folder)
	if err != nil { // it is not there yet, as S1 has said
		return
	}
	seen := fmt.Sprintf("%s has %s free", e.Folder, bytesText(d.free))
	if !d.write {
		e.problem("L1", name, "this user may not write to "+e.Folder, "nothing can be stored", "chown, or another --output")
		return
	}
	const few, short = 100_000, 7.0
	if d.inodes < few {
		e.warn("L1", name, fmt.Sprintf("%s has %d inodes left", e.Folder, d.inodes), "each file takes one", "df -i "+e.Folder)
	}
	p := e.predict()
	if days := float64(d.free) / max(p.bytes, 1); e.sample.rateKnown && p.bytes > 0 && days < short {
		e.warn("L1", name, fmt.Sprintf("%s: enough for %.1f days at the present rate, before compression", seen, days),
			"on a full disk the capture waits, and reading stops when the spool is full", "df -h "+e.Folder)
		return
	}
	e.ok("L1", name, seen)
}

// checkDescriptors is the part of L2 about files that are open at the same time: one for each capture that spools, and
// those that are being stored.
func (e *exam) checkDescriptors() {
	const name, each, own = "descriptors", 1, 256
	limit, err := descriptors()
	need := uint64(own + each*max(e.Captures, 1))
	switch {
	case err != nil:
		e.skip("L2", name, err.Error(), "this system does not say its limits")
	case limit < need:
		e.warn("L2", name, fmt.Sprintf("this user may open %d files at once", limit),
			fmt.Sprintf("%d capture(s) may need %d", max(e.Captures, 1), need), "ulimit -n 1024, or LimitNOFILE= of systemd")
	default:
		e.ok("L2", name, fmt.Sprintf("%d files may be open at once", limit))
	}
}

// checkMemory is the part of L2 about memory.
func (e *exam) checkMemory() {
	const name, own, each = "memory", 90 << 20, 150 << 10
	need := own + int64(e.Captures)*each + e.MemoryLimit*14/10 // the captures of a process share the limit
	limit := memoryLimit()
	from := "the limit of the cgroup"
	if gomem := debug.SetMemoryLimit(-1); gomem != math.MaxInt64 && (limit == 0 || gomem < limit) {
		limit, from = gomem, "GOMEMLIMIT"
	}
	seen := fmt.Sprintf("the process needs about %s", bytesText(need))
	switch {
	case limit == 0:
		e.ok("L2", name, seen+", and nothing limits it")
	case limit < need:
		e.problem("L2", name, fmt.Sprintf("%s; %s is %s", seen, from, bytesText(limit)),
			"the system ends a process that exceeds it", "a smaller --memory-limit, or a larger limit")
	default:
		e.ok("L2", name, fmt.Sprintf("%s; %s is %s", seen, from, bytesText(limit)))
	}
}
