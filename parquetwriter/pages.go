package parquetwriter

import (
	"fmt"
	"io"
)

// pageHead is how many bytes of pages a column keeps in memory before it asks for scratch room.
const pageHead = 32 << 10

// scratcher is an out of InitNew that lends room for pages, such as the buffer of a block. If the room is an io.Closer,
// it is closed after use.
type scratcher interface {
	Scratch() io.ReadWriteSeeker
}

// pagePool implements parquet.BufferPool for the files of one encoder. It holds the pages of each column until the end
// of their row group.
type pagePool struct {
	out  scratcher // of the present file; nil: pages stay in memory
	idle []*pages
}

// lend takes scratch room from out from now on, if it has any.
func (p *pagePool) lend(out io.Writer) { p.out, _ = out.(scratcher) }

// GetBuffer implements parquet.BufferPool.
func (p *pagePool) GetBuffer() io.ReadWriteSeeker {
	if n := len(p.idle); n > 0 {
		b := p.idle[n-1]
		p.idle = p.idle[:n-1]
		return b
	}
	return &pages{pool: p}
}

// PutBuffer implements parquet.BufferPool.
func (p *pagePool) PutBuffer(b io.ReadWriteSeeker) {
	if b, ok := b.(*pages); ok {
		b.reset()
		p.idle = append(p.idle, b)
	}
}

// pages are the pages of one column in one row group.
type pages struct {
	pool *pagePool
	head []byte
	read int                // bytes of head that were read
	tail io.ReadWriteSeeker // the bytes after head; nil: none
}

// Write implements io.Writer.
func (b *pages) Write(p []byte) (int, error) {
	if b.tail == nil && (b.pool.out == nil || len(b.head)+len(p) <= pageHead) {
		b.head = append(b.head, p...)
		return len(p), nil
	}
	if b.tail == nil {
		b.tail = b.pool.out.Scratch()
	}
	return b.tail.Write(p)
}

// Seek goes to the start, which is all that parquet-go asks for.
func (b *pages) Seek(offset int64, whence int) (int64, error) {
	if offset != 0 || whence != io.SeekStart {
		return 0, fmt.Errorf("parquet: seek in pages to %d from %d", offset, whence)
	}
	b.read = 0
	if b.tail == nil {
		return 0, nil
	}
	return b.tail.Seek(0, io.SeekStart)
}

// Read implements io.Reader.
func (b *pages) Read(p []byte) (int, error) {
	switch {
	case b.read < len(b.head):
		n := copy(p, b.head[b.read:])
		b.read += n
		return n, nil
	case b.tail != nil:
		return b.tail.Read(p)
	}
	return 0, io.EOF
}

// WriteTo implements io.WriterTo, from the start.
func (b *pages) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(b.head)
	if err != nil || b.tail == nil {
		return int64(n), err
	}
	m, err := io.Copy(w, b.tail)
	return int64(n) + m, err
}

// reset drops the pages, and a head that has grown large because there was no scratch room.
func (b *pages) reset() {
	if c, ok := b.tail.(io.Closer); ok {
		_ = c.Close() // errors of writes and reads were returned before
	}
	b.tail, b.head, b.read = nil, b.head[:0], 0
	if cap(b.head) > 2*maxPage {
		b.head = nil
	}
}
