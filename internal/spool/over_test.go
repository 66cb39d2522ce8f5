package spool_test

import (
	"math/rand/v2"
	"os"
	"testing"

	"github.com/jetcapture/jetcapture/internal/codec"
	"github.com/jetcapture/jetcapture/internal/spool"
)

// Without disk, Over is true as soon as memory is over budget, and not before. Storing makes room.
func TestOverMemory(t *testing.T) {
	dir := t.TempDir()
	s := newSpool(t, spool.Config{Dir: dir, Memory: 1 << 20})
	b := s.NewBuffer(newCodec(t, codec.None))
	for _, line := range rows(1, 8000) {
		if over := s.Usage().Memory > 1<<20; s.Over() && !over {
			t.Fatalf("over at %+v", s.Usage())
		}
		add(t, b, line)
	}
	z := seal(t, b)
	if !s.Over() {
		t.Errorf("not over at %+v", s.Usage())
	}
	z.Discard()
	if s.Over() {
		t.Errorf("still over at %+v", s.Usage())
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("disk was used: %v, %v", left, err)
	}
}

// With a limit on disk, memory and disk fill up, Over says so, and nothing is lost if the owner goes on nevertheless.
func TestOverLimit(t *testing.T) {
	s := newSpool(t, spool.Config{Memory: 512 << 10, Disk: true, Limit: 1 << 20})
	ref := reference{c: newCodec(t, codec.None), frameSize: spool.DefaultFrameSize}
	b := s.NewBuffer(ref.c)
	var over int
	for i, line := range rows(1, 15000) {
		add(t, b, line)
		ref.write(line)
		ref.commit()
		if over == 0 && s.Over() {
			over = i * 190
		}
		if u := s.Usage(); u.Disk > 1<<20 {
			t.Fatalf("disk over its limit: %+v", u)
		}
	}
	// Not before memory is about full: how far the disk is then depends on how fast the frames are written.
	if over < 384<<10 || over > 2<<20 {
		t.Errorf("over after %d bytes, want it once memory, or both are full", over)
	}
	ref.seal()
	z := seal(t, b)
	ref.check(t, z)
	z.Discard()
	if s.Over() {
		t.Errorf("still over at %+v", s.Usage())
	}
}

// When Over becomes true, there is still room to seal: frames are written while the rows that they are made of are
// still in the file, mixed with those of all other blocks.
func TestLimitLeavesRoomToSeal(t *testing.T) {
	const memory, limit = 1 << 20, 6 << 20
	for _, name := range []string{codec.None, codec.Snappy, ""} {
		s := newSpool(t, spool.Config{Memory: memory, Disk: true, Limit: limit})
		var c *codec.Codec
		if name != "" {
			c = newCodec(t, name)
		}
		buffers := make([]*spool.Buffer, 200)
		for i := range buffers {
			buffers[i] = s.NewBuffer(c)
		}
		lines, r, want := rows(1, 100), rand.New(rand.NewPCG(1, 6)), int64(0)
		for !s.Over() {
			line := lines[r.IntN(len(lines))]
			add(t, buffers[r.IntN(len(buffers))], line)
			want += int64(len(line))
		}
		if want < limit/3 {
			t.Errorf("%q: over after %d bytes with a limit of %d", name, want, limit)
		}
		var sealed []*spool.Sealed
		for _, b := range buffers {
			sealed = append(sealed, seal(t, b))
			if u := s.Usage(); u.Memory > 2*memory+memory/2 || u.Disk > limit {
				t.Fatalf("%q: %+v while sealing", name, u)
			}
		}
		for _, z := range sealed {
			n, err := copyAll(z.Plain)
			if err != nil {
				t.Fatal(err)
			}
			want -= n
			z.Discard()
		}
		if want != 0 {
			t.Errorf("%q: %d bytes are missing", name, want)
		}
		checkEmpty(t, s)
	}
}

// Half is true before Over, when half of the memory or of the file is in use, and false when that was stored.
func TestHalf(t *testing.T) {
	const memory, limit = 512 << 10, 8 << 20
	for _, c := range []spool.Config{
		{Memory: memory},
		{Memory: memory, Disk: true, Limit: limit},
	} {
		s := newSpool(t, c)
		b := s.NewBuffer(newCodec(t, codec.None))
		for _, line := range rows(1, 40_000) {
			add(t, b, line)
			if s.Half() || s.Over() {
				break
			}
		}
		if u := s.Usage(); !s.Half() || s.Over() || c.Disk && u.Disk < limit/4 { // what is written twice counts twice
			t.Errorf("disk %v: half is %v, over %v at %+v", c.Disk, s.Half(), s.Over(), u)
		}
		z := seal(t, b)
		z.Discard()
		if s.Half() {
			t.Errorf("disk %v: still half at %+v", c.Disk, s.Usage())
		}
	}
	s := newSpool(t, spool.Config{Memory: 1, Disk: true})
	add(t, s.NewBuffer(newCodec(t, codec.None)), rows(1, 1)[0])
	if s.Half() {
		t.Error("a spool without a limit is half full")
	}
}

// Of a pool with several members, a spool is half full before it is over, too: together they may hold half of the disk.
func TestHalfOfAPool(t *testing.T) {
	const memory, disk = 512 << 10, 8 << 20
	c := spool.Config{Memory: memory, Disk: true, Limit: disk, Pool: spool.NewPool(memory, disk, 1)}
	s := newSpool(t, c)
	newSpool(t, c) // holds nothing
	b := s.NewBuffer(newCodec(t, codec.None))
	for _, line := range rows(1, 40_000) {
		add(t, b, line)
		if s.Half() || s.Over() {
			break
		}
	}
	if !s.Half() || s.Over() { // what is written twice counts twice, so the file alone says nothing
		t.Errorf("half is %v, over %v at %+v", s.Half(), s.Over(), s.Usage())
	}
	seal(t, b).Discard()
}
