package archive

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"time"

	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/retry"
)

const (
	pieceSize  = 128 << 10
	pieces     = 3 // of a file in memory
	readTries  = 6 // in a row without a byte
	firstPause = 100 * time.Millisecond
	longPause  = 5 * time.Second
)

// objectReader reads an object on a goroutine of its own, a few pieces ahead. Where the store breaks off, it asks again
// from there on. Read and Close belong to one goroutine.
type objectReader struct {
	cancel context.CancelFunc
	size   int         // of a piece
	full   chan []byte // closed at the end, after err was set
	empty  chan []byte
	err    error
	piece  []byte // that is being read
	rest   []byte // of it
}

// readObject begins to read an object, of which a size is known or nil. Its goroutine ends with ctx, at the end of the
// object, or with Close.
func readObject(ctx context.Context, b bucket.Bucket, name string, stored *cutlog.File) *objectReader {
	ctx, cancel := context.WithCancel(ctx)
	r := &objectReader{
		cancel: cancel, size: pieceSize, full: make(chan []byte, pieces), empty: make(chan []byte, pieces),
	}
	if stored != nil && stored.Size < pieceSize {
		r.size = int(max(stored.Size, 0)) + 1 // so that the end is read with it
	}
	for range pieces {
		r.empty <- nil
	}
	go func() {
		defer close(r.full)
		r.err = r.fetch(ctx, b, name)
	}()
	return r
}

// fetch reads the object to its end. It returns io.EOF then.
func (r *objectReader) fetch(ctx context.Context, b bucket.Bucket, name string) error {
	at, tries := int64(0), 0
	pause := retry.Backoff{First: firstPause, Max: longPause}
	for {
		n, err := r.fetchFrom(ctx, b, name, at)
		if at += n; n > 0 {
			tries, pause = 0, retry.Backoff{First: firstPause, Max: longPause}
		}
		tries++
		if errors.Is(err, io.EOF) || errors.Is(err, fs.ErrNotExist) || bucket.IsPermanent(err) || tries == readTries {
			return err
		}
		if ctxErr := retry.Pause(ctx, pause.Next()); ctxErr != nil {
			return errors.Join(ctxErr, err)
		}
	}
}

// fetchFrom reads on from an offset, and returns how many bytes it has handed on.
func (r *objectReader) fetchFrom(ctx context.Context, b bucket.Bucket, name string, at int64) (n int64, err error) {
	in, err := b.Open(ctx, name, at, -1)
	if err != nil {
		return 0, err
	}
	defer func() { _ = in.Close() }() // what was read is good, or is read again
	for {
		var piece []byte
		select {
		case piece = <-r.empty:
		case <-ctx.Done():
			return n, bucket.Permanent(ctx.Err())
		}
		if piece == nil {
			piece = make([]byte, r.size)
		}
		got, err := io.ReadFull(in, piece[:r.size])
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = io.EOF
		}
		if got > 0 {
			r.full <- piece[:got] // there is room for all pieces
			n += int64(got)
		} else {
			r.empty <- piece
		}
		if err != nil {
			return n, err
		}
	}
}

// Read implements io.Reader.
func (r *objectReader) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		if r.piece != nil {
			r.empty <- r.piece[:r.size]
			r.piece = nil
		}
		piece, ok := <-r.full
		if !ok {
			return 0, r.err
		}
		r.piece, r.rest = piece, piece
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// Close ends the goroutine.
func (r *objectReader) Close() error {
	r.cancel()
	for range r.full { // until it has ended
	}
	return nil
}
