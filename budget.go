package jetcapture

import (
	"context"
	"errors"
	"io"
	"runtime"
	"sync"

	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/internal/exactlyonce"
	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/jetcapture/jetcapture/internal/spool"
	"github.com/nats-io/nats.go"
)

// Budget is what several captures of one process share: memory, disk space for open blocks, compressors, and the number
// of files that are stored at the same time. They may share connections as well. A capture that has nothing to do holds
// nearly nothing of it. One that is busy gets what the others do not use, and one that wakes up gets its fair part at
// once: those that hold more spill, stop reading and make cuts. No capture waits for another one with something in
// hand.
//
// A busy capture of several may therefore cut earlier than it would alone. The bytes of a file do not depend on that.
//
// Captures whose store hangs may hold all the uploads, so give those of another store a budget of their own.
type Budget struct {
	memory, disk int64
	pool         *spool.Pool
	uploads      chan struct{} // holds a value for each file that is being stored; who waits is served in order

	mu       sync.Mutex // guards the following
	pulls    int64      // bytes that larger pulls of all connections may still take
	rooms    map[*nats.Conn]*room
	members  int
	instance *exactlyonce.Claim // the name of the process; nil: not claimed
}

const (
	// DefaultUploads is how many files the captures of a Budget store at the same time.
	DefaultUploads = 64
	// perConnection is how many bytes larger pulls may bring over one connection. nats-server ends a connection for which
	// more than 64 MiB wait.
	perConnection = 32 << 20
)

// NewBudget returns a budget of so many bytes of memory and of disk, and so many uploads. Zero stands for
// DefaultMemoryLimit, DefaultSpoolLimit and DefaultUploads. A quarter of the memory is for messages in flight. A budget
// needs no end.
func NewBudget(memory, disk int64, uploads int) *Budget {
	orDefault(&memory, DefaultMemoryLimit)
	orDefault(&disk, DefaultSpoolLimit)
	orDefault(&uploads, DefaultUploads)
	return &Budget{
		memory: memory, disk: disk, pulls: memory / 4, uploads: make(chan struct{}, uploads), rooms: map[*nats.Conn]*room{},
		pool: spool.NewPool(memory-memory/4, disk, runtime.GOMAXPROCS(0)),
	}
}

// join adds a capture that reads over nc. It returns what its pulls share, and what the capture calls in its end.
func (b *Budget) join(nc *nats.Conn) (r *room, leave func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r = b.rooms[nc]
	if r == nil {
		r = &room{budget: b, left: perConnection}
		b.rooms[nc] = r
	}
	r.members++
	return r, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if r.members--; r.members == 0 {
			delete(b.rooms, nc)
		}
	}
}

// claim returns the name of this process among others. All captures of the budget share it. release gives it back.
func (b *Budget) claim() (name string, release func() error, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.instance == nil {
		if b.instance, err = exactlyonce.ClaimInstance(); err != nil {
			return "", nil, err
		}
	}
	b.members++
	return b.instance.Name(), func() (err error) {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.members--; b.members == 0 {
			err, b.instance = b.instance.Release(), nil
		}
		return err
	}, nil
}

// room implements reader.Room for the captures that share a connection.
type room struct {
	budget  *Budget
	left    int64 // of perConnection; guarded, as members, by budget.mu
	members int
}

// Take implements reader.Room.
func (r *room) Take(n int64) bool {
	r.budget.mu.Lock()
	defer r.budget.mu.Unlock()
	if n > r.left || n > r.budget.pulls {
		return false
	}
	r.left -= n
	r.budget.pulls -= n
	return true
}

// Give implements reader.Room.
func (r *room) Give(n int64) {
	r.budget.mu.Lock()
	defer r.budget.mu.Unlock()
	r.left += n
	r.budget.pulls += n
}

// queued is a bucket whose puts wait for one of the uploads of a budget.
type queued struct {
	bucket.Bucket
	uploads chan struct{}
}

// queuedProbing is a queued bucket that is a bucket.Prober.
type queuedProbing struct {
	queued
	bucket.Prober
}

// queue returns b, with its puts in the queue of the budget. Without a budget it is b.
func (b *Budget) queue(to bucket.Bucket) bucket.Bucket {
	if b == nil {
		return to
	}
	q := queued{to, b.uploads}
	if p, ok := to.(bucket.Prober); ok {
		return queuedProbing{q, p}
	}
	return q
}

// PutNew implements bucket.Bucket.
func (q queued) PutNew(ctx context.Context, name string, body io.Reader, opts bucket.PutOptions) error {
	select {
	case q.uploads <- struct{}{}:
	case <-ctx.Done():
		return errors.Join(ctx.Err(), errors.New("put "+name+": waited for other uploads"))
	}
	defer func() { <-q.uploads }()
	return q.Bucket.PutNew(ctx, name, body, opts)
}

// spools is what the spools share; nil without a budget.
func (b *Budget) spools() *spool.Pool {
	if b == nil {
		return nil
	}
	return b.pool
}

// share lets a capture use its budget, if it has one: its name and its pulls. leave ends that.
func (o *Options[P, K]) share(nc *nats.Conn, src *reader.Source) (leave func() error, err error) {
	b, leave := o.Budget, func() error { return nil }
	if b == nil {
		return leave, nil
	}
	if o.Archive.Bucket != nil && o.Archive.Instance == "" {
		if o.Archive.Instance, leave, err = b.claim(); err != nil {
			return nil, err
		}
	}
	if nc == nil {
		return leave, nil
	}
	pulls, end := b.join(nc)
	src.SetRoom(pulls)
	release := leave
	return func() error {
		end()
		return release()
	}, nil
}
