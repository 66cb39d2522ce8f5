package capture

import (
	"context"
	"errors"
	"sync"

	"github.com/jetcapture/jetcapture/internal/reader"
)

// job is a batch on its way from the reader to the loop. It belongs to the reading goroutine, then to one that decodes,
// if there are any, and after ready to the loop.
type job struct {
	reader.Batch
	decoded Batch         // nil if the loop decodes
	ready   chan struct{} // closed when all slots of decoded are filled; nil if the loop decodes
}

// feed reads ahead of the loop and, with several DecodeWorkers, decodes on as many goroutines. The order of the
// messages is kept, because out has the jobs in their order, whichever is decoded first. startFeed starts its
// goroutines, stop joins them.
type feed struct {
	rd    Reading       // Next and Check belong to the goroutine of read
	out   chan *job     // to the loop; closed at the end, and err says why
	err   error         // set by read before it closes out and ended
	work  chan *job     // to the decoding goroutines; nil if the loop decodes
	most  int           // decoding goroutines
	spare chan Batch    // batches of jobs that are done, to be used again
	asks  chan func()   // questions to the reader, from the loop; has room for one
	ended chan struct{} // closed when the reader is not used any more

	mu       sync.Mutex         // guards the following
	stopOne  context.CancelFunc // ends the running Next
	decoding int                // goroutines that decode

	cancel context.CancelFunc // ends all goroutines
	all    sync.WaitGroup     // joins them
}

// readAhead is how many batches wait for the loop.
const readAhead = 4

// startFeed begins to read.
func startFeed(ctx context.Context, rd Reading, k *Maker) *feed {
	ctx, cancel := context.WithCancel(ctx)
	f := &feed{
		rd: rd, out: make(chan *job, readAhead), asks: make(chan func(), 1), ended: make(chan struct{}), cancel: cancel,
	}
	if workers := k.cfg.DecodeWorkers; workers > 1 {
		f.work, f.spare, f.most = make(chan *job, readAhead), make(chan Batch, readAhead), workers
	}
	f.all.Go(func() { f.read(ctx, k.user) })
	return f
}

// stop ends all goroutines and waits for them. What was read but not taken is dropped; it stays in the stream.
func (f *feed) stop() {
	f.cancel()
	f.all.Wait()
}

// hire starts another decode worker if batches wait and there may be one more. The goroutine of read calls it when a
// batch has been added.
func (f *feed) hire(ctx context.Context) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.decoding < f.most && len(f.work) > 0 {
		f.decoding++
		f.all.Go(func() { f.decode(ctx) })
	}
}

// waiting returns the next batch to decode. If there is none, the worker that asks ends, and nil is returned.
func (f *feed) waiting() *job {
	f.mu.Lock()
	defer f.mu.Unlock()
	select {
	case j := <-f.work:
		return j
	default:
		f.decoding--
		return nil
	}
}

// decode is the goroutine of a decode worker. It decodes whole batches as long as there are any.
func (f *feed) decode(ctx context.Context) {
	for j := f.waiting(); j != nil; j = f.waiting() {
		for i := range j.Messages {
			if ctx.Err() != nil {
				break // nobody takes the batch any more, and the decoder may need minutes for it
			}
			_ = j.decoded.Decode(i, &j.Messages[i]) // Keys.Group returns the error again
		}
		close(j.ready)
	}
}

// read is the goroutine that owns the reader. It ends with ctx, or with an error of the reader.
func (f *feed) read(ctx context.Context, u User) {
	defer close(f.out)
	defer close(f.ended)
	for ctx.Err() == nil {
		batch, err := f.next(ctx)
		if err != nil && ctx.Err() == nil && errors.Is(err, context.Canceled) {
			continue // call has ended this Next, to ask a question
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

// next calls Next of the reader once. If the loop has a question, it answers that instead, or ends the running Next.
// The error is context.Canceled then.
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

// hand passes a batch on to the loop and, if there are any, to the decode workers. It answers questions while nobody
// takes the batch. A batch without messages is passed on, too, because it says how many are pending. It returns false
// when ctx has ended.
func (f *feed) hand(ctx context.Context, batch reader.Batch, u User) bool {
	j := &job{Batch: batch}
	if f.work != nil {
		j.decoded, j.ready = f.slots(u), make(chan struct{})
		j.decoded.Reset(len(batch.Messages))
		if !give(ctx, f.work, j, f.asks) {
			return false
		}
		f.hire(ctx)
	}
	return give(ctx, f.out, j, f.asks)
}

// slots returns a Batch for decoded messages: one that is done, or a new one.
func (f *feed) slots(u User) Batch {
	select {
	case b := <-f.spare:
		return b
	default:
		return u.NewBatch()
	}
}

// done takes a job's Batch back. The loop calls it when it has dealt with all messages of the job. Where no more are
// waiting, one spare Batch is enough.
func (f *feed) done(j *job) {
	if j.decoded == nil {
		return
	}
	if j.Pending == 0 {
		select {
		case <-f.spare:
		default:
		}
	}
	j.decoded.Reset(0)
	select {
	case f.spare <- j.decoded:
	default: // there are enough spare ones
	}
}

// give sends v to to, and answers questions until it can. It returns false when ctx has ended.
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

// over reports whether read has ended. If so, err says why.
func (f *feed) over() bool {
	select {
	case <-f.ended:
		return true
	default:
		return false
	}
}

// call runs do in the goroutine that owns the reader, between two batches, and returns its error. If read has ended, it
// returns the final error of the reader. Only the loop calls it.
func (f *feed) call(ctx context.Context, do func(context.Context) error) error {
	done := make(chan error, 1)
	// The question must be there before the running Next is ended. In the other order, the following Next could begin
	// between the two and wait long, since next looks for questions only before it starts.
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
