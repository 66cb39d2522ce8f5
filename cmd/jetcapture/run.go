package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/jetcapture/jetcapture"
	"github.com/urfave/cli/v2"
)

func runCommand(c console) *cli.Command {
	return &cli.Command{
		Name:               "run",
		Usage:              "capture a stream",
		CustomHelpTemplate: runHelp(),
		Flags:              flagsOf(allOptions()),
		Action: func(ctx *cli.Context) error {
			s, err := readSettings(ctx, c.getenv)
			if err != nil {
				return err
			}
			return capture(ctx.Context, s, c)
		},
	}
}

// capture runs a capture until ctx ends or it is done, and reports it.
func capture(ctx context.Context, s *settings, c console) (err error) {
	screen := newScreen(c.stderr)
	log := newLogger(screen, s)
	nc, apiPrefix, err := s.connect(log)
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
	o := s.captureOptions(archive, log)
	sum := newSummary(s, archive.String())
	capture := o.Build()

	stop := startReporter(ctx, log, screen, capture.Stats, s.showsProgress(screen))
	err = advise(capture.Run(ctx, nc))
	stop()

	sum.Rescued = s.form.mismatched.Load()
	sum.finish(capture.Stats(), err)
	return errors.Join(err, sum.print(c, s))
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

// startReporter reports a running capture: that it is stopping, and its progress if shown. The returned function ends it and waits for
// its goroutine.
func startReporter(ctx context.Context, log *slog.Logger, screen *screen, stats func() jetcapture.Stats, shown bool) (stop func()) {
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
				screen.show("")
				return
			case <-stopping:
				stopping = nil
				log.Info("stopping: storing what was read; a second signal gives up at once")
			case now := <-ticks:
				screen.show(p.line(now, stats()))
			}
		}
	}()
	return func() {
		close(ended)
		<-done
	}
}
