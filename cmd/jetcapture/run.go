package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/urfave/cli/v2"
)

func runCommand(c console) *cli.Command {
	return &cli.Command{
		Name:               "run",
		Usage:              "capture streams",
		CustomHelpTemplate: runHelp(),
		Flags:              flagsOf(allOptions()),
		Action: func(ctx *cli.Context) error {
			all, err := readSettings(ctx, c.getenv)
			if err != nil {
				return err
			}
			return newRunner(c, all[0]).run(ctx.Context, all)
		},
	}
}

// runner runs captures and reports them.
type runner struct {
	console
	screen   *screen
	log      *slog.Logger
	overview overview   // of the captures, for the progress line
	print    sync.Mutex // held while a summary is printed
}

// newRunner returns a runner; what concerns the process is the same in all settings.
func newRunner(c console, s *settings) *runner {
	screen := newScreen(c.stderr)
	return &runner{console: c, screen: screen, log: newLogger(screen, s)}
}

// run runs captures, each over a connection of its own, until ctx ends or all are done. When one fails, the others go on, since their streams
// do not wait; the error comes in the end.
func (r *runner) run(ctx context.Context, all []*settings) error {
	defer r.report(ctx, all[0].showsProgress(r.screen))()
	if len(all) == 1 {
		return r.capture(ctx, all[0])
	}
	failed := make([]error, len(all))
	var running sync.WaitGroup
	for i, s := range all {
		running.Go(func() {
			if err := r.capture(ctx, s); err != nil {
				failed[i] = fmt.Errorf("capture %s: %w", s.name, err)
				r.log.Error("a capture has failed, the others go on", "capture", s.name, "error", err)
			}
		})
	}
	running.Wait()
	return errors.Join(failed...)
}

// capture runs a capture until ctx ends or it is done, and reports it.
func (r *runner) capture(ctx context.Context, s *settings) (err error) {
	nc, apiPrefix, err := s.connect(r.log)
	if err != nil {
		return err
	}
	defer nc.Close()
	archive, err := openOutput(ctx, s.output)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, archive.Close()) }()
	s.library.APIPrefix = apiPrefix
	o := s.captureOptions(archive, r.log)
	sum := newSummary(s, archive.String())
	capture := o.Build()

	end := r.overview.add(capture.Stats)
	err = advise(capture.Run(ctx, nc))
	end()

	sum.Rescued = s.form.mismatched.Load()
	sum.finish(capture.Stats(), err)
	r.print.Lock()
	defer r.print.Unlock()
	r.screen.show("") // what comes may go to the standard output
	return errors.Join(err, sum.print(console{r.stdout, r.screen, r.getenv}, s))
}

// newLogger returns the logger that the settings ask for.
func newLogger(screen *screen, s *settings) *slog.Logger {
	options := &slog.HandlerOptions{Level: s.logLevel}
	if s.logJSON {
		return slog.New(slog.NewJSONHandler(screen, options))
	}
	return slog.New(slog.NewTextHandler(screen, options))
}

// showsProgress reports whether the progress line belongs on the screen.
func (s *settings) showsProgress(screen *screen) bool { return screen.terminal && !s.logJSON }

// report reports the running captures: that they are stopping, and their progress if shown. The returned function ends it and waits for its
// goroutine.
func (r *runner) report(ctx context.Context, shown bool) (stop func()) {
	ended, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		var ticks <-chan time.Time
		if shown {
			ticker := time.NewTicker(progressEvery)
			defer ticker.Stop()
			ticks = ticker.C
		}
		p, stopping := progress{}, ctx.Done()
		for {
			select {
			case <-ended:
				r.screen.show("")
				return
			case <-stopping:
				stopping = nil
				r.log.Info("stopping: storing what was read; a second signal gives up at once")
			case now := <-ticks:
				r.screen.show(p.line(now, r.overview.stats()))
			}
		}
	}()
	return func() {
		close(ended)
		<-done
	}
}
