//go:build unix

package iceberg_test

import (
	"io/fs"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// BenchmarkCommits makes a table of as many cuts as it has rounds, with two files and a snapshot each, of which 100 are
// kept, and logs at each tenth what a commit costs there. So 10,000 cuts are
//
//	go test -run - -bench Commits -benchtime 10000x -timeout 2h
func BenchmarkCommits(b *testing.B) {
	if b.N < 10 {
		return
	}
	r := newRig(b, catalogs()[0])
	p := r.projector(r.catalog)
	p.Keep = 100
	for part := range 10 {
		n := b.N/10 + (part+b.N%10)/10
		for range n {
			r.cut(1, "eu", "us")
		}
		start, cpu := time.Now(), cpuTime()
		r.once(p)
		wall, used := time.Since(start), cpuTime()-cpu
		files, size := r.metadataSize()
		b.Logf("%6d cuts: a commit takes %.1f ms of CPU, %.1f ms; %d files of metadata, %.2f MiB; heap %.1f MiB",
			r.seq/2, used.Seconds()*1000/float64(n), wall.Seconds()*1000/float64(n), files, mib(size), heap())
	}
}

// cpuTime is that of this process.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func heap() float64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return mib(int64(m.HeapAlloc))
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }

// metadataSize is how many files of metadata there are, and their bytes.
func (r *rig) metadataSize() (files int, size int64) {
	r.Helper()
	err := filepath.WalkDir(filepath.Join(r.folder, "warehouse"), func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err == nil {
			files, size = files+1, size+info.Size()
		}
		return err
	})
	if err != nil {
		r.Fatal(err)
	}
	return files, size
}
