package bucket

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"
)

var (
	// ErrExists is returned by PutNew when the name holds an object already.
	ErrExists = errors.New("object exists already")

	// ErrNotExist is returned by Open and Stat when the name holds no object.
	ErrNotExist = fs.ErrNotExist

	// ErrBody is returned by PutNew when its body is shorter or longer than announced, or has another SHA-256.
	ErrBody = errors.New("body is not as announced")

	// ErrPermanent marks errors that no retry can mend; see [IsPermanent] and [Permanent].
	ErrPermanent = errors.New("permanent")
)

// IsPermanent decides, for every driver and every caller, whether an error of a Bucket will come again however often the call is
// repeated. ErrExists and ErrNotExist count as permanent: they are the store's answers, not failures to get one. So do ErrBody, what
// a driver marked by [Permanent], and what the operating system refuses for good: access denied, read-only or unsuitable file
// system, a file in place of a directory, a name or size out of bounds. Not permanent are all others, a full disk and an I/O error
// among them, and never an error that comes from the end of a context.
func IsPermanent(err error) bool {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	for _, target := range permanentErrors() {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}

func permanentErrors() []error {
	return []error{
		ErrPermanent, ErrExists, ErrNotExist, ErrBody,
		fs.ErrPermission, // EACCES, EPERM and their kin on Windows
		fs.ErrClosed,
		errors.ErrUnsupported, // ENOTSUP, ENOSYS
		syscall.EROFS, syscall.ENOTDIR, syscall.EISDIR, syscall.ENAMETOOLONG, syscall.ELOOP,
		syscall.EXDEV, syscall.EFBIG, syscall.EINVAL, syscall.EILSEQ,
	}
}

// Permanent marks err as one that no retry can mend. Its text stays as it is. Drivers call it where the error of their SDK says so.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return permanentError{err}
}

type permanentError struct{ error }

func (e permanentError) Unwrap() error        { return e.error }
func (e permanentError) Is(target error) bool { return target == ErrPermanent }

// hideNotExist keeps a missing directory or temporary file from looking like a missing object: PutNew can be tried again.
func hideNotExist(err error) error {
	if !errors.Is(err, ErrNotExist) {
		return err
	}
	return fmt.Errorf("%v", err) //nolint:errorlint // cutting the chain is the purpose
}
