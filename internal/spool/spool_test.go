package spool_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/jetcapture/jetcapture/internal/codec"
	"github.com/jetcapture/jetcapture/internal/spool"
)

// pair is a buffer and what it must become.
type pair struct {
	b   *spool.Buffer
	z   *spool.Sealed
	ref reference
}

// TestRandom does what owners and storers do, in random order, on many buffers, and compares every file with the
// reference.
func TestRandom(t *testing.T) {
	configs := []spool.Config{
		{Memory: 1 << 30, Disk: true},
		{Memory: 256 << 10, Disk: true},
		{Memory: 1, Disk: true, Workers: 3},
		{Memory: 1, Disk: true, Limit: 128 << 10},
		{Memory: 64 << 10, Disk: true, Workers: 1, FrameSize: 100},
		{Memory: 64 << 10, Disk: false, FrameSize: 5000},
		{Memory: 32 << 10, Disk: true, FrameSize: 1},
	}
	for i, c := range configs {
		for _, name := range []string{"", codec.None, codec.Gzip, codec.Snappy, codec.Zstd} {
			t.Run(fmt.Sprintf("%d/%s", i, name), func(t *testing.T) {
				t.Parallel()
				for seed := range uint64(2) {
					random(t, c, name, seed)
				}
			})
		}
	}
}

func random(t *testing.T, c spool.Config, name string, seed uint64) {
	if c.FrameSize == 0 {
		c.FrameSize = 2000
	}
	s := newSpool(t, c)
	r := rand.New(rand.NewPCG(seed, 3))
	var comp *codec.Codec
	if name != "" {
		comp = newCodec(t, name)
	}
	pairs := make([]*pair, 8)
	fresh := func(i int) {
		pairs[i] = &pair{b: s.NewBuffer(comp), ref: reference{c: comp, frameSize: c.FrameSize}}
	}
	for i := range pairs {
		fresh(i)
	}
	for range 400 {
		i := r.IntN(len(pairs))
		p := pairs[i]
		switch op := r.IntN(100); {
		case p.z != nil && op < 50:
			p.ref.check(t, p.z)
		case p.z != nil:
			p.z.Discard()
			fresh(i)
		case op < 97:
			p.step(t, r)
		case op < 98:
			p.b.Discard()
			fresh(i)
		default:
			p.ref.seal()
			p.z = seal(t, p.b)
		}
	}
	for _, p := range pairs {
		if p.z == nil {
			p.ref.seal()
			p.z = seal(t, p.b)
		}
		p.ref.check(t, p.z)
		p.z.Discard()
	}
	checkEmpty(t, s)
}

// step writes a row, or part of one that fails.
func (p *pair) step(t *testing.T, r *rand.Rand) {
	for range r.IntN(3) {
		data := row(r)
		switch r.IntN(20) {
		case 0:
			data = bytes.Repeat(data, 1+r.IntN(400))
		case 1:
			data = nil
		}
		if n, err := p.b.Write(data); err != nil || n != len(data) {
			t.Fatalf("write: %d, %v", n, err)
		}
		p.ref.write(data)
	}
	if r.IntN(5) == 0 {
		n := p.ref.committed + r.IntN(len(p.ref.plain)-p.ref.committed+1)
		p.b.Truncate(int64(n))
		p.ref.truncate(n)
	}
	if r.IntN(10) > 0 {
		if err := p.b.Commit(); err != nil {
			t.Fatalf("commit: %v", err)
		}
		p.ref.commit()
	}
	if p.b.Len() != int64(len(p.ref.plain)) {
		t.Fatalf("buffer has %d bytes, want %d", p.b.Len(), len(p.ref.plain))
	}
}

// Several owners and their storers share one budget.
func TestOwners(t *testing.T) {
	const frameSize = 4000
	s := newSpool(t, spool.Config{Memory: 64 << 10, Disk: true, FrameSize: frameSize})
	c := newCodec(t, codec.Zstd)
	var wg sync.WaitGroup
	for owner := range uint64(4) {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(owner, 4))
			pairs := make([]*pair, 20)
			for i := range pairs {
				pairs[i] = &pair{b: s.NewBuffer(c), ref: reference{c: c, frameSize: frameSize}}
			}
			for range 1000 {
				p := pairs[r.IntN(len(pairs))]
				data := row(r)
				add(t, p.b, data)
				p.ref.write(data)
				p.ref.commit()
			}
			var storers sync.WaitGroup
			for _, p := range pairs {
				p.ref.seal()
				z := seal(t, p.b)
				storers.Go(func() {
					p.ref.check(t, z)
					z.Discard()
				})
			}
			storers.Wait()
		})
	}
	wg.Wait()
	checkEmpty(t, s)
}

// A sealed block is read while its bytes move from memory to disk.
func TestReadWhileSpilled(t *testing.T) {
	s := newSpool(t, spool.Config{Memory: 256 << 10, Disk: true})
	ref := reference{c: newCodec(t, codec.None), frameSize: spool.DefaultFrameSize}
	b := s.NewBuffer(ref.c)
	for _, line := range rows(1, 700) {
		add(t, b, line)
		ref.write(line)
		ref.commit()
	}
	ref.seal()
	z := seal(t, b)
	if s.Usage().Disk != 0 {
		t.Fatalf("the block is on disk already: %+v", s.Usage())
	}
	r, err := z.Open()
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if _, err := io.CopyN(&got, r, 100<<10+7); err != nil {
		t.Fatal(err)
	}
	other := s.NewBuffer(ref.c)
	for _, line := range rows(2, 5000) {
		add(t, other, line)
	}
	if s.Usage().Disk == 0 {
		t.Fatal("nothing was spilled")
	}
	if _, err := io.Copy(&got, iotest.OneByteReader(r)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), ref.file) {
		t.Errorf("read %d bytes that are not the expected %d", got.Len(), len(ref.file))
	}
	z.Discard()
	if _, err := r.Read(make([]byte, 1)); !errors.Is(err, spool.ErrDiscarded) {
		t.Errorf("read after discard: %v, want %v", err, spool.ErrDiscarded)
	}
	if _, err := z.Open(); !errors.Is(err, spool.ErrDiscarded) {
		t.Errorf("open after discard: %v, want %v", err, spool.ErrDiscarded)
	}
	other.Discard()
}

func TestEmptyBlock(t *testing.T) {
	s := newSpool(t, spool.Config{Memory: 1 << 20})
	for _, name := range []string{codec.None, codec.Gzip, codec.Snappy, codec.Zstd} {
		ref := reference{c: newCodec(t, name)}
		ref.seal()
		z := seal(t, s.NewBuffer(ref.c))
		ref.check(t, z)
		if name != codec.None && z.Size() == 0 {
			t.Errorf("%s: the empty file has no byte, its tools would not read it", name)
		}
		z.Discard()
	}
}

// The end of a buffer's life is final, and the errors say why.
func TestEnds(t *testing.T) {
	s := newSpool(t, spool.Config{Memory: 1 << 20})
	c := newCodec(t, codec.Gzip)
	sealed := s.NewBuffer(c)
	add(t, sealed, []byte("row\n"))
	z := seal(t, sealed)
	sealed.Discard() // must not touch z
	if got := mustRead(t, z.Plain); string(got) != "row\n" {
		t.Errorf("plain = %q", got)
	}
	dropped := s.NewBuffer(c)
	add(t, dropped, []byte("row\n"))
	dropped.Discard()
	dropped.Discard()
	for _, tt := range []struct {
		b    *spool.Buffer
		want error
	}{{sealed, spool.ErrSealed}, {dropped, spool.ErrDiscarded}} {
		_, err := tt.b.Write([]byte("more"))
		_, again := tt.b.Seal()
		for _, err := range []error{err, tt.b.Commit(), again} {
			if !errors.Is(err, tt.want) {
				t.Errorf("%v, want %v", err, tt.want)
			}
		}
	}
	z.Discard()
	z.Discard()
	checkEmpty(t, s)
}

func TestTruncatePanics(t *testing.T) {
	s := newSpool(t, spool.Config{Memory: 1 << 20})
	b := s.NewBuffer(newCodec(t, codec.None))
	add(t, b, []byte("0123456789"))
	for _, n := range []int64{9, 11} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("truncate to %d with a commit at 10 and the end at 10: no panic", n)
				}
			}()
			b.Truncate(n)
		}()
	}
	b.Discard()
}

func TestNewRefuses(t *testing.T) {
	for _, c := range []spool.Config{{Memory: -1}, {Limit: -1}, {Workers: -1}, {FrameSize: -1}} {
		if _, err := spool.New(c); err == nil {
			t.Errorf("New(%+v): no error", c)
		}
	}
}

// Disk space is used again, not only once.
func TestReuse(t *testing.T) {
	s := newSpool(t, spool.Config{Memory: 128 << 10, Disk: true})
	c := newCodec(t, codec.None)
	var most int64
	lines := rows(1, 5000)
	for range 10 {
		b := s.NewBuffer(c)
		for _, line := range lines {
			add(t, b, line)
		}
		most = max(most, s.Usage().Disk)
		z := seal(t, b)
		z.Discard()
	}
	if most > 2<<20 {
		t.Errorf("10 blocks of 0.9 MB, one at a time, took %d bytes of disk", most)
	}
	if size := s.FileSize(); size > 0 {
		t.Errorf("file has %d bytes with nothing in it", size)
	}
}

func TestClose(t *testing.T) {
	s, err := spool.New(spool.Config{Memory: 1 << 30, Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	c, err := codec.New(codec.Zstd, 19) // slow
	if err != nil {
		t.Fatal(err)
	}
	var sealed []*spool.Sealed
	for i := range uint64(8) {
		b := s.NewBuffer(c)
		for _, line := range rows(i, 300) {
			add(t, b, line)
		}
		z, err := b.Seal()
		if err != nil {
			t.Fatal(err)
		}
		sealed = append(sealed, z)
	}
	open := s.NewBuffer(c)
	if _, err := open.Write([]byte("row\n")); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Errorf("close: %v", err)
	}
	if err := sealed[7].Wait(context.Background()); !errors.Is(err, spool.ErrClosed) {
		t.Errorf("a frame that was not reached: %v, want %v", err, spool.ErrClosed)
	}
	if _, err := open.Seal(); !errors.Is(err, spool.ErrClosed) {
		t.Errorf("seal after close: %v, want %v", err, spool.ErrClosed)
	}
	open.Discard()
	for _, z := range sealed {
		z.Discard()
	}
}

func TestWaitIsCancelled(t *testing.T) {
	s := newSpool(t, spool.Config{Memory: 1 << 30, Workers: 1})
	c, err := codec.New(codec.Zstd, 19)
	if err != nil {
		t.Fatal(err)
	}
	b := s.NewBuffer(c)
	for _, line := range rows(1, 3000) {
		add(t, b, line)
	}
	z, err := b.Seal()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := z.Open(); err == nil || z.Size() != 0 {
		t.Errorf("open before it is compressed: %v, size %d", err, z.Size())
	}
	if err := z.Wait(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("wait: %v, want %v", err, context.Canceled)
	}
	z.Discard() // while it is being compressed
	if err := z.Wait(context.Background()); !errors.Is(err, spool.ErrDiscarded) {
		t.Errorf("wait after discard: %v, want %v", err, spool.ErrDiscarded)
	}
}

// Compressors that are slower than the owner hold it back: what waits for them is bounded.
func TestBackPressure(t *testing.T) {
	s := newSpool(t, spool.Config{Memory: 1 << 30, Workers: 1, FrameSize: 64 << 10})
	c, err := codec.New(codec.Gzip, 9)
	if err != nil {
		t.Fatal(err)
	}
	b := s.NewBuffer(c)
	line := bytes.Repeat([]byte("a"), 999)
	var most int64
	for range 8000 {
		add(t, b, line)
		most = max(most, s.Usage().Memory)
	}
	if most > 1<<20 {
		t.Errorf("%d bytes held for 8 MB of rows that compress to nothing", most)
	}
	z := seal(t, b)
	z.Discard()
}

// What the disk lost is an error of its block, not of the spool.
func TestReadBackFails(t *testing.T) {
	s := newSpool(t, spool.Config{Memory: 64 << 10, Disk: true})
	c := newCodec(t, codec.Gzip)
	bad, good := s.NewBuffer(c), s.NewBuffer(c)
	for _, line := range rows(1, 1000) {
		add(t, bad, line)
	}
	if s.Usage().Disk == 0 {
		t.Fatal("nothing was spilled")
	}
	if err := s.TruncateFile(0); err != nil {
		t.Fatal(err)
	}
	z, err := bad.Seal()
	if err == nil {
		err = z.Wait(context.Background())
		z.Discard()
	} else {
		bad.Discard()
	}
	if !errors.Is(err, io.EOF) {
		t.Errorf("rows that cannot be read back: %v, want %v", err, io.EOF)
	}
	add(t, good, []byte("row\n"))
	z = seal(t, good)
	if got := mustRead(t, z.Plain); string(got) != "row\n" {
		t.Errorf("another block = %q", got)
	}
	z.Discard()
}
