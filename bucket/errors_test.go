package bucket_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"testing"

	"github.com/jetcapture/jetcapture/bucket"
)

func TestIsPermanent(t *testing.T) {
	for _, test := range []struct {
		err  error
		want bool
	}{
		{nil, false},
		{errors.New("whatever"), false},
		{bucket.ErrExists, true},
		{bucket.ErrNotExist, true},
		{bucket.ErrBody, true},
		{bucket.ErrPermanent, true},
		{bucket.Permanent(errors.New("no such bucket")), true},
		{context.Canceled, false},
		{context.DeadlineExceeded, false},
		{errors.Join(context.Canceled, syscall.EACCES), false},
		{io.ErrUnexpectedEOF, false},
		{os.ErrClosed, true},
		{syscall.EACCES, true},
		{syscall.EPERM, true},
		{syscall.EROFS, true},
		{syscall.ENOTDIR, true},
		{syscall.EISDIR, true},
		{syscall.ENAMETOOLONG, true},
		{syscall.ELOOP, true},
		{syscall.EXDEV, true},
		{syscall.ENOTSUP, true},
		{syscall.ENOSYS, true},
		{syscall.EFBIG, true},
		{syscall.ENOSPC, false},
		{syscall.EDQUOT, false},
		{syscall.EMFILE, false},
		{syscall.ENFILE, false},
		{syscall.EIO, false},
		{syscall.EAGAIN, false},
		{syscall.EINTR, false},
		{syscall.ESTALE, false},
		{syscall.ETIMEDOUT, false},
		{syscall.ECONNRESET, false},
	} {
		for _, err := range []error{test.err, wrapped(test.err)} {
			if got := bucket.IsPermanent(err); got != test.want {
				t.Errorf("IsPermanent(%v) = %t, want %t", err, got, test.want)
			}
		}
	}
}

func wrapped(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("put x: %w", &fs.PathError{Op: "open", Path: "x", Err: err})
}

func TestPermanent(t *testing.T) {
	if err := bucket.Permanent(nil); err != nil {
		t.Errorf("Permanent(nil) = %v, want nil", err)
	}
	cause := errors.New("no such bucket")
	err := bucket.Permanent(cause)
	if err.Error() != cause.Error() || !errors.Is(err, cause) || !errors.Is(err, bucket.ErrPermanent) {
		t.Errorf("Permanent(%v) = %v, want the same text, the cause and ErrPermanent in it", cause, err)
	}
}
