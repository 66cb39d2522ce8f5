package spool_test

import (
	"os"
	"testing"

	"github.com/jetcapture/jetcapture/internal/codec"
	"github.com/jetcapture/jetcapture/internal/spool"
)

// The file has no name, and one descriptor serves every buffer; what an earlier process left is removed.
func TestFiles(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/jetcapture-spool-123", []byte("left"), 0o600); err != nil {
		t.Fatal(err)
	}
	before := openFiles(t)
	s := newSpool(t, spool.Config{Dir: dir, Memory: 256 << 10, Disk: true, FrameSize: 1000})
	c := newCodec(t, codec.Gzip)
	buffers := make([]*spool.Buffer, 1000)
	for i := range buffers {
		buffers[i] = s.NewBuffer(c)
	}
	for _, line := range rows(1, 10) {
		for _, b := range buffers {
			add(t, b, line)
		}
	}
	if s.Usage().Disk == 0 {
		t.Fatal("nothing was spilled")
	}
	if n := openFiles(t) - before; n != 1 {
		t.Errorf("%d files are open for %d buffers, want 1", n, len(buffers))
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("files with names: %v, %v", left, err)
	}
	for _, b := range buffers {
		b.Discard()
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}
