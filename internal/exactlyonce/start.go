package exactlyonce

import (
	"context"
	"time"

	"github.com/jetcapture/jetcapture/internal/capture"
	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/jetcapture/jetcapture/internal/retry"
)

// longestLook is the longest time between two looks at the server's clock while the time of the start is to come.
const longestLook = time.Minute

// after returns the stream sequence after which the messages of the time t and later begin. A time to come is waited
// for by the clock of the stream's leader, which makes the timestamps. Then messages of t are those that come next.
func (k *Keeper) after(ctx context.Context, t time.Time) (uint64, error) {
	for waited := false; ; waited = true {
		info, err := k.stream.Info(ctx)
		if err != nil && !(waited && reader.IsTemporary(err)) {
			return 0, err
		}
		now := info.Now
		if now.IsZero() {
			now = time.Now()
		}
		wait := t.Sub(now)
		if err == nil && wait <= 0 {
			return k.stream.Before(ctx, k.ephemeral()+"-start", t)
		}
		if !waited {
			k.run.Observer.Observe(capture.NotBegun{Start: t})
		}
		if err := retry.Pause(ctx, min(max(wait, time.Second), longestLook)); err != nil {
			return 0, err
		}
	}
}
