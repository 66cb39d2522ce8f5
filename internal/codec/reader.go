package codec

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
)

// maxWindow is the most memory that a zstd frame may ask for. `zstd --long` does not make more, and the zstd tools
// refuse more by default.
const maxWindow = 128 << 20

// An opener returns the uncompressed bytes of r, and a function that releases the decoder. It may read from r. Decoders
// that were released are in idle: a small file takes less time than making one.
type opener func(idle *sync.Pool, r io.Reader) (io.Reader, func() error, error)

func nothing() error { return nil }

func openPlain(_ *sync.Pool, r io.Reader) (io.Reader, func() error, error) { return r, nothing, nil }

func openGzip(idle *sync.Pool, r io.Reader) (io.Reader, func() error, error) {
	z, _ := idle.Get().(*gzip.Reader)
	var err error
	if z == nil {
		z, err = gzip.NewReader(r)
	} else {
		err = z.Reset(r)
	}
	if err != nil {
		return nil, nil, err
	}
	release := func() error {
		err := z.Close()
		idle.Put(z)
		return err
	}
	return z, release, nil
}

func openSnappy(_ *sync.Pool, r io.Reader) (io.Reader, func() error, error) {
	return s2.NewReader(r, s2.ReaderMaxBlockSize(snappyBlock)), nothing, nil
}

func openZstd(idle *sync.Pool, r io.Reader) (io.Reader, func() error, error) {
	z, _ := idle.Get().(*zstd.Decoder)
	if z == nil {
		var err error
		z, err = zstd.NewReader(nil,
			zstd.WithDecoderConcurrency(1), // no goroutine, so that an idle one can be forgotten
			zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, nil, err
		}
	}
	if err := z.Reset(r); err != nil {
		return nil, nil, err
	}
	release := func() error {
		err := z.Reset(nil)
		idle.Put(z)
		return err
	}
	return z, release, nil
}

// NewReader returns the uncompressed bytes of the concatenated frames in r. The caller closes it, which does not close
// r.
//
// Damaged or cut-off input is an error of NewReader or Read. It is [io.ErrUnexpectedEOF] where the format shows that a
// file is cut off, which snappy does not between two chunks. Input without any byte is an error, too, except for
// "none". The caller has to limit how many bytes come out. The memory held does not grow with them, and a zstd frame
// that asks for a window over 128 MiB is refused. The reader reads ahead in r and starts no goroutine.
func (c *Codec) NewReader(r io.Reader) (io.ReadCloser, error) {
	if c.format.name == None {
		return io.NopCloser(r), nil
	}
	in := &input{r: r}
	if err := in.peek(); err != nil {
		return nil, fmt.Errorf("read %s: %w", c.format.name, err)
	}
	plain, release, err := c.format.open(&c.decoders, in)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", c.format.name, unexpected(err))
	}
	return &reader{name: c.format.name, plain: plain, release: release}, nil
}

// input is r with its first byte read ahead, to know that there is one.
type input struct {
	r     io.Reader
	first [1]byte
	ahead bool
}

func (in *input) peek() error {
	_, err := io.ReadFull(in.r, in.first[:])
	in.ahead = err == nil
	return unexpected(err)
}

func (in *input) Read(p []byte) (int, error) {
	if !in.ahead || len(p) == 0 {
		return in.r.Read(p)
	}
	p[0], in.ahead = in.first[0], false
	return 1, nil
}

// unexpected turns io.EOF into io.ErrUnexpectedEOF.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// reader adds the format to errors and makes Close final.
type reader struct {
	name    string
	plain   io.Reader
	release func() error
}

// errClosed is what a Read after Close returns.
var errClosed = errors.New("reader is closed")

func (r *reader) Read(p []byte) (int, error) {
	if r.plain == nil {
		return 0, fmt.Errorf("read %s: %w", r.name, errClosed)
	}
	n, err := r.plain.Read(p)
	if err != nil && err != io.EOF { //nolint:errorlint // io.Reader returns io.EOF bare
		err = fmt.Errorf("read %s: %w", r.name, err)
	}
	return n, err
}

func (r *reader) Close() error {
	if r.plain == nil {
		return nil
	}
	r.plain = nil
	return r.release()
}
