package capture

import (
	"context"
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/engine"
	"github.com/jetcapture/jetcapture/internal/reader"
)

// Promise is what a Run promises for each message, and how it is kept: exactly once, or at least once. Run calls it from
// its own goroutine, one call at a time.
type Promise interface {
	// Open finds out where the capture stands, finishes what an earlier or another writer left, and starts to read there.
	Open(ctx context.Context) (Opened, error)
	// Diverged hears of a stream that is another one now, before the next Open.
	Diverged(d *reader.DivergedError)
	// Close releases what New took. It is called once, after the last Reading was closed.
	Close() error
}

// Opened is where reading starts.
type Opened struct {
	Reading Reading
	From    uint64        // the last stream sequence that is stored
	Anchor  cutlog.Anchor // of that position
	Last    uint64        // the stream's last sequence when it was asked
}

// Reading is one life of a reader under a promise. Each method says which goroutine calls it; the loop never closes a cut
// while the one before is being stored, so Check, Detach and Commit never overlap.
type Reading interface {
	// Next is reader.Reader's. The feed calls it.
	Next(ctx context.Context) (reader.Batch, error)
	// Check proves, before the cut c, that what was read is complete and of the stream that it seems to be of. The feed
	// calls it between two calls of Next, while the loop waits and lends it the cut.
	Check(ctx context.Context, c *engine.Cut) error
	// Ordered reports whether messages come once, in ascending sequence, with Batch.Through proved. It never changes.
	Ordered() bool
	// Repeated notes a delivery, and reports whether the message is in the open cut already. The loop calls it.
	Repeated(m *reader.Message) bool
	// AcksNear reports whether a cut is due because the consumer would soon deliver again or stop, and which of its settings
	// is the reason. The loop calls it.
	AcksNear(now time.Time) (setting string, near bool)
	// Detach says that the loop has closed the open cut. Its Commit follows; what Repeated notes is of the next cut.
	Detach()
	// Commit stores the files of a sealed cut and acknowledges its messages. The cut's goroutine calls it.
	Commit(ctx context.Context, s *Sealed) (Committed, error)
	// Settle waits, at the end of a Run with Once, until what is stored is acknowledged. The loop calls it, beside Next.
	Settle(ctx context.Context) error
	// Close ends the reader. Run calls it when no other method runs any more.
	Close(ctx context.Context) error
}

// Committed is the result of Reading.Commit.
type Committed struct {
	Done   CutDone // without Took
	Behind error   // if set, another writer made the cut, and nothing of ours was stored: this says how
}
