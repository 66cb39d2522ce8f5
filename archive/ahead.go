package archive

import (
	"context"
	"sync"

	"github.com/jetcapture/jetcapture/cutlog"
)

// Limits of reading ahead: of the cuts, each with two records that are read at the same time, and of the bytes that the
// records take while they wait.
const (
	aheadFirst = 4
	aheadMost  = 48
	aheadBytes = 32 << 20
)

// ahead is a store that reads the plans and done records of a log before they are asked for, several at a time. A
// reader that walks through a log in its order waits for few requests then. One goroutine calls Get; close ends those
// that read.
type ahead struct {
	cutlog.Store
	capture string
	last    uint64 // number of the last cut that may be read ahead
	next    uint64 // number of the first cut that was not asked for
	largest int    // bytes of the largest record so far
	waiting map[string]chan record
	reading sync.WaitGroup
	ctx     context.Context //nolint:containedctx // that of all readers, which outlive a call of Get
	cancel  func()
}

// record is what came of reading a record.
type record struct {
	data []byte
	err  error
}

// readAhead reads the records of the cuts up to last ahead. The caller closes it.
func readAhead(ctx context.Context, s cutlog.Store, capture string, last uint64) *ahead {
	a := &ahead{Store: s, capture: capture, last: last, next: 1, waiting: map[string]chan record{}}
	a.ctx, a.cancel = context.WithCancel(ctx)
	return a
}

// close ends all reading. From then on, Get only asks the store.
func (a *ahead) close() {
	a.last = 0
	a.cancel()
	a.reading.Wait()
}

// Get implements cutlog.Store. What was read ahead is given once: later calls ask the store again, which may have more
// by then.
func (a *ahead) Get(ctx context.Context, name string) ([]byte, error) {
	n, kind, ok := cutlog.ParseLogName(name)
	if !ok || kind == cutlog.RecordLost || n > a.last {
		return a.Store.Get(ctx, name)
	}
	a.readOn(n)
	w, ok := a.waiting[name]
	if !ok {
		return a.Store.Get(ctx, name)
	}
	delete(a.waiting, name)
	select {
	case r := <-w:
		a.largest = max(a.largest, len(r.data))
		return r.data, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// readOn begins to read the cuts that follow n.
func (a *ahead) readOn(n uint64) {
	cuts := aheadFirst
	if a.largest > 0 {
		cuts = min(max(aheadBytes/a.largest, 1), aheadMost)
	}
	if a.next < n { // the caller has left some out
		a.next = n
		clear(a.waiting)
	}
	for ; a.next <= a.last && a.next < n+uint64(cuts); a.next++ {
		a.read(cutlog.PlanName(a.capture, a.next))
		a.read(cutlog.DoneName(a.capture, a.next))
	}
}

// read begins to read a record.
func (a *ahead) read(name string) {
	w := make(chan record, 1)
	a.waiting[name] = w
	a.reading.Go(func() {
		data, err := a.Store.Get(a.ctx, name)
		w <- record{data, err}
	})
}
