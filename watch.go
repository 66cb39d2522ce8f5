package jetcapture

import (
	"context"
	"sync"
	"time"

	"github.com/jetcapture/jetcapture/internal/capture"
	"github.com/jetcapture/jetcapture/internal/reader"
)

const (
	// watchEvery is how often a stream is asked how it is, besides at each cut. Without that, nobody would know how fast
	// a stream grows while reading waits for the store.
	watchEvery = 30 * time.Second
	// watchRace is how often it is asked while it will soon drop messages.
	watchRace = 5 * time.Second
	// watchFirst is when look is first called.
	watchFirst = time.Second
)

// watch starts a goroutine that asks how the stream is and reports it. In between it calls look, which returns when it
// is to be called again, and whether the stream will soon drop messages. stop ends the goroutine and waits for it. An
// error of asking says nothing that the reader does not report itself.
func watch(
	ctx context.Context, src *reader.Source, o capture.Observer,
	look func(now time.Time) (again time.Duration, race bool),
) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var joined sync.WaitGroup
	joined.Go(func() {
		tick := time.NewTimer(watchFirst)
		defer tick.Stop()
		for asked, every := time.Now(), watchEvery; ; {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if time.Since(asked) >= every {
				if info, err := src.Info(ctx); err == nil {
					o.Observe(capture.StreamSeen{Info: info})
				}
				asked = time.Now()
			}
			again, race := look(time.Now())
			every = watchEvery
			if race {
				every = watchRace
			}
			tick.Reset(min(again, every))
		}
	})
	return func() {
		cancel()
		joined.Wait()
	}
}
