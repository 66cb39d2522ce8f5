package exactlyonce

import (
	"context"

	"github.com/jetcapture/jetcapture/cutlog"
	"github.com/jetcapture/jetcapture/internal/capture"
)

// shownForeign is how many names an event has at most.
const shownForeign = 3

// reportForeign reports the files of a place that holds no log yet. Readers of the archive will come across them, and a
// person who deletes the archive would delete them. An error of the store is left to the steps that follow, which retry.
func (k *Keeper) reportForeign(ctx context.Context) {
	for range k.cfg.Bucket.List(ctx, cutlog.Root, "") {
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
