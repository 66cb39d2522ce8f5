package crashtest

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// AckWatch checks all the time that a durable consumer has acknowledged nothing that is not under a done record in the
// archive.
type AckWatch struct {
	cancel context.CancelFunc
	done   chan struct{}
	looks  atomic.Int64
}

const ackWatchEvery = 50 * time.Millisecond

// StartAckWatch watches the consumer of a capture until Stop. It fails the test if an ack came too early.
func StartAckWatch(tb testing.TB, js jetstream.JetStream, stream, consumer, folder string) *AckWatch {
	tb.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w := &AckWatch{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(w.done)
		tick := time.NewTicker(ackWatchEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			floor, err := AckFloor(ctx, js, stream, consumer)
			if err != nil { // asked again
				continue
			}
			to, err := StoredTo(folder, stream) // after the floor: it may have moved on meanwhile
			if err != nil {
				tb.Errorf("look at the archive: %v", err)
				return
			}
			if floor > to {
				tb.Errorf("acknowledged up to %d, but done only up to %d", floor, to)
				return
			}
			w.looks.Add(1)
		}
	}()
	tb.Cleanup(func() { w.Stop() })
	return w
}

// Stop ends the watch and returns how often it has looked.
func (w *AckWatch) Stop() int64 {
	w.cancel()
	<-w.done
	return w.looks.Load()
}
