package capture

import (
	"context"
	"errors"
	"sync"

	"github.com/jetcapture/jetcapture/internal/reader"
)

// job is a batch on its way from the reader to the loop.
type job struct {
	reader.Batch
	decoded Batch         // nil: the loop decodes
	ready   chan struct{} // closed when all slots of decoded are filled
}

// feed reads ahead of the loop, and decodes on several goroutines if it is to, with the order of the messages kept. Its
// goroutines are started by startFeed and joined by stop.
type feed struct {
	rd      Reading
	out     chan *job     // closed at the end; err says why
	err     error         // set before out and ended are closed
	work    chan *job     // nil: the loop decodes
	spare   chan Batch    // of jobs that are done
	asks    chan func()   // holds one
	ended   chan struct{} // closed when the reader is not used any more
	mu      sync.Mutex
	stopOne context.CancelFunc // ends the running Next; guarded by mu
	cancel  context.CancelFunc
	all     sync.WaitGroup
}

// readAhead is how many batches wait for the loop.
const readAhead = 4

// startFeed begins to read, and to decode with k if more than one worker may.
func startFeed(ctx context.Context, rd Reading, k *Maker) *feed {
	ctx, cancel := context.WithCancel(ctx)
	f := &feed{
		rd: rd, out: make(chan *job, readAhead), asks: make(chan func(), 1), ended: make(chan struct{}), cancel: cancel,
	}
	if workers := k.cfg.DecodeWorkers; workers > 1 {
		f.work, f.spare = make(chan *job, readAhead), make(chan Batch, readAhead)
		for range workers {
			f.all.Go(func() { f.decode(ctx) })
		}
	}
	f.all.Go(func() { f.read(ctx, k.user) })
	return f
}

// stop ends all goroutines. What was read and not taken is forgotten.
func (f *feed) stop() {
	f.cancel()
	f.all.Wait()
}

// decode is a goroutine that decodes whole batches.
func (f *feed) decode(ctx context.Context) {
	for j := range f.work {
		for i := range j.Messages {
			if ctx.Err() != nil {
				break // nobody takes the batch any more, and the decoder may need minutes for it
			}
			_ = j.decoded.Decode(i, &j.Messages[i]) // Keys.Group returns the error again
		}
		close(j.ready)
	}
}

// read is the goroutine that owns the reader.
func (f *feed) read(ctx context.Context, u User) {
	defer close(f.out)
	defer close(f.ended)
	if f.work != nil {
		defer close(f.work)
	}
	for ctx.Err() == nil {
		batch, err := f.next(ctx)
		if err != nil && ctx.Err() == nil && errors.Is(err, context.Canceled) {
			continue // call wants the reader
		}
		if err != nil {
			f.err = err
			return
		}
		if !f.hand(ctx, batch, u) {
			break
		}
	}
	f.err = ctx.Err()
}

// next runs one Next of the reader, which call can end early: then the error is context.Canceled.
func (f *feed) next(ctx context.Context) (reader.Batch, error) {
	one, cancel := context.WithCancel(ctx)
	defer cancel()
	f.mu.Lock()
	f.stopOne = cancel
	f.mu.Unlock()
	select {
	case ask := <-f.asks:
		ask()
		return reader.Batch{}, context.Canceled
	default:
	}
	return f.rd.Next(one)
}

// hand passes a batch on, and answers calls while the loop does not take it. One without messages still says how many are
// pending.
func (f *feed) hand(ctx context.Context, batch reader.Batch, u User) bool {
	j := &job{Batch: batch}
	if f.work != nil {
		j.decoded, j.ready = f.slots(u), make(chan struct{})
		j.decoded.Reset(len(batch.Messages))
		if !give(ctx, f.work, j, f.asks) {
			return false
		}
	}
	return give(ctx, f.out, j, f.asks)
}

// slots returns room for decoded messages, which done may have given back.
func (f *feed) slots(u User) Batch {
	select {
	case b := <-f.spare:
		return b
	default:
		return u.NewBatch()
	}
}

// done takes back the room for a job's decoded messages, when the loop has dealt with them all.
func (f *feed) done(j *job) {
	if j.decoded == nil {
		return
	}
	j.decoded.Reset(0)
	select {
	case f.spare <- j.decoded:
	default: // there is enough of it
	}
}

func give[T any](ctx context.Context, to chan<- T, v T, asks <-chan func()) bool {
	for {
		select {
		case to <- v:
			return true
		case ask := <-asks:
			ask()
		case <-ctx.Done():
			return false
		}
	}
}

// over reports whether the reader is not used any more: it has ended, with err.
func (f *feed) over() bool {
	select {
	case <-f.ended:
		return true
	default:
		return false
	}
}

// call runs do in the goroutine that owns the reader, between two batches, and returns its error, or the reader's final one.
// Only the loop calls it.
func (f *feed) call(ctx context.Context, do func(context.Context) error) error {
	done := make(chan error, 1)
	// First the question, then the end of the running Next: the next Next looks at the questions before it starts.
	select {
	case f.asks <- func() { done <- do(ctx) }:
	case <-f.ended:
		return f.err
	}
	f.mu.Lock()
	if f.stopOne != nil {
		f.stopOne()
	}
	f.mu.Unlock()
	select {
	case err := <-done:
		return err
	case <-f.ended:
		return f.err
	}
}
