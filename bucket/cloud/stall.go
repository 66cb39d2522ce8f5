package cloud

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// stallGuard ends an attempt of a request when neither a byte of its body, nor the response, nor a byte of the
// response's body moved for a while. SDKs have no limit, or one for the whole attempt, which would give up again and
// again on a link that is slow but works. The time that a slow reader of a response takes between two reads does not
// count.
type stallGuard struct {
	limit time.Duration
	do    func(*http.Request) (*http.Response, error)
}

// RoundTrip implements http.RoundTripper.
func (g *stallGuard) RoundTrip(r *http.Request) (*http.Response, error) { return g.Do(r) }

// Do carries out one attempt. It implements the client interfaces of the SDKs.
func (g *stallGuard) Do(r *http.Request) (*http.Response, error) {
	w := newWatch(r.Context(), g.limit)
	attempt := r.WithContext(w.ctx)
	if r.Body != nil && r.Body != http.NoBody {
		attempt.Body = &watchedBody{ReadCloser: r.Body, watch: w, resting: true}
		if r.GetBody != nil {
			attempt.GetBody = func() (io.ReadCloser, error) {
				body, err := r.GetBody()
				return &watchedBody{ReadCloser: body, watch: w, resting: true}, err
			}
		}
	}
	response, err := g.do(attempt)
	if err != nil {
		defer w.end()
		return nil, w.explain(err)
	}
	w.pause()
	response.Body = &watchedBody{ReadCloser: response.Body, watch: w, last: true}
	return response, nil
}

// watch ends a context when nothing moved for a while.
type watch struct {
	ctx    context.Context // the attempt's
	cancel context.CancelCauseFunc
	limit  time.Duration
	timer  *time.Timer
}

func newWatch(ctx context.Context, limit time.Duration) *watch {
	ctx, cancel := context.WithCancelCause(ctx)
	return &watch{
		ctx: ctx, cancel: cancel, limit: limit,
		timer: time.AfterFunc(limit, func() { cancel(&stallError{limit}) }),
	}
}

func (w *watch) moved() { w.timer.Reset(w.limit) }
func (w *watch) pause() { w.timer.Stop() }

func (w *watch) end() {
	w.timer.Stop()
	w.cancel(nil)
}

// explain returns a *stallError if the watch has ended the attempt, and err otherwise.
func (w *watch) explain(err error) error {
	var stalled *stallError
	if err != nil && errors.As(context.Cause(w.ctx), &stalled) {
		return stalled
	}
	return err
}

// watchedBody reports each read to the watch.
type watchedBody struct {
	io.ReadCloser
	watch   *watch
	resting bool // of a request: time also runs between two reads
	last    bool // of a response: the attempt ends with it
}

func (b *watchedBody) Read(p []byte) (int, error) {
	b.watch.moved()
	n, err := b.ReadCloser.Read(p)
	if !b.resting {
		b.watch.pause()
	}
	if err != nil && !errors.Is(err, io.EOF) { // readers return io.EOF itself
		err = b.watch.explain(err)
	}
	return n, err
}

func (b *watchedBody) Close() error {
	err := b.ReadCloser.Close()
	if b.last {
		b.watch.end()
	}
	return err
}

// stallError is a timeout for package net and for the SDKs, so they may retry.
type stallError struct{ limit time.Duration }

func (e *stallError) Error() string {
	return fmt.Sprintf("the store stalled: nothing moved for %v", e.limit)
}
func (e *stallError) Timeout() bool   { return true }
func (e *stallError) Temporary() bool { return true }
