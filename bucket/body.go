package bucket

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
)

// CheckBody returns a reader of body that ends in io.EOF only if body was as opts announce it. Otherwise it ends in
// ErrBody, or in the error of ctx once that has ended. Drivers store what it yields and make the object visible only
// after io.EOF. If the size is announced, the last bytes are held back until everything is proved, so that a client may
// stop at the announced size.
func CheckBody(ctx context.Context, body io.Reader, opts PutOptions) io.Reader {
	b := &checkedBody{ctx: ctx, body: body, size: opts.Size, sum: opts.SHA256}
	if len(b.sum) > 0 {
		b.hash = sha256.New()
	}
	return b
}

// checkedBody belongs to one goroutine.
type checkedBody struct {
	ctx  context.Context // lives as long as one PutNew
	body io.Reader
	size int64 // -1: unknown
	sum  []byte

	got  int64
	hash hash.Hash // nil without sum
	err  error     // sticky
}

func (b *checkedBody) Read(p []byte) (int, error) {
	if b.err == nil {
		b.err = b.ctx.Err()
	}
	if b.err != nil {
		return 0, b.err
	}
	var n int
	if b.size < 0 || b.got < b.size {
		n, b.err = b.read(p)
	}
	if b.err == nil && b.got == b.size {
		b.err = b.probeEnd()
	}
	//nolint:errorlint // readers return io.EOF itself
	if b.err == io.EOF || b.err == nil && b.size >= 0 && b.got > b.size {
		b.err = b.verdict()
	}
	if b.err != nil && b.err != io.EOF { //nolint:errorlint // see above
		return 0, b.err
	}
	return n, b.err
}

// read reads once and counts. It wraps every error but io.EOF, to say that it is the body's.
func (b *checkedBody) read(p []byte) (int, error) {
	n, err := b.body.Read(p)
	b.got += int64(n)
	if b.hash != nil {
		b.hash.Write(p[:n])
	}
	if err != nil && err != io.EOF { // readers return io.EOF itself
		return n, fmt.Errorf("read body: %w", err)
	}
	return n, err
}

// probeEnd looks for the end of a body that has yielded what was announced. It returns io.EOF, or nil if there is more.
func (b *checkedBody) probeEnd() error {
	var extra [1]byte
	for range 100 { // a reader may return nothing without an error, but not for ever
		if n, err := b.read(extra[:]); n > 0 || err != nil {
			return err
		}
	}
	return fmt.Errorf("read body: %w", io.ErrNoProgress)
}

// verdict returns io.EOF for a body that ended as announced, otherwise ErrBody or the context's error.
func (b *checkedBody) verdict() error {
	if err := b.ctx.Err(); err != nil {
		return err
	}
	if b.size >= 0 && b.got != b.size {
		return fmt.Errorf("%w: it has %s %d bytes", ErrBody, b.versus(), b.size)
	}
	if b.hash != nil && !bytes.Equal(b.hash.Sum(nil), b.sum) {
		return fmt.Errorf("%w: its SHA-256 is %x, not %x", ErrBody, b.hash.Sum(nil), b.sum)
	}
	return io.EOF
}

func (b *checkedBody) versus() string {
	if b.got > b.size {
		return "more than"
	}
	return fmt.Sprintf("%d, not", b.got)
}
