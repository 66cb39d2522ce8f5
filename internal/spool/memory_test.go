package spool_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/internal/codec"
	"github.com/jetcapture/jetcapture/internal/spool"
)

// An empty buffer costs little: captures have 100,000 of them.
func TestEmptyBuffersAreSmall(t *testing.T) {
	if spool.BufferCost > 300 {
		t.Errorf("an empty buffer costs %d bytes", spool.BufferCost)
	}
	s := newSpool(t, spool.Config{Memory: 1 << 30})
	c := newCodec(t, codec.Gzip)
	buffers := make([]*spool.Buffer, 20_000)
	before := heap()
	for i := range buffers {
		buffers[i] = s.NewBuffer(c)
	}
	each := float64(heap()-before) / float64(len(buffers))
	if each > 300 {
		t.Errorf("an empty buffer costs %.0f bytes of heap", each)
	}
	for _, b := range buffers {
		b.Discard()
	}
}

// heap returns the bytes of live objects.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// load is a capture's worth of rows over many keys.
type load struct {
	rows, keys int
	memory     int64
	codec      string
}

// run writes the rows, seals and reads every block, as one cut would, and calls probe now and then.
func (l load) run(t testing.TB, probe func(*spool.Spool)) (plain, files int64) {
	s := newSpool(t, spool.Config{Memory: l.memory, Disk: true, Dir: t.TempDir()})
	c := newCodec(t, l.codec)
	buffers := make([]*spool.Buffer, l.keys)
	for i := range buffers {
		buffers[i] = s.NewBuffer(c)
	}
	lines := rows(9, 1000)
	r := rand.New(rand.NewPCG(1, 5))
	for i := range l.rows {
		add(t, buffers[r.IntN(l.keys)], lines[i%len(lines)])
		if i%(l.rows/50) == 0 {
			probe(s)
		}
	}
	for i, b := range buffers {
		z, err := b.Seal()
		if err != nil {
			t.Fatal(err)
		}
		if err := z.Wait(context.Background()); err != nil {
			t.Fatal(err)
		}
		n, err := copyAll(z.Open)
		if err != nil || n != z.Size() {
			t.Fatalf("read %d bytes of a file of %d: %v", n, z.Size(), err)
		}
		plain, files = plain+z.Len(), files+n
		z.Discard()
		buffers[i] = nil
		if i%(l.keys/10+1) == 0 {
			probe(s)
		}
	}
	return plain, files
}

func copyAll(open func() (io.ReadCloser, error)) (int64, error) {
	r, err := open()
	if err != nil {
		return 0, err
	}
	defer r.Close()
	return io.Copy(io.Discard, r)
}

// What is counted against the budget is what is held: the heap stays close to it, whatever the number of keys and rows.
func TestHeapStaysInBudget(t *testing.T) {
	const budget = 32 << 20
	for _, l := range []load{
		{rows: 1_000_000, keys: 5_000, memory: budget, codec: codec.Gzip},
		{rows: 500_000, keys: 100_000, memory: budget, codec: codec.Gzip},
		{rows: 1_000_000, keys: 4, memory: budget, codec: codec.None},
	} {
		if raceEnabled {
			l.rows, l.keys = l.rows/40, max(4, l.keys/40)
			l.memory /= 16
		}
		t.Run(fmt.Sprintf("%d keys", l.keys), func(t *testing.T) {
			base := heap()
			var peak, inuse, held, disk int64
			began := time.Now()
			plain, files := l.run(t, func(s *spool.Spool) {
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				inuse = max(inuse, int64(m.HeapInuse)-base) // with what the collector has not found yet
				peak = max(peak, heap()-base)
				u := s.Usage()
				held, disk = max(held, u.Memory), max(disk, u.Disk)
			})
			t.Logf("%d rows, %d keys: %v; %d MB plain, %d MB in files; at most %d MB live (%d MB in use), %d MB counted, %d "+
				"MB on disk",
				l.rows, l.keys, time.Since(began).Round(time.Millisecond), plain>>20, files>>20, peak>>20, inuse>>20, held>>20,
				disk>>20)
			if limit := l.memory + l.memory/4 + 1<<20; peak > limit || held > limit {
				t.Errorf("%d bytes live, %d counted, want at most %d", peak, held, limit)
			}
			if limit := 2*l.memory + 8<<20; inuse > limit {
				t.Errorf("%d bytes of heap in use, want at most %d", inuse, limit)
			}
			if disk == 0 {
				t.Error("nothing was spilled")
			}
		})
	}
}

// BenchmarkRows writes rows of about 190 bytes to random keys and seals at the end.
func BenchmarkRows(b *testing.B) {
	for _, name := range []string{codec.None, codec.Gzip, codec.Zstd} {
		for _, keys := range []int{4, 5_000, 100_000} {
			b.Run(fmt.Sprintf("%s/%d", name, keys), func(b *testing.B) {
				b.ReportAllocs()
				l := load{rows: max(b.N, 50), keys: keys, memory: 64 << 20, codec: name}
				plain, _ := l.run(b, func(*spool.Spool) {})
				b.SetBytes(plain / int64(l.rows))
				b.ReportMetric(float64(l.rows)/b.Elapsed().Seconds(), "rows/s")
			})
		}
	}
}

// BenchmarkCommit is the way of a row alone: no frame, no disk.
func BenchmarkCommit(b *testing.B) {
	s := newSpool(b, spool.Config{Memory: 1 << 40, FrameSize: 1 << 30})
	buf := s.NewBuffer(newCodec(b, codec.None))
	line := rows(1, 1)[0]
	b.ReportAllocs()
	b.SetBytes(int64(len(line)))
	for b.Loop() {
		if _, err := buf.Write(line); err != nil {
			b.Fatal(err)
		}
		if err := buf.Commit(); err != nil {
			b.Fatal(err)
		}
		if buf.Len() > 16<<20 {
			buf.Discard()
			buf = s.NewBuffer(nil)
		}
	}
	buf.Discard()
}
