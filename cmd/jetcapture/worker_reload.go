package main

import (
	"context"
	"maps"
	"sync"
)

// onHangUp starts a goroutine that calls reload at each SIGHUP, or stop if the signal came because the terminal has
// closed. end ends it and waits for it.
func (r *runner) onHangUp(ctx context.Context, stop, reload func()) (end func()) {
	hangUps, release := r.hangUps.Take()
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-hangUps:
			}
			if r.screen.gone() {
				stop()
				return
			}
			reload()
		}
	})
	return func() {
		release()
		cancel()
		running.Wait()
	}
}

// reloadWorker takes the level of the log from the settings of a worker, which are read again, and says what else a
// reload does not change. A file that is not sound changes nothing.
func (r *runner) reloadWorker(started *workerSettings, read func() (*workerSettings, error)) {
	now, err := read()
	if err != nil {
		r.refused(err)
		return
	}
	r.adopt(now.report.level, started.says(), now.says())
	r.log.Info("the options of the worker were read again; its captures are changed by jetcapture fleet apply",
		"log_level", r.level.Level().String())
}

// says is what all options of the worker say.
func (s *workerSettings) says() statement {
	all := s.state(true)
	maps.Copy(all, s.state(false))
	return all
}
