package jetcapture

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/jetcapture/jetcapture/internal/reader"
)

// decoded is what the decoder made of a message.
type decoded[P Payload, K DestKey] struct {
	payload P
	key     K
	err     error
}

// job is a batch on its way from the reader to the owner.
type job[P Payload, K DestKey] struct {
	reader.Batch
	items []decoded[P, K] // nil: the owner decodes
	ready chan struct{}   // closed when items are there
}

// feed reads ahead of the owner of the blocks and decodes on several goroutines, with the order kept. Its goroutines are started by startFeed and
// joined by stop.
type feed[P Payload, K DestKey] struct {
	rd      reader.Reader
	out     chan *job[P, K] // closed at the end; err says why
	err     error
	work    chan *job[P, K]      // nil: the owner decodes
	spare   chan []decoded[P, K] // from jobs that are done
	asks    chan func()          // holds one
	ended   chan struct{}        // closed when the reader is not used any more
	mu      sync.Mutex
	stopOne context.CancelFunc // ends the running Next
	cancel  context.CancelFunc
	all     sync.WaitGroup
}

// readAhead is how many batches wait for the owner.
const readAhead = 4

// startFeed begins to read. workers above 1 decode with decode.
func startFeed[P Payload, K DestKey](ctx context.Context, rd reader.Reader, workers int, decode func(*reader.Message) decoded[P, K]) *feed[P, K] {
	ctx, cancel := context.WithCancel(ctx)
	f := &feed[P, K]{rd: rd, out: make(chan *job[P, K], readAhead), asks: make(chan func(), 1), ended: make(chan struct{}), cancel: cancel}
	if workers > 1 {
		f.work, f.spare = make(chan *job[P, K], readAhead), make(chan []decoded[P, K], readAhead)
		for range workers {
			f.all.Go(func() {
				for j := range f.work {
					for i := range j.Messages {
						if ctx.Err() != nil {
							break // nobody takes the batch any more, and the decoder may need minutes for it
						}
						j.items[i] = decode(&j.Messages[i])
					}
					close(j.ready)
				}
			})
		}
	}
	f.all.Go(func() { f.read(ctx) })
	return f
}

// stop ends all goroutines. What was read and not taken is forgotten.
func (f *feed[P, K]) stop() {
	f.cancel()
	f.all.Wait()
}

// read is the goroutine that owns the reader.
func (f *feed[P, K]) read(ctx context.Context) {
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
		if !f.hand(ctx, batch) {
			break
		}
	}
	f.err = ctx.Err()
}

// next runs one Next of the reader, which call can end early: then the error is context.Canceled.
func (f *feed[P, K]) next(ctx context.Context) (reader.Batch, error) {
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

// hand passes a batch on, and answers calls while the owner does not take it. One without messages still says how many are pending.
func (f *feed[P, K]) hand(ctx context.Context, batch reader.Batch) bool {
	j := &job[P, K]{Batch: batch}
	if f.work != nil {
		j.items, j.ready = f.items(len(batch.Messages)), make(chan struct{})
		if !give(ctx, f.work, j, f.asks) {
			return false
		}
	}
	return give(ctx, f.out, j, f.asks)
}

// items returns room for n decoded messages, which done may have given back.
func (f *feed[P, K]) items(n int) []decoded[P, K] {
	select {
	case items := <-f.spare:
		if cap(items) >= n {
			return items[:n]
		}
	default:
	}
	return make([]decoded[P, K], n, max(n, reader.MaxBatchMessages))
}

// done takes the room of a job's items back, once the owner has dealt with them all.
func (f *feed[P, K]) done(j *job[P, K]) {
	clear(j.items)
	select {
	case f.spare <- j.items[:0]:
	default: // enough of it, or the owner decodes
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
func (f *feed[P, K]) over() bool {
	select {
	case <-f.ended:
		return true
	default:
		return false
	}
}

// call runs do with the reader between two batches, in the reader's goroutine, and returns its error. Only the owner calls it.
func (f *feed[P, K]) call(ctx context.Context, do func(context.Context, reader.Reader) error) error {
	done := make(chan error, 1)
	// First the question, then the end of the running Next: whoever starts the next Next looks at the questions before.
	select {
	case f.asks <- func() { done <- do(ctx, f.rd) }:
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

// decode calls the user's decoder; a panic is an error.
func (o *Options[P, K]) decode(m *reader.Message) (d decoded[P, K]) {
	if m.Header != nil {
		d.err = errors.New("the header cannot be parsed")
		return d
	}
	defer func() {
		if r := recover(); r != nil {
			d.err = fmt.Errorf("decoder panics: %v", r)
		}
	}()
	d.payload, d.key, d.err = o.MessageDecoder(m.Msg)
	return d
}
