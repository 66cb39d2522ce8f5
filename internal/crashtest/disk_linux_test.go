package crashtest_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/jetcapture/jetcapture/internal/crashtest"
	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/nats-io/nats.go/jetstream"
)

// disk is a running program whose disk fails.
type disk struct {
	*testing.T
	folder string
	child  *crashtest.Child
}

// diskFault makes the disk fail and returns a function that mends it.
type diskFault struct {
	name string
	fail func(d *disk) (mend func())
	says string // what the log must contain
}

func diskFaults() []diskFault {
	faults := []diskFault{
		{"files cannot grow", (*disk).limitFiles, "file too large"},
		{"no more open files", (*disk).limitOpen, "too many open files"},
	}
	if os.Getuid() == 0 { // only root can mount
		faults = append(faults, diskFault{"disk full", (*disk).fill, "no space left on device"})
		faults = append(faults, diskFault{"read-only", (*disk).readOnly, "read-only file system"})
	}
	return faults
}

// TestDiskFaults lets the disk of an archive fail under a running program. The program must store nothing in part,
// acknowledge nothing, and go on by itself when the disk is mended.
func TestDiskFaults(t *testing.T) {
	t.Parallel()
	counts := newTally()
	t.Run("faults", func(t *testing.T) {
		for _, f := range diskFaults() {
			t.Run(f.name, func(t *testing.T) {
				t.Parallel()
				testDiskFault(t, f)
				counts.add(f.name, 1)
			})
		}
	})
	counts.report(t, "files cannot grow", "no more open files")
}

func testDiskFault(t *testing.T, f diskFault) {
	m := modes()[3]
	srv := natstest.Start(t)
	nc := srv.Connect()
	natstest.CreateStream(t, nc,
		jetstream.StreamConfig{Name: "DISK", Retention: m.retention, Storage: jetstream.MemoryStorage})
	d := &disk{T: t, folder: t.TempDir()}
	if os.Getuid() == 0 {
		d.mount()
	}
	load := crashtest.StartLoad(t, srv.Connect(), 300, func(i int) string { return fmt.Sprintf("disk.%d", i%4) })
	acks := crashtest.StartAckWatch(t, natstest.JetStream(t, nc), "DISK", m.consumer(), d.folder)
	d.child = crashtest.Start(t, must(t, built.command), []string{"TMPDIR=" + t.TempDir()},
		"run", "-s", "DISK", "-o", d.folder, "--nats-server", srv.URL(), "--consumer-name", m.consumer(), "--max-age",
		"300ms", "--key", "subject[2]")
	d.stored(1)

	mend := f.fail(d)
	d.child.Await(f.says)
	before := d.to()
	crashtest.ReadArchive(t, d.folder, "DISK") // nothing is stored in part
	<-time.After(500 * time.Millisecond)
	if to := d.to(); to > before {
		t.Errorf("with a disk that fails, cuts go on from %d to %d", before, to)
	}
	mend()
	d.stored(uint64(load.Stored()))
	all := load.Stop()
	d.stored(uint64(len(all)))
	d.child.Signal(syscall.SIGTERM)
	if code := d.child.Wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if looks := acks.Stop(); looks == 0 {
		t.Error("the ack floor was never looked at")
	}
	a := crashtest.ReadArchive(t, d.folder, "DISK")
	crashtest.ExactlyOnce(t, a, all)
	if lost := a.Lost(); len(lost) > 0 || a.Absent() > 0 {
		t.Errorf("lost %v, absent %d", lost, a.Absent())
	}
	left, err := os.ReadDir(filepath.Join(d.folder, "_jetcapture", "tmp"))
	if err != nil || len(left) > 0 {
		t.Errorf("temporary files are left: %v, %v", left, err)
	}
}

func (d *disk) to() uint64 {
	d.Helper()
	to, err := crashtest.StoredTo(d.folder, "DISK")
	if err != nil {
		d.Fatal(err)
	}
	return to
}

func (d *disk) stored(seq uint64) {
	d.Helper()
	natstest.Eventually(d, crashtest.Patience, fmt.Sprintf("archive up to %d", seq), func() bool {
		if d.child.Ended() {
			d.Fatalf("the program has ended with code %d", d.child.Wait())
		}
		return d.to() >= seq
	})
}

// limit sets a soft limit of the running program and returns what it was.
func (d *disk) limit(resource int, soft uint64) (was uint64) {
	d.Helper()
	var old syscall.Rlimit
	prlimit := func(now, before *syscall.Rlimit) {
		_, _, errno := syscall.RawSyscall6(syscall.SYS_PRLIMIT64, uintptr(d.child.PID()), uintptr(resource),
			uintptr(unsafe.Pointer(now)), uintptr(unsafe.Pointer(before)), 0, 0)
		runtime.KeepAlive(now)
		if errno != 0 {
			d.Fatalf("limit resource %d of the program: %v", resource, errno)
		}
	}
	prlimit(nil, &old)
	prlimit(&syscall.Rlimit{Cur: soft, Max: old.Max}, nil)
	return old.Cur
}

// limitFiles limits the size of files: a write is carried out in part, and the next one fails.
func (d *disk) limitFiles() (mend func()) {
	was := d.limit(syscall.RLIMIT_FSIZE, 200)
	return func() { d.limit(syscall.RLIMIT_FSIZE, was) }
}

// limitOpen keeps the program from opening more files.
func (d *disk) limitOpen() (mend func()) {
	was := d.limit(syscall.RLIMIT_NOFILE, 3)
	return func() { d.limit(syscall.RLIMIT_NOFILE, was) }
}

// mount mounts a small disk over the archive's folder.
func (d *disk) mount() {
	d.Helper()
	if err := syscall.Mount("jetcapture-test", d.folder, "tmpfs", 0, "size=64m"); err != nil {
		d.Fatalf("mount a small disk: %v", err)
	}
	d.Cleanup(func() {
		if err := syscall.Unmount(d.folder, syscall.MNT_DETACH); err != nil {
			d.Errorf("unmount: %v", err)
		}
	})
}

// fill fills the disk.
func (d *disk) fill() (mend func()) {
	path := filepath.Join(d.folder, ".filler")
	f, err := os.Create(path)
	if err != nil {
		d.Fatal(err)
	}
	defer f.Close()
	for block := make([]byte, 1<<20); len(block) > 0; {
		if _, err := f.Write(block); errors.Is(err, syscall.ENOSPC) {
			block = block[:len(block)/2]
		} else if err != nil {
			d.Fatal(err)
		}
	}
	return func() {
		if err := os.Remove(path); err != nil {
			d.Fatal(err)
		}
	}
}

// readOnly makes the disk read-only.
func (d *disk) readOnly() (mend func()) {
	remount := func(flags uintptr) error { return syscall.Mount("", d.folder, "", syscall.MS_REMOUNT|flags, "") }
	natstest.Eventually(d, crashtest.Patience, "moment without a file that is being written", func() bool {
		return remount(syscall.MS_RDONLY) == nil
	})
	return func() {
		if err := remount(0); err != nil {
			d.Fatal(err)
		}
	}
}
