package main

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jetcapture/jetcapture"
)

// overview has the counters of all captures of the process. Its methods may be called from any goroutine. The zero
// value is an overview of no captures.
type overview struct {
	mu    sync.Mutex
	all   []*tracked
	ended int
}

// tracked is one capture.
type tracked struct {
	name  string
	stats func() jetcapture.Stats
	ended bool
}

// add adds a capture. The caller calls end when the capture has ended: then its counters stay, and it holds nothing.
func (o *overview) add(name string, stats func() jetcapture.Stats) (end func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	c := &tracked{name: name, stats: stats}
	i := slices.IndexFunc(o.all, func(c *tracked) bool { return c.name == name && c.ended })
	if i >= 0 { // it is tried again
		o.all[i] = c
		o.ended--
	} else {
		o.all = append(o.all, c)
	}
	return func() {
		s := stats()
		last := jetcapture.Stats{State: s.State, Messages: s.Messages, Dead: s.Dead}
		o.mu.Lock()
		defer o.mu.Unlock()
		c.stats, c.ended = func() jetcapture.Stats { return last }, true
		o.ended++
	}
}

// remove forgets a capture that has ended.
func (o *overview) remove(name string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	before := len(o.all)
	o.all = slices.DeleteFunc(o.all, func(c *tracked) bool { return c.name == name && c.ended })
	o.ended -= before - len(o.all)
}

// stats returns the state and the counters of the one capture, or the sums of several. The state is for people.
func (o *overview) stats() (state string, sum jetcapture.Stats) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch len(o.all) {
	case 0:
		return "connecting", sum
	case 1:
		sum = o.all[0].stats()
		return string(sum.State), sum
	}
	for _, c := range o.all {
		s := c.stats()
		sum.Messages += s.Messages
		sum.Dead += s.Dead
		sum.OpenBlocks += s.OpenBlocks
		sum.Memory += s.Memory
		sum.Spooled += s.Spooled
		sum.Lag += left(s)
	}
	state = counted(int64(len(o.all)), "capture")
	if o.ended > 0 {
		state += ", " + thousands(int64(o.ended)) + " ended"
	}
	return state, sum
}

// begun is how many captures read, or have ended.
func (o *overview) begun() (n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, c := range o.all {
		if c.ended || c.stats().State != jetcapture.StateStarting {
			n++
		}
	}
	return n
}

// of returns the counters of a capture that has not ended.
func (o *overview) of(name string) (s jetcapture.Stats, found bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, c := range o.all {
		if c.name == name && !c.ended {
			return c.stats(), true
		}
	}
	return s, false
}

// running returns the counters of the captures that have not ended, by their names.
func (o *overview) running() map[string]jetcapture.Stats {
	o.mu.Lock()
	defer o.mu.Unlock()
	running := map[string]jetcapture.Stats{}
	for _, c := range o.all {
		if !c.ended {
			running[c.name] = c.stats()
		}
	}
	return running
}

// logProgressEvery is how often the log says how far a capture is.
const logProgressEvery = time.Minute

// storing are the attributes of the log that say how far a cut is.
func storing(s jetcapture.Storing) (attrs []any) {
	if s.Cut == 0 {
		return nil
	}
	attrs = []any{"cut", s.Cut, "files", s.Files, "of_files", s.Of}
	if s.ReadTo > 0 {
		attrs = append(attrs, "read_again", s.Read, "of_sequences", s.ReadTo)
	}
	return attrs
}

// storingText says how far a cut is that has several files, or that is read again.
func storingText(s jetcapture.Storing) string {
	switch {
	case s.ReadTo > 0 && s.Read < s.ReadTo:
		return fmt.Sprintf("read again %s of %s", thousands(int64(s.Read)), thousands(int64(s.ReadTo)))
	case s.Of > 1:
		return fmt.Sprintf("%s of %s files stored", thousands(int64(s.Files)), thousands(int64(s.Of)))
	}
	return ""
}

// rateOver is the time over which rates are averaged.
const rateOver = 5 * time.Second

// progress makes the progress line. One goroutine uses it.
type progress struct{ past []sample }

// sample is what the counters were at one moment.
type sample struct {
	at       time.Time
	messages int64
	left     uint64
}

// line returns the line for the state and the counters at the time now.
func (p *progress) line(now time.Time, state string, s jetcapture.Stats) string {
	current := sample{now, s.Messages, left(s)}
	for len(p.past) > 1 && now.Sub(p.past[1].at) >= rateOver {
		p.past = p.past[1:]
	}
	p.past = append(p.past, current)
	oldest := p.past[0]
	seconds := now.Sub(oldest.at).Seconds()
	parts := []string{state, counted(s.Messages, "message")}
	if seconds > 0 {
		parts = append(parts, thousands(int64(float64(current.messages-oldest.messages)/seconds))+"/s")
	}
	parts = append(parts, "lag "+thousands(int64(current.left)), counted(s.OpenBlocks, "open block"),
		byteText(s.Memory+s.Spooled)+" held")
	if d, ok := timeLeft(oldest, current, seconds); ok {
		parts = append(parts, d.String()+" left")
	}
	if text := storingText(s.Storing); text != "" {
		parts = append(parts, text)
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

// caughtUp is the lag up to which a forecast is not worth while.
const caughtUp = 1000

// timeLeft is how long the backlog will take if it goes on shrinking at this rate.
func timeLeft(oldest, current sample, seconds float64) (time.Duration, bool) {
	if current.left <= caughtUp || oldest.left <= current.left || seconds <= 0 {
		return 0, false
	}
	rate := float64(oldest.left-current.left) / seconds
	return time.Duration(float64(current.left) / rate * float64(time.Second)).Round(time.Second), true
}
