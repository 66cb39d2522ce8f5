package cutlog

import (
	"context"
	"errors"
	"iter"
)

// ErrExists is what a Store's PutNew returns or wraps when something has the name already, equal or not.
var ErrExists = errors.New("name is taken")

// Store is what a log needs of the place where it lives. The engine's cut owner calls it, one call at a time for a Log, but other writers
// may use the same store. Names are relative to the archive's root, see CheckName.
//
// The promise of a cut log rests on three properties: a put creates or fails, and never replaces; an object appears whole or not at all;
// once an object can be read, it can be read by everyone and stays as it is. Errors name the object.
type Store interface {
	// PutNew creates an object. It must not change one that is there: then it returns an error which wraps ErrExists, be the bytes
	// equal or not. Any error is ambiguous, as the request may have been carried out all the same: a Log reads back after each put.
	PutNew(ctx context.Context, name string, data []byte) error
	// Get returns a whole object; an error that wraps fs.ErrNotExist if there is none. It need not return more than MaxRecord bytes:
	// for anything larger it may return an error.
	Get(ctx context.Context, name string) ([]byte, error)
	// List yields the names of the objects that begin with prefix and come after the name after ("" for all), in any order. It may miss
	// what was put just now, but must not invent names. After an error it yields nothing more.
	List(ctx context.Context, prefix, after string) iter.Seq2[string, error]
}
