package capture

import (
	"errors"

	"github.com/jetcapture/jetcapture/internal/engine"
	"github.com/jetcapture/jetcapture/internal/reader"
)

// outcome is how a life of a reader ended, as far as it decides what comes next.
type outcome int

const (
	fatal       outcome = iota // only an operator can help
	interrupted                // the run was stopped while a cut was being finished that was planned before
	behind                     // another writer was first
	disturbed                  // somebody else moved the consumer, so what was read since the last cut proves nothing
	diverged                   // the stream was replaced or rolled back; what was read of it is good
	unwritten                  // a writer has lost the file of an open block
)

// behindError says that another writer has made the cut. Everything that is open is dropped, and reading starts after
// that cut.
type behindError struct{ why error }

// Error implements error.
func (e *behindError) Error() string { return e.why.Error() }

// Unwrap returns how it was noticed.
func (e *behindError) Unwrap() error { return e.why }

// classify is the one place that decides what an error means for the run.
func classify(err error) outcome {
	var other *reader.DivergedError
	var late *behindError
	switch {
	case errors.Is(err, engine.ErrInterrupted):
		return interrupted
	case errors.As(err, &late):
		return behind
	case errors.Is(err, reader.ErrDisturbed):
		return disturbed
	case errors.As(err, &other):
		return diverged
	case is(err, fileLost):
		return unwritten
	}
	return fatal
}

// is reports whether an error is a blockError with this trouble.
func is(err error, t trouble) bool {
	var b *blockError
	return errors.As(err, &b) && b.trouble == t
}

// unlessFull ignores a full spool where nobody can wait for it: the bytes are in memory.
func unlessFull(err error) error {
	if is(err, spoolFull) {
		return nil
	}
	return err
}

// ends reports whether an error means that what was read is good and has to be cut now, because nothing more can come.
// Either the stream is another one, or the consumer is gone, and with it perhaps the messages that an interest stream
// kept for it, or the retention was edited, so that the server deletes what it delivers.
func ends(err error) bool {
	var other *reader.DivergedError
	var gone *reader.ConsumerGoneError
	var retention *reader.RetentionError
	return errors.As(err, &other) || errors.As(err, &gone) || errors.As(err, &retention)
}
