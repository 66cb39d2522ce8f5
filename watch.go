package jetcapture

import (
	"context"
	"sync"
	"time"

	"github.com/jetcapture/jetcapture/internal/capture"
	"github.com/jetcapture/jetcapture/internal/reader"
)

// watchEvery is how often a stream is asked how it is, besides at each cut. Without that, nobody would know how fast a
// stream grows while reading waits for the store.
const watchEvery = 30 * time.Second

// watch starts a goroutine that asks how the stream is and reports it, and then calls look. stop ends it and waits for
// it. An error says nothing that the reader does not report itself.
func watch(ctx context.Context, src *reader.Source, o capture.Observer, look func(now time.Time)) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var joined sync.WaitGroup
	joined.Go(func() {
		tick := time.NewTicker(watchEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if info, err := src.Info(ctx); err == nil {
				o.Observe(capture.StreamSeen{Info: info})
			}
			look(time.Now())
		}
	})
	return func() {
		cancel()
		joined.Wait()
	}
}
