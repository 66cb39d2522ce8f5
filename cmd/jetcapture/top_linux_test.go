package main

import (
	"strings"
	"syscall"
	"testing"

	"github.com/jetcapture/jetcapture/internal/natstest"
	"golang.org/x/term"
)

// The terminal's other screen, and the way back.
const otherScreen, firstScreen = "\x1b[?1049h", "\x1b[?1049l"

// TestTopOnATerminal: it draws, follows the size of the terminal and the keys, and leaves the terminal as it was,
// however it ends.
func TestTopOnATerminal(t *testing.T) {
	srv, _ := orders(t, `{"id":1}`, `{"id":2}`)
	at := runOrders(t, srv)
	for _, end := range []struct {
		name string
		how  func(p *terminalProcess)
		code int
	}{
		{"q", func(p *terminalProcess) { p.press(t, "q") }, exitDone},
		{"Ctrl-C", func(p *terminalProcess) { p.press(t, "\x03") }, exitDone},
		{"SIGTERM", func(p *terminalProcess) { p.signal(t, syscall.SIGTERM) }, exitDone},
		{"SIGHUP", func(p *terminalProcess) { p.signal(t, syscall.SIGHUP) }, exitDone},
	} {
		t.Run(end.name, func(t *testing.T) {
			p := onTerminal(t, 80, 24, "top", "--interval", "50ms", at)
			p.sees(t, otherScreen, "● ok, reading", "2 in hand")
			if strings.Contains(p.shown.String(), firstScreen) {
				t.Error("it has gone back already")
			}
			p.press(t, "\x1b[B\x1b[A")
			p.resize(t, 38, 24)
			p.sees(t, "\r\n  lag  ") // one fact a line
			end.how(p)
			if code := p.wait(t); code != end.code || p.stderr.String() != "" {
				t.Errorf("exit code %d, want %d: %s", code, end.code, p.stderr.String())
			}
			p.sees(t, "\x1b[?25h"+firstScreen)
			after, err := term.GetState(int(p.computer.Fd()))
			if err != nil || *after != p.before {
				t.Errorf("the terminal was %+v and is %+v, %v", p.before, after, err)
			}
		})
	}
}

// sees waits until the terminal has shown all texts.
func (p *terminalProcess) sees(t *testing.T, texts ...string) {
	t.Helper()
	defer func() {
		if t.Failed() {
			shown := p.shown.String()
			t.Logf("the terminal shows ...%q, the standard error %q", shown[max(len(shown)-2000, 0):], p.stderr.String())
		}
	}()
	for _, text := range texts {
		natstest.Eventually(t, patience, text, func() bool { return strings.Contains(p.shown.String(), text) })
	}
}
