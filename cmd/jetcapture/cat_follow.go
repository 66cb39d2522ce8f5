package main

import (
	"context"
	"fmt"
	"time"

	"github.com/jetcapture/jetcapture/archive"
	"github.com/jetcapture/jetcapture/internal/retry"
)

// followEvery is how often cat --follow looks for new cuts.
const followEvery = 2 * time.Second

// followCuts calls f with the chosen messages of all finished cuts, and then with those of each cut that is finished
// later, until ctx ends. It calls flush when it has called f with all that there is.
func (m *messageChoice) followCuts(
	ctx context.Context, c *archive.Capture, f func(*archive.Item) error, flush func() error,
) error {
	next := max(m.read.FirstCut, 1)
	for {
		last, err := lastFinished(ctx, c, next)
		if err != nil {
			return unlessEnded(ctx, err)
		}
		if last >= next {
			part := *m
			part.read.FirstCut = next
			err := part.each(ctx, c, func(i *archive.Item) error {
				if i.Cut > last { // finished meanwhile: the next round has all of it
					return errStop
				}
				return f(i)
			})
			if err != nil {
				return unlessEnded(ctx, err)
			}
			next = last + 1
		}
		if err := flush(); err != nil {
			return err
		}
		if err := retry.Pause(ctx, followEvery); err != nil {
			return unlessEnded(ctx, err)
		}
	}
}

// unlessEnded is an error that is not the end of ctx.
func unlessEnded(ctx context.Context, err error) error {
	select {
	case <-ctx.Done():
		return nil
	default:
		return fmt.Errorf("follow the archive: %w", err)
	}
}

// lastFinished returns the number of the last cut from a number on up to which all are finished, or that before it.
func lastFinished(ctx context.Context, c *archive.Capture, from uint64) (uint64, error) {
	last := from - 1
	for cut, err := range c.CutsFrom(ctx, from) {
		if err != nil {
			return 0, err
		}
		if !cut.Finished() {
			break
		}
		last = cut.N
	}
	return last, nil
}
