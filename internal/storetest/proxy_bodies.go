package storetest

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strconv"

	"github.com/jetcapture/jetcapture/internal/retry"
)

func newBody(content []byte) io.ReadCloser { return io.NopCloser(bytes.NewReader(content)) }

// stallingWriter passes on half of a response.
type stallingWriter struct {
	http.ResponseWriter
	stall func() // does not return
	left  int
}

// WriteHeader implements http.ResponseWriter.
func (w *stallingWriter) WriteHeader(status int) {
	length, _ := strconv.Atoi(w.Header().Get("Content-Length")) // unknown: nothing passes
	w.left = length / 2
	w.ResponseWriter.WriteHeader(status)
}

// Write implements io.Writer.
func (w *stallingWriter) Write(p []byte) (int, error) {
	n, err := w.ResponseWriter.Write(p[:min(len(p), w.left)])
	w.left -= n
	if err == nil && n < len(p) {
		w.flush()
		w.stall()
	}
	return n, err
}

func (w *stallingWriter) flush() { _ = http.NewResponseController(w.ResponseWriter).Flush() } // it stalls in any case

// slowWriter passes on a response slowly.
type slowWriter struct {
	http.ResponseWriter
	ctx context.Context // the request's
}

// Write implements io.Writer.
func (w *slowWriter) Write(p []byte) (written int, err error) {
	for len(p) > 0 && err == nil {
		_ = retry.Pause(w.ctx, slowPause)
		var n int
		n, err = w.ResponseWriter.Write(p[:min(len(p), slowChunk)])
		written += n
		p = p[n:]
	}
	return written, err
}

// slowBody yields a request slowly.
type slowBody struct {
	io.ReadCloser
	ctx context.Context // the request's
}

// Read implements io.Reader.
func (b *slowBody) Read(p []byte) (int, error) {
	_ = retry.Pause(b.ctx, slowPause)
	return b.ReadCloser.Read(p[:min(len(p), slowChunk)])
}
