package cloud

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/jetcapture/jetcapture/bucket"
	"golang.org/x/sync/errgroup"
)

const (
	// abortTimeout is how long an upload that has failed may take to be aborted.
	abortTimeout = 10 * time.Second
	// partRounding keeps grown parts at round sizes.
	partRounding = 1 << 20
)

// upload stores a body, by one request if it fits into a part.
func (s *store) upload(ctx context.Context, key string, body io.Reader, opts bucket.PutOptions) error {
	attrs := attributes{contentType: opts.ContentType, contentEncoding: opts.ContentEncoding, metadata: opts.Metadata}
	attrs.partSize = s.opts.PartSize
	size, err := s.partSize(opts.Size)
	if err != nil {
		return err
	}
	first, more, err := s.fill(ctx, body, firstSize(opts.Size, size))
	if err != nil {
		return err
	}
	if !more {
		defer s.memory.put(first)
		return s.driver.put(ctx, key, first.data, attrs)
	}
	if s.has(ctx, key) { // better now than after the whole body was sent
		s.memory.put(first)
		return bucket.ErrExists
	}
	p, err := s.driver.begin(ctx, key, attrs)
	if err != nil {
		s.memory.put(first)
		return err
	}
	u := &partUpload{store: s, parts: p, body: body, size: size}
	if err = u.run(ctx, first); err == nil {
		err = p.complete(ctx)
	}
	if err != nil {
		return errors.Join(err, s.abort(ctx, p))
	}
	return nil
}

// abort gives up an upload, even if ctx has ended. What stays behind only costs money. The error is for the text of the
// upload's error.
func (s *store) abort(ctx context.Context, p parts) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTimeout)
	defer cancel()
	if err := p.abort(ctx); err != nil {
		return fmt.Errorf("abort the unfinished upload: %s", s.driver.judge(err).text)
	}
	return nil
}

// partSize returns the size of the parts of an object whose size is known, or -1.
func (s *store) partSize(object int64) (int64, error) {
	most := int64(s.driver.limits().parts)
	if object <= s.opts.PartSize*most {
		return s.opts.PartSize, nil
	}
	size := (object/most + partRounding) / partRounding * partRounding
	if size > s.memory.limit/2 {
		return 0, bucket.Permanent(fmt.Errorf("%d bytes need parts of %d bytes: set upload_memory to twice that or more",
			object, size))
	}
	return size, nil
}

// firstSize returns how much memory the first part needs. A small object needs its size, and one byte to see its end.
func firstSize(object, part int64) int64 {
	if object >= 0 && object < part {
		return object + 1
	}
	return part
}

// fill reads a part into memory that the caller gives back. more is false if the body has ended. After an error nothing
// is on loan.
func (s *store) fill(ctx context.Context, body io.Reader, size int64) (b *block, more bool, err error) {
	if b, err = s.memory.get(ctx, size); err != nil {
		return nil, false, err
	}
	n, err := io.ReadFull(body, b.buffer)
	b.data = b.buffer[:n]
	switch {
	case err == nil:
		return b, true, nil
	case err == io.EOF || err == io.ErrUnexpectedEOF: //nolint:errorlint // io.ReadFull returns them itself
		return b, false, nil
	}
	s.memory.put(b)
	return nil, false, err
}

// partUpload sends the parts of one object.
type partUpload struct {
	*store
	parts parts
	body  io.Reader
	size  int64
}

// run sends first and what follows it. It reads from the calling goroutine and returns when every sender has ended.
func (u *partUpload) run(ctx context.Context, first *block) error {
	senders, ctx := errgroup.WithContext(ctx)
	senders.SetLimit(u.senders())
	err := u.sendAll(ctx, senders, first)
	if err != nil {
		senders.Go(func() error { return err }) // ends ctx, and with it the other senders
	}
	return errors.Join(err, ignore(senders.Wait(), err))
}

func (u *partUpload) senders() int {
	if u.driver.limits().sequential {
		return 1
	}
	return u.opts.Concurrency
}

func (u *partUpload) sendAll(ctx context.Context, senders *errgroup.Group, part *block) error {
	more := true
	for n := 1; ; n++ {
		if n > u.driver.limits().parts {
			u.memory.put(part)
			return bucket.Permanent(fmt.Errorf("more than %d parts of %d bytes: set a larger part_size", n-1, u.size))
		}
		senders.Go(u.sender(ctx, n, part))
		if !more {
			return nil
		}
		var err error
		if part, more, err = u.fill(ctx, u.body, u.size); err != nil {
			return err
		}
		if len(part.data) == 0 {
			u.memory.put(part)
			return nil
		}
	}
}

// sender returns a function that sends one part and gives back its memory.
func (u *partUpload) sender(ctx context.Context, n int, part *block) func() error {
	return func() error {
		defer u.memory.put(part)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return u.parts.put(ctx, n, part.data)
	}
}

// ignore drops err if there is a known error, which has caused it.
func ignore(err, known error) error {
	if known != nil {
		return nil //nolint:nilerr // that is the purpose
	}
	return err
}
