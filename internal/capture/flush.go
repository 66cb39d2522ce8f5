package capture

import (
	"context"
	"errors"
	"slices"
)

// Errors of Flush.
var (
	ErrEnded    = errors.New("the capture has ended: what is not stored is still in the stream")
	errReplaced = errors.New("the stream was replaced: what was read of the old one is stored as far as it could be")
)

// flushes are requests for a cut. asks and over may be used by any goroutine, the rest belongs to that of Live.
type flushes struct {
	asks    chan chan<- error // to the loop
	over    chan struct{}     // closed when Live has returned
	waiting []flush
}

// flush waits until everything up to a stream sequence is stored. done has room for the answer.
type flush struct {
	through uint64
	done    chan<- error
}

func newFlushes() *flushes {
	return &flushes{asks: make(chan chan<- error), over: make(chan struct{})}
}

// Flush makes a cut, unless everything is stored, and returns when everything is stored that was read when the loop
// took the request. Any goroutine may call it. While the server or the store is away, it waits until ctx ends.
func (r *Run) Flush(ctx context.Context) error {
	done := make(chan error, 1)
	select {
	case r.flushes.asks <- done:
	case <-r.flushes.over:
		return ErrEnded
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// due reports whether a request waits for a cut that what was read can answer.
func (f *flushes) due(read uint64) bool {
	return slices.ContainsFunc(f.waiting, func(w flush) bool { return w.through <= read })
}

// stored answers the requests for everything up to a stream sequence.
func (f *flushes) stored(through uint64) {
	f.waiting = slices.DeleteFunc(f.waiting, func(w flush) bool {
		if w.through > through {
			return false
		}
		w.done <- nil
		return true
	})
}

// answer answers all requests.
func (f *flushes) answer(err error) {
	for _, w := range f.waiting {
		w.done <- err
	}
	f.waiting = nil
}

// end answers all requests when Live returns. Without an error everything is stored that was read.
func (f *flushes) end(err error) {
	if err != nil {
		err = errors.Join(ErrEnded, err)
	}
	f.answer(err)
	close(f.over)
}
