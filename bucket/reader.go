package bucket

import (
	"context"
	"io"
)

// file is what a rangeReader reads: an *os.File, or an object of Mem.
type file interface {
	io.ReaderAt
	io.Closer
}

// rangeReader reads a part of an immutable object until its context ends.
type rangeReader struct {
	ctx  context.Context // the reader's life is that of one Open
	part *io.SectionReader
	io.Closer
}

// newRangeReader cuts the range to the size of the object.
func newRangeReader(ctx context.Context, f file, size, offset, length int64) *rangeReader {
	offset = min(offset, size)
	if rest := size - offset; length < 0 || length > rest {
		length = rest
	}
	return &rangeReader{ctx: ctx, part: io.NewSectionReader(f, offset, length), Closer: f}
}

// Read implements io.Reader.
func (r *rangeReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.part.Read(p)
}
