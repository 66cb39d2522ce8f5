package cloud

import (
	"context"

	"golang.org/x/sync/semaphore"
)

// memory bounds what all uploads of a bucket hold, and keeps buffers of whole parts for the next upload. It may be used
// from any goroutine. No goroutine waits for memory while it holds some, so every waiting upload gets its turn.
type memory struct {
	limit    int64
	free     *semaphore.Weighted
	partSize int64
	used     chan []byte // free buffers of partSize
}

// newMemory allows at least two parts at a time: one to read into, one to send.
func newMemory(limit, partSize int64) *memory {
	limit = max(limit, 2*partSize)
	return &memory{
		limit: limit, free: semaphore.NewWeighted(limit), partSize: partSize, used: make(chan []byte, limit/partSize),
	}
}

// block is memory on loan.
type block struct {
	data   []byte // the filled part of buffer
	buffer []byte
	weight int64 // what it counts for in the limit
}

// get lends a buffer, which the caller gives back with put. It waits until there is room or ctx ends.
func (m *memory) get(ctx context.Context, size int64) (*block, error) {
	b := &block{weight: min(size, m.limit)}
	if err := m.free.Acquire(ctx, b.weight); err != nil {
		return nil, err
	}
	if size == m.partSize {
		select {
		case b.buffer = <-m.used:
			return b, nil
		default:
		}
	}
	b.buffer = make([]byte, size)
	return b, nil
}

// put takes back a buffer.
func (m *memory) put(b *block) {
	if int64(len(b.buffer)) == m.partSize {
		select {
		case m.used <- b.buffer:
		default:
		}
	}
	m.free.Release(b.weight)
}
