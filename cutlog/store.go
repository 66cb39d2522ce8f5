package cutlog

import (
	"context"
	"errors"
	"iter"
)

// ErrExists is the error, perhaps wrapped, of a Store's PutNew if an object has the name already, with equal bytes or
// not.
var ErrExists = errors.New("name is taken")

// Prober is implemented by a Store that writes large objects in another way than the records of a log.
type Prober interface {
	// Probe tests with an object of this name that the store does not overwrite in these ways either; if it does, the
	// error is a *NoCreateOnlyError. It makes the object if it is missing.
	Probe(ctx context.Context, name string) error
}

// Haver is implemented by a Store that can say at little cost whether there is an object. The end of a long log is
// found in a few requests then, instead of by a list of all of it.
type Haver interface {
	Has(ctx context.Context, name string) (bool, error)
}

// WholeLister is implemented by a Store whose lists may cost as much as a list of the whole log, wherever they begin,
// as those of a folder do. If so, a Log lists it once, and looks for single records behind that from then on. Each look
// must see what every writer has put.
type WholeLister interface {
	Haver
	ListsWhole() bool
}

// Store is what a log needs of the place where it lives. The owner of a cut calls it, one call at a time through each
// Log, but other writers may use the same store. Names are relative to the archive's root, see CheckName.
//
// The promise of a cut log rests on three properties. A put creates or fails, and never replaces. An object appears
// whole or not at all. Once one reader can read an object, every reader can, and the object never changes. Errors name
// the object.
type Store interface {
	// PutNew creates an object. If the name is taken, it changes nothing and returns an error that wraps ErrExists, even
	// if the bytes are equal. After any error the object may have been created all the same, so a Log reads back after
	// each put.
	PutNew(ctx context.Context, name string, data []byte) error
	// Get returns a whole object, or an error that wraps fs.ErrNotExist if there is none. For objects larger than
	// MaxRecord bytes it may return an error, or the beginning if that is longer than MaxRecord.
	Get(ctx context.Context, name string) ([]byte, error)
	// List yields the names of the objects that begin with prefix and come after the name after ("" for all), in any
	// order. It may miss objects that were put just now, but must not invent names. It ends after an error.
	List(ctx context.Context, prefix, after string) iter.Seq2[string, error]
}
