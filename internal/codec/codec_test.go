package codec_test

import (
	"bytes"
	stdgzip "compress/gzip"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jetcapture/jetcapture/internal/codec"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
)

// setting is a codec's name and level.
type setting struct {
	name  string
	level int
}

func (s setting) String() string { return fmt.Sprintf("%s-%d", s.name, s.level) }

// settings are tested, and slow ones only measured.
var (
	settings = []setting{
		{name: codec.None},
		{name: codec.Snappy},
		{name: codec.Gzip},
		{codec.Gzip, 1},
		{codec.Gzip, 2},
		{codec.Gzip, 3},
		{codec.Gzip, 5},
		{codec.Gzip, 6},
		{name: codec.Zstd},
		{codec.Zstd, 1},
		{codec.Zstd, 3},
		{codec.Zstd, 7},
	}
	slow = []setting{{codec.Gzip, 9}, {codec.Zstd, 19}}
)

func newCodec(t testing.TB, s setting) *codec.Codec {
	t.Helper()
	c, err := codec.New(s.name, s.level)
	if err != nil {
		t.Fatalf("New(%q, %d): %v", s.name, s.level, err)
	}
	return c
}

// jsonLines returns about n bytes of JSON lines of about 190 bytes, as an order service would publish them.
func jsonLines(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	pizzas := []string{"margherita", "quattro formaggi", "diavola", "capricciosa", "marinara"}
	var b bytes.Buffer
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, `{"order_id":"%016x","store":"store-%03d","pizza":%q,"size":%d,"price":%d.%02d,`+
			`"ordered_at":"2025-03-%02dT%02d:%02d:%02d.%03dZ","customer":{"id":%d,"phone":"+47%08d"}}`+"\n",
			r.Uint64(), r.IntN(300), pizzas[r.IntN(len(pizzas))], 20+r.IntN(30), 9+r.IntN(20), r.IntN(100),
			1+i/86400%28, i/3600%24, i/60%60, i%60, r.IntN(1000), r.IntN(1_000_000), r.IntN(100_000_000))
	}
	return b.Bytes()
}

func decode(t testing.TB, c *codec.Codec, b []byte) []byte {
	t.Helper()
	r, err := c.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatalf("NewReader: %v", err)
	}
	got, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil {
		t.Fatalf("read: %v", err)
	}
	return got
}

func TestNew(t *testing.T) {
	tests := []struct {
		name         string
		level        int
		suffix, fail string
	}{
		{name: "none"},
		{name: "gzip", suffix: "gz"},
		{name: "gzip", level: 9, suffix: "gz"},
		{name: "snappy", suffix: "snappy"},
		{name: "zstd", suffix: "zst"},
		{name: "zstd", level: 22, suffix: "zst"},
		{name: "gzip", level: 10, fail: "it takes 1 to 9"},
		{name: "zstd", level: 23, fail: "it takes 1 to 22"},
		{name: "zstd", level: -1, fail: "-1"},
		{name: "none", level: 1, fail: "no levels"},
		{name: "snappy", level: 1, fail: "no levels"},
		{name: "GZIP", fail: "use one of none, gzip, snappy, zstd"},
		{name: "", fail: "use one of"},
	}
	for _, tt := range tests {
		c, err := codec.New(tt.name, tt.level)
		if tt.fail != "" {
			if err == nil || !strings.Contains(err.Error(), tt.fail) {
				t.Errorf("New(%q, %d) = %v, want an error with %q", tt.name, tt.level, err, tt.fail)
			}
			continue
		}
		if err != nil {
			t.Errorf("New(%q, %d): %v", tt.name, tt.level, err)
		} else if c.Name() != tt.name || c.Suffix() != tt.suffix || tt.level > 0 && c.Level() != tt.level {
			t.Errorf("New(%q, %d): name %q, suffix %q, level %d", tt.name, tt.level, c.Name(), c.Suffix(), c.Level())
		}
	}
}

// Frames of every kind of size, alone and concatenated, come back, and an encoder's past does not reach its bytes.
func TestFrames(t *testing.T) {
	all := []int{0, 1, 190, 1 << 10, 64<<10 - 1, 64 << 10, 128<<10 + 1, 256 << 10, 1 << 20}
	for _, s := range settings {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			c, sizes := newCodec(t, s), all
			if s.level > 3 {
				sizes = all[:8]
			}
			var plain, file []byte
			for i, n := range sizes {
				frame := jsonLines(uint64(i), n)[:n]
				before := len(file)
				file = c.Append(file, frame)
				plain = append(plain, frame...)
				alone := newCodec(t, s).Append(nil, frame)
				if !bytes.Equal(file[before:], alone) {
					t.Errorf("frame of %d bytes differs from the first frame of a new codec", n)
				}
				if got := decode(t, c, alone); n > 0 && !bytes.Equal(got, frame) {
					t.Errorf("frame of %d bytes came back as %d other bytes", n, len(got))
				}
			}
			if got := decode(t, c, file); !bytes.Equal(got, plain) {
				t.Errorf("%d frames came back as %d bytes, want %d", len(sizes), len(got), len(plain))
			}
		})
	}
}

// Append keeps what is before dst and takes the room behind it.
func TestAppendGrowsInPlace(t *testing.T) {
	for _, s := range settings {
		c := newCodec(t, s)
		dst := append(make([]byte, 0, 64<<10), "before"...)
		got := c.Append(dst, jsonLines(1, 2000))
		if !bytes.HasPrefix(got, []byte("before")) || &got[0] != &dst[0] {
			t.Errorf("%v: prefix %q kept in place: %v", s, got[:6], &got[0] == &dst[0])
		}
	}
}

func TestConcurrent(t *testing.T) {
	for _, name := range []string{codec.None, codec.Gzip, codec.Snappy, codec.Zstd} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCodec(t, setting{name: name})
			frame := jsonLines(7, 20<<10)
			want := c.Append(nil, frame)
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() {
					for range 5 {
						if got := c.Append(nil, frame); !bytes.Equal(got, want) {
							t.Error("concurrent frames of the same bytes differ")
						}
					}
				})
			}
			wg.Wait()
		})
	}
}

// Other implementations read our files: the standard library's gzip, and the stream readers of zstd and snappy.
func TestOthersRead(t *testing.T) {
	readers := map[string]func(io.Reader) (io.Reader, error){
		codec.Gzip:   func(r io.Reader) (io.Reader, error) { return stdgzip.NewReader(r) },
		codec.Zstd:   func(r io.Reader) (io.Reader, error) { return zstd.NewReader(r, zstd.WithDecoderConcurrency(1)) },
		codec.Snappy: func(r io.Reader) (io.Reader, error) { return snappy.NewReader(r), nil },
	}
	a, b := jsonLines(1, 300<<10), jsonLines(2, 10<<10)
	for name, open := range readers {
		c := newCodec(t, setting{name: name})
		file := c.Append(c.Append(c.Append(nil, a), nil), b)
		r, err := open(bytes.NewReader(file))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, slices.Concat(a, b)) {
			t.Errorf("%s: read %d bytes, %v; want %d", name, len(got), err, len(a)+len(b))
		}
	}
}

func TestDamage(t *testing.T) {
	plain := jsonLines(3, 100<<10)
	for _, s := range []setting{{codec.Gzip, 0}, {codec.Snappy, 0}, {codec.Zstd, 0}} {
		c := newCodec(t, s)
		file := c.Append(nil, plain)
		if _, err := readAll(c, nil); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%v: no bytes at all: %v, want unexpected EOF", s, err)
		}
		for _, cut := range []int{1, 5, len(file) / 2, len(file) - 1} {
			if _, err := readAll(c, file[:cut]); !errors.Is(err, io.ErrUnexpectedEOF) && s.name != codec.Snappy || err == nil {
				t.Errorf("%v: cut off at %d of %d: %v, want unexpected EOF", s, cut, len(file), err)
			}
		}
		for _, at := range []int{0, len(file) / 2, len(file) - 1} {
			bad := bytes.Clone(file)
			bad[at] ^= 0x10
			if got, err := readAll(c, bad); err == nil {
				t.Errorf("%v: a changed byte at %d of %d was read as %d bytes without an error", s, at, len(file), len(got))
			}
		}
	}
}

func readAll(c *codec.Codec, b []byte) ([]byte, error) {
	r, err := c.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	got, err := io.ReadAll(r)
	return got, errors.Join(err, r.Close())
}

// A frame header that asks for a window of 256 MiB is refused before anything is allocated for it.
func TestWindowLimit(t *testing.T) {
	c := newCodec(t, setting{name: codec.Zstd})
	// RFC 8878 3.1.1.1.2: descriptor byte = exponent << 3 | mantissa, window = 2^(10+exponent).
	frame := []byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 18 << 3, 0x01, 0x00, 0x00}
	if _, err := readAll(c, frame); !errors.Is(err, zstd.ErrWindowSizeExceeded) {
		t.Errorf("window of 256 MiB: %v, want %v", err, zstd.ErrWindowSizeExceeded)
	}
	frame[5] = 17 << 3
	if _, err := readAll(c, frame); err != nil {
		t.Errorf("window of 128 MiB: %v", err)
	}
}

func TestReadAfterClose(t *testing.T) {
	for _, name := range []string{codec.Gzip, codec.Snappy, codec.Zstd} {
		c := newCodec(t, setting{name: name})
		r, err := c.NewReader(bytes.NewReader(c.Append(nil, []byte("row\n"))))
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(r.Close(), r.Close()); err != nil {
			t.Errorf("%s: close twice: %v", name, err)
		}
		if n, err := r.Read(make([]byte, 8)); err == nil || err == io.EOF {
			t.Errorf("%s: read after close = %d, %v; want an error", name, n, err)
		}
	}
}

// FuzzReader feeds arbitrary bytes to every reader: an error or bytes, never a panic or unbounded memory.
func FuzzReader(f *testing.F) {
	plain := jsonLines(4, 3000)
	var codecs []*codec.Codec
	for _, name := range []string{codec.Gzip, codec.Snappy, codec.Zstd} {
		c := newCodec(f, setting{name: name})
		codecs = append(codecs, c)
		file := c.Append(c.Append(nil, plain), nil)
		f.Add(file)
		f.Add(file[:len(file)/2])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, c := range codecs {
			r, err := c.NewReader(bytes.NewReader(b))
			if err != nil {
				continue
			}
			n, err := io.Copy(io.Discard, io.LimitReader(r, 16<<20))
			if err == nil && n == 0 && len(b) == 0 {
				t.Errorf("%s: no input was read as an empty file", c.Name())
			}
			if err := r.Close(); err != nil {
				t.Logf("%s: close: %v", c.Name(), err)
			}
		}
	})
}

// FuzzRoundTrip cuts arbitrary bytes into two frames.
func FuzzRoundTrip(f *testing.F) {
	f.Add([]byte("row\n"), 2)
	f.Add(jsonLines(5, 1000), 500)
	var codecs []*codec.Codec
	for _, s := range settings {
		codecs = append(codecs, newCodec(f, s))
	}
	f.Fuzz(func(t *testing.T, b []byte, at int) {
		at = max(0, min(at, len(b)))
		for _, c := range codecs {
			file := c.Append(c.Append(nil, b[:at]), b[at:])
			if got := decode(t, c, file); !bytes.Equal(got, b) {
				t.Errorf("%s-%d: %d bytes came back as %d", c.Name(), c.Level(), len(b), len(got))
			}
		}
	})
}

// BenchmarkAppend compresses frames of 256 KiB of JSON lines; ratio is uncompressed to compressed size.
func BenchmarkAppend(b *testing.B) {
	frame := jsonLines(6, 256<<10)
	for _, s := range slices.Concat(settings, slow) {
		b.Run(s.String(), func(b *testing.B) {
			c := newCodec(b, s)
			var dst []byte
			b.SetBytes(int64(len(frame)))
			b.ReportAllocs()
			for b.Loop() {
				dst = c.Append(dst[:0], frame)
			}
			b.ReportMetric(float64(len(frame))/float64(len(dst)), "ratio")
		})
	}
}

// BenchmarkSmallFrames compresses 1 KiB frames, as a capture of very many keys does.
func BenchmarkSmallFrames(b *testing.B) {
	frame := jsonLines(6, 1<<10)
	for _, name := range []string{codec.Gzip, codec.Snappy, codec.Zstd} {
		b.Run(name, func(b *testing.B) {
			c := newCodec(b, setting{name: name})
			var dst []byte
			b.SetBytes(int64(len(frame)))
			b.ReportAllocs()
			for b.Loop() {
				dst = c.Append(dst[:0], frame)
			}
		})
	}
}

func BenchmarkRead(b *testing.B) {
	plain := jsonLines(6, 4<<20)
	for _, name := range []string{codec.Gzip, codec.Snappy, codec.Zstd} {
		b.Run(name, func(b *testing.B) {
			c := newCodec(b, setting{name: name})
			var file []byte
			for frame := range slices.Chunk(plain, 256<<10) {
				file = c.Append(file, frame)
			}
			b.SetBytes(int64(len(plain)))
			b.ReportAllocs()
			for b.Loop() {
				r, err := c.NewReader(bytes.NewReader(file))
				if err != nil {
					b.Fatal(err)
				}
				if n, err := io.Copy(io.Discard, r); err != nil || n != int64(len(plain)) {
					b.Fatalf("read %d bytes: %v", n, err)
				}
			}
		})
	}
}
