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

	// ErrOverwrites is returned by a Prober when the store accepts an object whose name is taken. It is permanent.
	ErrOverwrites = errors.New("store overwrites objects")

	// ErrPermanent marks errors that no retry can remove; see [IsPermanent] and [Permanent].
	ErrPermanent = errors.New("permanent")
)

// IsPermanent decides, for every driver and every caller, whether an error of a Bucket will come again no matter how
// often the call is repeated.
//
// ErrExists and ErrNotExist count as permanent: they are the store's answers, not failures to get one. So do ErrBody,
// errors that a driver marked with [Permanent], and what the operating system refuses for good: access denied, a
// read-only or unsuitable file system, a file in place of a directory, a name or size out of bounds. All others are not
// permanent, for instance a full disk or an I/O error. An error that comes from the end of a context never is.
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
		ErrPermanent, ErrExists, ErrNotExist, ErrBody, ErrOverwrites,
		fs.ErrPermission, // EACCES, EPERM and the like on Windows
		fs.ErrClosed,
		errors.ErrUnsupported, // ENOTSUP, ENOSYS
		syscall.EROFS, syscall.ENOTDIR, syscall.EISDIR, syscall.ENAMETOOLONG, syscall.ELOOP,
		syscall.EXDEV, syscall.EFBIG, syscall.EINVAL, syscall.EILSEQ,
	}
}

// Permanent marks err as one that no retry can remove, without a change of its text. Drivers call it where the error of
// their SDK says so. It returns nil for nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return permanentError{err}
}

type permanentError struct{ error }

func (e permanentError) Unwrap() error        { return e.error }
func (e permanentError) Is(target error) bool { return target == ErrPermanent }

// hideNotExist hides that an error is ErrNotExist, which for PutNew is a directory or a temporary file and not an
// object, so that it does not count as permanent.
func hideNotExist(err error) error {
	if !errors.Is(err, ErrNotExist) {
		return err
	}
	return fmt.Errorf("%v", err) //nolint:errorlint // cutting the chain is the purpose
}
