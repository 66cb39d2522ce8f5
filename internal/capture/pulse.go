package capture

import (
	"sync"
	"sync/atomic"
	"time"
)

// phase is what the loop is busy with.
type phase uint64

const (
	resting  phase = iota // it waits for a batch, or for room, and says so itself
	awaiting              // the decoders' goroutines have the batch
	taking                // decoder, writer and spool, for one message after the other
	cutting               // the server is asked whether what was read may be cut
	phases
)

// slowBeats is how many beats in one phase are worth telling: a second, at a beat each tickEvery.
const slowBeats = int(time.Second / tickEvery)

// pulse beats beside the loop, which sees neither clock nor context while user code takes its time: a decoder that needs a
// second for a message needs minutes for a batch. Each beat makes the loop look at both before the next message, and tells
// the observer what holds the loop up.
type pulse struct {
	due      atomic.Bool   // the loop is to look
	busy     atomic.Uint64 // the phase, and above it a number, so that two batches are two values
	serial   uint64        // the newest number; the loop's
	calls    *sync.Mutex   // held while the decoder runs in the loop
	observer Observer
	end      chan struct{}
	joined   sync.WaitGroup
}

// startPulse begins to beat.
func startPulse(k *Maker) *pulse {
	p := &pulse{calls: k.calls, observer: k.observer, end: make(chan struct{})}
	p.joined.Go(p.run)
	return p
}

// stop ends the goroutine of the pulse and waits for it.
func (p *pulse) stop() {
	close(p.end)
	p.joined.Wait()
	p.observer.Observe(HeldUp{})
}

// enter notes what the loop does from now on. The returned function goes back to what it did before. Only the loop calls
// both.
func (p *pulse) enter(ph phase) (back func()) {
	before := p.busy.Load()
	p.serial++
	p.busy.Store(p.serial*uint64(phases) + uint64(ph))
	return func() { p.busy.Store(before) }
}

// run is the goroutine of the pulse.
func (p *pulse) run() {
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	last, beats := uint64(0), 0
	told := State("")
	for {
		select {
		case <-p.end:
			return
		case <-tick.C:
		}
		p.due.Store(true)
		now := p.busy.Load()
		if beats++; now != last {
			last, beats = now, 0
		}
		cause := State("")
		if beats >= slowBeats {
			cause = p.cause(phase(now % uint64(phases)))
		}
		if cause != told {
			told = cause
			p.observer.Observe(HeldUp{State: cause})
		}
	}
}

// cause is the state of a run whose loop has been in a phase for long.
func (p *pulse) cause(ph phase) State {
	switch ph {
	case awaiting:
		return StateDecoder
	case cutting:
		return StateServer
	case taking:
		if !p.calls.TryLock() {
			return StateDecoder
		}
		p.calls.Unlock()
		return StateWriter
	}
	return ""
}
