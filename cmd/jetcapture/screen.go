package main

import (
	"io"
	"sync"
	"time"

	"golang.org/x/term"
)

// progressEvery is how often the progress line is drawn.
const progressEvery = 500 * time.Millisecond

// screen writes log lines above one line that changes, usually to the standard error. Its methods may be called from
// any goroutine.
type screen struct {
	terminal bool
	gone     func() bool // it was a terminal, and that has closed

	mu    sync.Mutex // guards what follows
	w     io.Writer
	width func() int
	shown string
}

// newScreen returns a screen on w. Callers show lines only where that is a terminal.
func newScreen(w io.Writer) *screen {
	s := &screen{w: w, width: func() int { return 80 }, gone: func() bool { return false }}
	if f, ok := terminalOf(w); ok && term.IsTerminal(int(f.Fd())) {
		s.terminal = true
		s.gone = func() bool { return !term.IsTerminal(int(f.Fd())) }
		s.width = func() int {
			if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
				return width
			}
			return 80
		}
	}
	return s
}

// clearLine goes to the start of the line and erases it (ECMA-48, EL).
const clearLine = "\r\x1b[K"

// Write implements io.Writer for the log.
func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shown == "" {
		return s.w.Write(p)
	}
	say(s.w, "%s", clearLine)
	n, err := s.w.Write(p)
	say(s.w, "%s", s.shown)
	return n, err
}

// show changes the line. An empty one takes it away.
func (s *screen) show(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if line == "" && s.shown == "" {
		return
	}
	if width := s.width(); len(line) >= width { // a longer one would wrap, and could not be cleared
		line = line[:width-1]
	}
	s.shown = line
	say(s.w, "%s%s", clearLine, line)
}

// flush waits until the file has all that was written, unless nobody reads it: what is printed elsewhere then comes
// after it.
func (s *screen) flush() {
	if q, ok := s.w.(*logQueue); ok {
		q.flush(logPatience)
	}
}

// ticker shows the progress of a long command on a screen, if that is a terminal. One goroutine at a time may use it.
type ticker struct {
	*screen
	last time.Time
	now  func() time.Time
}

func newTicker(s *screen) *ticker { return &ticker{screen: s, last: time.Now(), now: time.Now} }

// tick shows a line, unless the last one is too recent.
func (t *ticker) tick(line func() string) {
	if !t.terminal {
		return
	}
	if now := t.now(); now.Sub(t.last) >= progressEvery {
		t.last = now
		t.show(line())
	}
}
