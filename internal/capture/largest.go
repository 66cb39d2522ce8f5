package capture

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/jetcapture/jetcapture/cutlog"
)

// OpenBlock is what is known of a block that will be a file.
type OpenBlock struct {
	Dead     bool     // it takes dead letters
	Key      []string // of a block of data
	Window   time.Time
	Messages int64
	Bytes    int64 // of its content before compression, or of the messages that are kept for it
}

// largestAsk is a request for the largest open blocks. answer has room for one.
type largestAsk struct {
	n      int
	answer chan<- []OpenBlock
}

// Largest returns the largest open blocks, at most n, the largest first. It waits until the loop answers, which may be
// at work on a batch, or until ctx ends. Any goroutine may call it.
func (r *Run) Largest(ctx context.Context, n int) ([]OpenBlock, error) {
	answer := make(chan []OpenBlock, 1)
	select {
	case r.sizes <- largestAsk{n, answer}:
		return <-answer, nil
	case <-r.flushes.over:
		return nil, ErrEnded
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// largest returns the largest open blocks, at most n. Nothing is kept between two calls: a loop that nobody asks does
// no work for it.
func (l *loop) largest(n int) []OpenBlock {
	var all []*Block
	for _, t := range []*Table{l.ended, l.open} {
		if t != nil {
			all = append(all, t.blocks...)
		}
	}
	bySize := func(a, b *Block) int { return cmp.Compare(b.fill.size(b), a.fill.size(a)) }
	var first []*Block
	for _, b := range all {
		if len(first) == n && (n == 0 || bySize(b, first[n-1]) >= 0) {
			continue
		}
		at, _ := slices.BinarySearchFunc(first, b, bySize)
		first = slices.Insert(first, at, b)
		first = first[:min(len(first), n)]
	}
	open := make([]OpenBlock, 0, len(first))
	for _, b := range first {
		open = append(open, OpenBlock{
			Dead: b.Kind == cutlog.KindDead, Key: Texts(b.Key), Window: time.Unix(0, b.Window).UTC(), Messages: b.Messages,
			Bytes: b.fill.size(b),
		})
	}
	return open
}
