package spool_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/jetcapture/jetcapture/internal/codec"
	"github.com/jetcapture/jetcapture/internal/spool"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv(childVar) != "" {
		os.Exit(child())
	}
	goleak.VerifyTestMain(m)
}

func newSpool(t testing.TB, c spool.Config) *spool.Spool {
	t.Helper()
	if c.Dir == "" {
		c.Dir = t.TempDir()
	}
	s, err := spool.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close the spool: %v", err)
		}
	})
	return s
}

// checkEmpty fails unless all that a discarded block held was given back.
func checkEmpty(t testing.TB, s *spool.Spool) {
	t.Helper()
	memory, again := s.Held()
	if disk := s.Usage().Disk; memory != 0 || again != 0 || disk != 0 {
		t.Errorf("after everything was discarded, %d bytes of memory are held, %d of disk, %d to be written again", memory,
			disk, again)
	}
}

func newCodec(t testing.TB, name string) *codec.Codec {
	t.Helper()
	c, err := codec.New(name, 0)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// row returns a JSON line of about 190 bytes.
func row(r *rand.Rand) []byte {
	pizzas := []string{"margherita", "quattro formaggi", "diavola", "capricciosa", "marinara"}
	return fmt.Appendf(nil, `{"order_id":"%016x","store":"store-%03d","pizza":%q,"size":%d,"price":%d.%02d,`+
		`"ordered_at":"2025-03-%02dT%02d:%02d:%02dZ","customer":{"id":%d,"phone":"+47%08d"}}`+"\n",
		r.Uint64(), r.IntN(300), pizzas[r.IntN(len(pizzas))], 20+r.IntN(30), 9+r.IntN(20), r.IntN(100),
		1+r.IntN(28), r.IntN(24), r.IntN(60), r.IntN(60), r.IntN(1_000_000), r.IntN(100_000_000))
}

func rows(seed uint64, n int) [][]byte {
	r := rand.New(rand.NewPCG(seed, 2))
	all := make([][]byte, n)
	for i := range all {
		all[i] = row(r)
	}
	return all
}

func add(t testing.TB, b *spool.Buffer, row []byte) {
	t.Helper()
	if n, err := b.Write(row); err != nil || n != len(row) {
		t.Fatalf("write %d bytes: %d, %v", len(row), n, err)
	}
	if err := b.Commit(); err != nil {
		t.Fatalf("commit: %v", err)
	}
}

func seal(t testing.TB, b *spool.Buffer) *spool.Sealed {
	t.Helper()
	z, err := b.Seal()
	if err != nil {
		t.Fatalf("seal: %v", err)
	}
	if err := z.Wait(context.Background()); err != nil {
		t.Fatalf("wait: %v", err)
	}
	return z
}

func readAll(open func() (io.ReadCloser, error)) ([]byte, error) {
	r, err := open()
	if err != nil {
		return nil, err
	}
	got, err := io.ReadAll(r)
	return got, errors.Join(err, r.Close())
}

func mustRead(t testing.TB, open func() (io.ReadCloser, error)) []byte {
	t.Helper()
	got, err := readAll(open)
	if err != nil {
		t.Fatalf("read a sealed block: %v", err)
	}
	return got
}

// reference makes the file of a block as simply as can be: what the spool must make, whatever it goes through.
type reference struct {
	c               *codec.Codec
	frameSize       int
	file, plain     []byte
	tail, committed int // start of the tail, end of the last row, in plain
}

func (r *reference) write(p []byte) { r.plain = append(r.plain, p...) }

func (r *reference) truncate(n int) { r.plain = r.plain[:n] }

func (r *reference) commit() {
	r.committed = len(r.plain)
	if len(r.plain)-r.tail >= r.frameSize {
		r.frame()
	}
}

func (r *reference) frame() {
	if r.c != nil {
		r.file = r.c.Append(r.file, r.plain[r.tail:])
	}
	r.tail = len(r.plain)
}

func (r *reference) seal() {
	if len(r.plain) > r.tail || r.tail == 0 {
		r.frame()
	}
	if r.c == nil {
		r.file = r.plain
	}
}

// check compares a sealed block with the reference.
func (r *reference) check(t testing.TB, z *spool.Sealed) {
	t.Helper()
	if z.Len() != int64(len(r.plain)) || z.Size() != int64(len(r.file)) {
		t.Errorf("sealed: %d plain bytes, file of %d; want %d, %d", z.Len(), z.Size(), len(r.plain), len(r.file))
	}
	for range 2 { // again, like an upload
		if got := mustRead(t, z.Open); !bytes.Equal(got, r.file) {
			t.Errorf("file of %d bytes is not the expected one of %d", len(got), len(r.file))
		}
	}
	if got := mustRead(t, z.Plain); !bytes.Equal(got, r.plain) {
		t.Errorf("%d plain bytes are not the expected %d", len(got), len(r.plain))
	}
}
