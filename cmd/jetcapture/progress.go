package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/jetcapture/jetcapture"
	"golang.org/x/term"
)

// progressEvery is how often the progress line is drawn.
const progressEvery = 500 * time.Millisecond

// screen is the standard error as a place for log lines above one line that changes. Its methods may be called from any goroutine.
type screen struct {
	terminal bool

	mu    sync.Mutex
	w     io.Writer
	width func() int
	shown string
}

func newScreen(w io.Writer) *screen {
	s := &screen{w: w, width: func() int { return 80 }}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		s.terminal = true
		s.width = func() int {
			if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
				return width
			}
			return 80
		}
	}
	return s
}

// clearLine is ECMA-48's erase in line, after going to its start.
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

// overview has the counters of all captures of the process. Its methods may be called from any goroutine. The zero value has none.
type overview struct {
	mu    sync.Mutex
	all   []func() jetcapture.Stats
	ended int
}

// add adds a capture. end is called when the capture has ended: its counters stay, and it holds nothing more.
func (o *overview) add(stats func() jetcapture.Stats) (end func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	i := len(o.all)
	o.all = append(o.all, stats)
	return func() {
		s := stats()
		last := jetcapture.Stats{State: s.State, Messages: s.Messages, Dead: s.Dead}
		o.mu.Lock()
		defer o.mu.Unlock()
		o.all[i] = func() jetcapture.Stats { return last }
		o.ended++
	}
}

// stats returns the counters of the one capture, or the sums of several.
func (o *overview) stats() (sum jetcapture.Stats) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch len(o.all) {
	case 0:
		return jetcapture.Stats{State: "connecting"}
	case 1:
		return o.all[0]()
	}
	for _, stats := range o.all {
		s := stats()
		sum.Messages += s.Messages
		sum.Dead += s.Dead
		sum.OpenBlocks += s.OpenBlocks
		sum.Memory += s.Memory
		sum.Spooled += s.Spooled
		sum.Lag += left(s)
	}
	sum.State = jetcapture.State(counted(int64(len(o.all)), "capture"))
	if o.ended > 0 {
		sum.State += jetcapture.State(", " + thousands(int64(o.ended)) + " ended")
	}
	return sum
}

// rateOver is the time over which rates are taken.
const rateOver = 5 * time.Second

// progress makes the progress line.
type progress struct{ past []sample }

// sample is a moment of a capture.
type sample struct {
	at       time.Time
	messages int64
	left     uint64
}

// line returns the line at the time now.
func (p *progress) line(now time.Time, s jetcapture.Stats) string {
	current := sample{now, s.Messages, left(s)}
	for len(p.past) > 1 && now.Sub(p.past[1].at) >= rateOver {
		p.past = p.past[1:]
	}
	p.past = append(p.past, current)
	oldest := p.past[0]
	seconds := now.Sub(oldest.at).Seconds()
	parts := []string{string(s.State), counted(s.Messages, "message")}
	if seconds > 0 {
		parts = append(parts, thousands(int64(float64(current.messages-oldest.messages)/seconds))+"/s")
	}
	parts = append(parts, "lag "+thousands(int64(current.left)), counted(s.OpenBlocks, "open block"), byteText(s.Memory+s.Spooled)+" held")
	if d, ok := timeLeft(oldest, current, seconds); ok {
		parts = append(parts, d.String()+" left")
	}
	if s.Dead > 0 {
		parts = append(parts, counted(s.Dead, "dead letter"))
	}
	return strings.Join(parts, ", ")
}

// left is how many messages are still to be read.
func left(s jetcapture.Stats) uint64 {
	if s.Target == 0 {
		return s.Lag
	}
	if s.LastSeq >= s.Target {
		return 0
	}
	return min(s.Lag, s.Target-s.LastSeq)
}

// caughtUp is how many messages of lag are no backlog worth a forecast.
const caughtUp = 1000

// timeLeft is when the backlog will be read if it goes on shrinking as it does.
func timeLeft(oldest, current sample, seconds float64) (time.Duration, bool) {
	if current.left <= caughtUp || oldest.left <= current.left || seconds <= 0 {
		return 0, false
	}
	rate := float64(oldest.left-current.left) / seconds
	return time.Duration(float64(current.left) / rate * float64(time.Second)).Round(time.Second), true
}

// thousands prints a number in groups of three digits.
func thousands(n int64) string {
	digits := fmt.Sprint(n)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// counted prints a number of things; what is their name in the singular, which gets an s at its end.
func counted(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return thousands(n) + " " + what + "s"
}

// byteText prints a size in the largest binary unit in which it is at least 1.
func byteText(n int64) string {
	for _, u := range units()[:4] {
		if n >= u.bytes {
			return fmt.Sprintf("%.1f %s", float64(n)/float64(u.bytes), u.name)
		}
	}
	return fmt.Sprintf("%d B", n)
}
