// Package stopsignal tells a program when a user or a supervisor wants it to stop, and when they do not want to wait
// for that any longer.
package stopsignal

import (
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"
)

// ExitCode is that of a program which gave up at the second signal, as a shell reports an interrupt.
const ExitCode = 130

// Echo is the time within which a repeat of the first signal is not a second one: `timeout` and some supervisors send
// each signal to the process and to its group.
const Echo = 500 * time.Millisecond

// HangUps passes a SIGHUP on to the part of a program that takes it for something else than a stop. Its zero value
// passes none on, and neither does nil. Its methods may be called from any goroutine.
type HangUps struct {
	taken atomic.Pointer[chan os.Signal]
}

// Take returns a channel that gets the SIGHUPs from now on, until release is called; they stop nothing then. Several
// that nobody has received are one. Only one part of a program takes them.
func (h *HangUps) Take() (signals <-chan os.Signal, release func()) {
	taken := make(chan os.Signal, 1)
	if h == nil {
		return taken, func() {}
	}
	h.taken.Store(&taken)
	return taken, func() { h.taken.Store(nil) }
}

// pass reports whether somebody takes the signal.
func (h *HangUps) pass(s os.Signal) bool {
	if h == nil || s != syscall.SIGHUP {
		return false
	}
	taken := h.taken.Load()
	if taken == nil {
		return false
	}
	select {
	case *taken <- s:
	default: // one waits already
	}
	return true
}

// Notify returns channels that get the first and the second SIGINT, SIGTERM or SIGHUP of the process, one value each,
// but for those that hangUps takes. end stops that, and the signals have their usual effect again; it must be called,
// unless the process exits. A SIGHUP that the process was started to ignore, by nohup, stays ignored. It is never a
// second signal: systemd may send one with SIGTERM, and a terminal that closes several.
func Notify(hangUps *HangUps) (first, second <-chan os.Signal, end func()) {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(signals, syscall.SIGHUP)
	}
	one, two := make(chan os.Signal, 1), make(chan os.Signal, 1)
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		sort(signals, one, two, done, hangUps)
	}()
	return one, two, func() {
		signal.Stop(signals)
		close(done)
		<-ended
	}
}

// OutlivePipes makes a write to the standard output or error return an error when their reader has gone. Without it Go
// ends the process with SIGPIPE. end stops that.
func OutlivePipes() (end func()) {
	pipes := make(chan os.Signal, 1) // nobody reads it
	signal.Notify(pipes, syscall.SIGPIPE)
	return func() { signal.Stop(pipes) }
}

// sort passes signals on until done.
func sort(signals <-chan os.Signal, one, two chan<- os.Signal, done <-chan struct{}, hangUps *HangUps) {
	var first os.Signal
	var came time.Time
	for {
		select {
		case <-done:
			return
		case s := <-signals:
			switch {
			case hangUps.pass(s):
			case first == nil:
				first, came = s, time.Now()
				one <- s
			case s == syscall.SIGHUP, (s == first || first == syscall.SIGHUP) && time.Since(came) < Echo:
			default:
				two <- s
				return
			}
		}
	}
}
