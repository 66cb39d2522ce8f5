package cloud

import (
	"context"
	"errors"
	"io"
	"net"
	"syscall"
)

// maxResumes is how many requests in a row a reader repeats after one that brought no byte.
const maxResumes = 3

// reader reads an object by as many requests as it takes. After a broken connection it goes on where it was, or large
// files would hardly ever be read to their end on a bad line. It belongs to one goroutine.
type reader struct {
	ctx     context.Context // the reader's life is that of one Open
	store   *store
	key     string
	offset  int64
	length  int64 // left; -1: to the end
	body    content
	resumes int
	err     error // sticky
}

// openKey sends the first request, so that a missing object is an error at once.
func (s *store) openKey(ctx context.Context, key string, offset, length int64) (*reader, error) {
	r := &reader{ctx: ctx, store: s, key: key, offset: offset, length: length}
	if length == 0 { // there is no such range in HTTP
		if _, err := s.driver.stat(ctx, key); err != nil {
			return nil, s.judgeAfter(ctx, err).error()
		}
		r.err = io.EOF
		return r, nil
	}
	err := r.open()
	if errors.Is(err, errPastEnd) {
		r.err = io.EOF
		return r, nil
	}
	if err != nil {
		return nil, s.judgeAfter(ctx, err).error()
	}
	return r, nil
}

func (r *reader) open() error {
	body, err := r.store.driver.open(r.ctx, r.key, r.offset, r.length, r.body.version)
	if err == nil {
		r.body = body
	}
	return err
}

// Read implements io.Reader.
func (r *reader) Read(p []byte) (int, error) {
	if r.err == nil {
		r.err = r.ctx.Err()
	}
	for r.err == nil {
		n, err := r.read(p)
		if n > 0 || err == nil {
			return n, nil
		}
		if !broken(err) || r.resumes >= maxResumes || r.ctx.Err() != nil {
			r.fail(err)
			break
		}
		r.resume()
	}
	return 0, r.err
}

func (r *reader) read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	n, err := r.body.Read(p)
	r.offset += int64(n)
	if r.length > 0 {
		r.length -= int64(n)
	}
	if n > 0 {
		r.resumes = 0
	}
	return n, err
}

func (r *reader) fail(err error) {
	if err == io.EOF { //nolint:errorlint // readers return io.EOF itself
		r.err = io.EOF
		return
	}
	r.err = r.store.judgeAfter(r.ctx, err).error()
}

// resume goes on at the offset with a new request. If that fails, the next read returns its error, which counts as
// broken up to maxResumes.
func (r *reader) resume() {
	r.resumes++
	_ = r.body.Close() // it is broken
	err := r.open()
	switch {
	case errors.Is(err, errPastEnd):
		r.err = io.EOF
	case err != nil:
		r.body.ReadCloser = failed{err}
	}
}

// failed is a body that could not be opened.
type failed struct{ err error }

func (f failed) Read([]byte) (int, error) { return 0, f.err }
func (f failed) Close() error             { return nil }

// broken reports whether an error is one of the connection, not of the content.
func broken(err error) bool {
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, net.ErrClosed)
}

// Close implements io.Closer.
func (r *reader) Close() error {
	if r.err == nil {
		r.err = errClosed
	}
	if r.body.ReadCloser == nil {
		return nil
	}
	return r.body.Close()
}
