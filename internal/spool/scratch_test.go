package spool_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/jetcapture/jetcapture/internal/codec"
	"github.com/jetcapture/jetcapture/internal/spool"
)

// Scratch room returns what was written, as often as it is read, in memory or on disk, and leaves no trace in the file
// of its block.
func TestScratch(t *testing.T) {
	for name, c := range map[string]spool.Config{
		"memory": {Memory: 1 << 30},
		"disk":   {Memory: 64 << 10, Disk: true, FrameSize: 4000},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSpool(t, c)
			b := s.NewBuffer(newCodec(t, codec.Gzip))
			x := b.Scratch()
			if n, err := x.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
				t.Errorf("empty room: read %d, %v", n, err)
			}
			rewind(t, x)
			want := bytes.Join(rows(1, 1500), nil)
			for part := want; len(part) > 0; {
				n := min(len(part), 777)
				if wrote, err := x.Write(part[:n]); wrote != n || err != nil {
					t.Fatalf("write: %d, %v", wrote, err)
				}
				part = part[n:]
				add(t, b, []byte("row\n"))
			}
			if _, err := x.Read(make([]byte, 1)); err == nil {
				t.Error("read before any seek: no error")
			}
			for range 2 {
				rewind(t, x)
				if got, err := io.ReadAll(x); err != nil || !bytes.Equal(got, want) {
					t.Fatalf("read %d bytes, %v; want the %d that were written", len(got), err, len(want))
				}
			}
			if name == "disk" && s.Usage().Disk == 0 {
				t.Error("nothing went to disk")
			}
			if _, err := x.Seek(1, io.SeekStart); err == nil {
				t.Error("seek to 1: no error")
			}
			if err := x.(io.Closer).Close(); err != nil {
				t.Error(err)
			}
			if _, err := x.Write([]byte("x")); err == nil {
				t.Error("write after Close: no error")
			}
			z := seal(t, b)
			if got := mustRead(t, z.Plain); !bytes.Equal(got, bytes.Repeat([]byte("row\n"), (len(want)+776)/777)) {
				t.Errorf("the block has %d bytes of other things", len(got))
			}
			z.Discard()
			checkEmpty(t, s)
		})
	}
}

func rewind(t *testing.T, x io.Seeker) {
	t.Helper()
	if at, err := x.Seek(0, io.SeekStart); at != 0 || err != nil {
		t.Fatalf("seek: %d, %v", at, err)
	}
}
