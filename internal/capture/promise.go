package capture

import (
	"context"
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/engine"
	"github.com/jetcapture/jetcapture/internal/reader"
)

// Promise is what a Run promises for each message, exactly once or at least once, and how that is kept. Its methods are
// called by the goroutine of Run.Live.
type Promise interface {
	// Open finds out where the capture stands, finishes the cut that an earlier or another writer has left, and starts to
	// read there. An error may be mended by time; Run decides that.
	Open(ctx context.Context) (Opened, error)
	// Diverged is called before the next Open, when a reader has found that the stream was replaced or rolled back.
	Diverged(d *reader.DivergedError)
	// Close releases what the constructor took. It is called once, after the last Reading was closed.
	Close() error
}

// Opened is where reading starts.
type Opened struct {
	Reading Reading
	From    uint64        // the last stream sequence that is stored; 0 at least once
	Anchor  cutlog.Anchor // the message at that position; zero at least once
	Last    uint64        // the stream's last sequence, which is the target of Once
}

// Reading is one life of a reader under a promise. Each method says which goroutine calls it. The loop never closes a
// cut while the cut before is being stored, so Check, Detach and Commit never overlap.
type Reading interface {
	// Next returns the next batch, see reader.Reader. The feed's goroutine calls it.
	Next(ctx context.Context) (reader.Batch, error)
	// Check proves, before the cut c, that what was read is complete and comes from the stream that it seems to come from.
	// The feed's goroutine calls it between two calls of Next, while the loop waits and lends it the cut.
	Check(ctx context.Context, c *engine.Cut) error
	// Ordered reports whether messages come once, in ascending sequence, with Batch.Through proved. The answer never
	// changes. Any goroutine may call it.
	Ordered() bool
	// Repeated notes a delivery and reports whether the message is in an open block already. The loop calls it.
	Repeated(m *reader.Message) bool
	// AcksNear reports whether a cut is due because the consumer would soon deliver again or stop, and which of its
	// settings is the reason. The loop calls it, beside Next.
	AcksNear(now time.Time) (setting string, near bool)
	// Unacked returns how many messages the consumer waits for the acks of, as far as the reader knows, and how many may
	// be so (MaxAckPending; 0: no limit). Both are 0 of a consumer without acks. The loop calls it, beside Next.
	Unacked() (n, limit int)
	// Bound says that the boundary has moved behind everything that Repeated has noted. The loop calls it.
	Bound()
	// Detach says that the loop has closed what lies before the boundary. Commit of this cut follows. What lies behind the
	// boundary belongs to the next cut. The loop calls it.
	Detach()
	// Commit stores the files of a sealed cut and acknowledges its messages. The cut's goroutine calls it, beside Next.
	Commit(ctx context.Context, s *Sealed) (Committed, error)
	// Settle waits, at the end of a Run with Once, until what is stored is acknowledged. The loop calls it, beside Next.
	Settle(ctx context.Context) error
	// Close ends the reader. Run calls it when no other method runs.
	Close(ctx context.Context) error
}

// Committed is the result of Reading.Commit.
type Committed struct {
	Done   CutDone // without Took, which the caller knows
	Behind error   // set if another writer has made the cut; it says how that was noticed, and Done is zero
}
