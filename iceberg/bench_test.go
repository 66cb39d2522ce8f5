package iceberg_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// BenchmarkCommits reports what a commit costs at the beginning of a table and after 1,000 cuts: its time, the size of
// the metadata and the heap.
func BenchmarkCommits(b *testing.B) {
	for _, keep := range []int{0, 100} {
		name := map[int]string{0: "keep=all", 100: "keep=100"}[keep]
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				r := newRig(b, catalogs()[0])
				p := r.projector(r.catalog)
				p.Keep = keep
				for _, at := range []string{"first", "to500", "to1000"} {
					n := map[string]int{"first": 20, "to500": 480, "to1000": 500}[at]
					for range n {
						r.cut(1, "eu", "us")
					}
					start := time.Now()
					r.once(p)
					b.ReportMetric(float64(time.Since(start).Milliseconds())/float64(n), "ms/commit-"+at)
				}
				var m runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&m)
				b.ReportMetric(float64(m.HeapAlloc)/(1<<20), "MiB-heap")
				info, err := os.Stat(strings.TrimPrefix(r.table().MetadataLocation(), "file://"))
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(info.Size())/1024, "KiB-metadata")
				files, err := filepath.Glob(filepath.Join(r.folder, "warehouse", "*", "*", "metadata", "*"))
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(len(files)), "metadata-files")
			}
		})
	}
}
