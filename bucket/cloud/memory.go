package cloud

import (
	"context"

	"golang.org/x/sync/semaphore"
)

// memory bounds what all uploads of a bucket hold, and keeps buffers of whole parts for the next one. Nobody who holds some waits for
// more, so those who wait get it in the end.
type memory struct {
	limit    int64
	free     *semaphore.Weighted
	partSize int64
	used     chan []byte // buffers of partSize
}

// newMemory allows at least two parts at a time: one to read into, one to send.
func newMemory(limit, partSize int64) *memory {
	limit = max(limit, 2*partSize)
	return &memory{limit: limit, free: semaphore.NewWeighted(limit), partSize: partSize, used: make(chan []byte, limit/partSize)}
}

// block is memory that was lent.
type block struct {
	data   []byte // what is in it
	buffer []byte
	weight int64
}

// get lends a buffer. It waits until there is room or ctx ends.
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

// put takes a buffer back.
func (m *memory) put(b *block) {
	if int64(len(b.buffer)) == m.partSize {
		select {
		case m.used <- b.buffer:
		default:
		}
	}
	m.free.Release(b.weight)
}
