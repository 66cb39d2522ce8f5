package main

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"github.com/jetcapture/jetcapture/internal/terminal"
	"github.com/jetcapture/jetcapture/internal/top"
)

const (
	redrawEvery = 250 * time.Millisecond // how often the size of the terminal is looked at
	topHint     = "q ends, up and down choose"
)

// watch draws on a terminal until ctx ends or the user has seen enough. What the terminal showed before is back then.
func (w *watcher) watch(ctx context.Context, first top.Found, in, out *os.File) (err error) {
	screen, err := terminal.Open(in, out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, screen.Close()) }()
	ctx, cancel := context.WithCancel(ctx)
	looks, join := w.look(ctx)
	defer func() {
		cancel()
		join()
	}()
	tick := time.NewTicker(redrawEvery)
	defer tick.Stop()
	if screen.Keys() != nil {
		w.view.Hint = topHint
	}
	w.take(first)
	for {
		if err := w.draw(screen); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case found := <-looks:
			w.take(found)
		case k := <-screen.Keys():
			if w.press(k) {
				return nil
			}
		case <-tick.C:
		}
	}
}

// look looks again and again, on a goroutine of its own, until ctx ends: a process that does not answer must not hold
// up the keys. join waits for its end.
func (w *watcher) look(ctx context.Context) (looks <-chan top.Found, join func()) {
	found := make(chan top.Found)
	var all sync.WaitGroup
	all.Go(func() {
		for pauseFor(ctx, w.every) {
			select {
			case found <- top.Look(ctx, w.sources):
			case <-ctx.Done():
			}
		}
	})
	return found, all.Wait
}

// take takes what was found. The selected capture stays selected, wherever it is now.
func (w *watcher) take(found top.Found) {
	v := &w.view
	var capture, from string
	if v.Selected > 0 && v.Selected < len(v.Rows) {
		capture, from = v.Rows[v.Selected].Capture.Capture, v.Rows[v.Selected].Process.From
	}
	v.Now, v.Errors, v.Rows, v.Fleets = found.Now, found.Errors, w.roster.Add(found), found.Fleets
	for i := range v.Rows {
		if v.Rows[i].Capture.Capture == capture && v.Rows[i].Process.From == from {
			v.Selected = i
		}
	}
	v.Selected = min(v.Selected, max(len(v.Rows)-1, 0))
}

// press takes a key, and reports whether it ends the view.
func (w *watcher) press(k terminal.Key) (end bool) {
	const page = 10
	v := &w.view
	switch k {
	case 'q', 'Q', terminal.Interrupt:
		return true
	case terminal.Up, 'k':
		v.Selected--
	case terminal.Down, 'j':
		v.Selected++
	case terminal.PageUp:
		v.Selected -= page
	case terminal.PageDown:
		v.Selected += page
	}
	v.Selected = max(min(v.Selected, len(v.Rows)-1), 0)
	return false
}

// draw draws the view as large as the terminal is now.
func (w *watcher) draw(screen *terminal.Screen) error {
	w.view.Width, w.view.Height = screen.Size()
	return screen.Draw(w.view.Lines())
}
