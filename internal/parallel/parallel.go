// Package parallel runs one function on several goroutines.
package parallel

import (
	"context"
	"sync"
)

// Each calls f for 0 to n-1 on at most so many goroutines as there are workers, at least on one, and returns when all
// calls have returned. After an error, or when ctx ends, it starts no further call and ends the context of the running
// ones.
//
// The error is the first one that f returned. If f returned none, it is the cause of ctx if that has ended, otherwise
// nil. f's own error comes first because it says what the end of ctx has interrupted.
func Each(ctx context.Context, workers, n int, f func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	next := make(chan int)
	var all sync.WaitGroup
	var failed sync.Once
	var first error
	for range min(max(workers, 1), n) {
		all.Go(func() {
			for i := range next {
				if err := f(ctx, i); err != nil {
					failed.Do(func() { first = err })
					cancel()
				}
			}
		})
	}
	for i := 0; i < n && ctx.Err() == nil; i++ {
		select {
		case next <- i:
		case <-ctx.Done():
		}
	}
	close(next)
	all.Wait()
	if first != nil {
		return first
	}
	return context.Cause(ctx)
}
