package exactlyonce

import (
	"context"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/capture"
)

// shownForeign is how many names an event has at most.
const shownForeign = 3

// reportForeign reports the files of a place that holds no log yet. Readers of the archive will come across them, and a
// person who deletes the archive would delete them. It ignores errors of the store: the steps that follow retry them.
func (k *Keeper) reportForeign(ctx context.Context) {
	for _, err := range k.cfg.Bucket.List(ctx, cutlog.Root, "") {
		_ = err
		return // an archive, whose captures own what is there; verify finds the rest
	}
	var names []string
	for info, err := range k.cfg.Bucket.List(ctx, "", "") {
		if err != nil {
			return
		}
		names = append(names, info.Name)
		if len(names) == shownForeign {
			break
		}
	}
	if len(names) > 0 {
		k.run.Observer.Observe(capture.ForeignFiles{Archive: k.cfg.Bucket.String(), Names: names})
	}
}
