package capture

import (
	"sync"
	"sync/atomic"
	"time"
)

// phase is what the loop is doing, as far as it can take long.
type phase uint64

const (
	resting  phase = iota // it waits for a batch or for room, and reports that itself
	awaiting              // it waits for the decode workers
	taking                // it calls decoder, writer and spool, message by message
	cutting               // it asks the server whether what was read may be cut
	phases                // number of phases
)

// slowBeats is how many beats in one phase are worth a report: a second of beats, of which there is one each tickEvery.
const slowBeats = int(time.Second / tickEvery)

// pulse is a goroutine that beats beside the loop, because the loop sees neither clock nor context while user code
// takes its time: a decoder that needs a second for a message needs minutes for a batch. Each beat makes the loop look
// at both before the next message. If the loop stays in one phase, the beat reports what holds it up. The goroutine
// ends when the loop rests, and the next batch starts it again.
type pulse struct {
	due      atomic.Bool   // set by each beat; the loop looks at clock and context, and clears it
	busy     atomic.Uint64 // set by the loop: the phase, and a serial number above it, so that two batches differ
	beating  atomic.Bool   // the goroutine runs
	serial   uint64        // the newest serial number; owned by the loop
	calls    *sync.Mutex   // Maker.calls, which is held while the decoder runs in the loop
	observer Observer
	end      chan struct{} // closed by stop
	joined   sync.WaitGroup
}

// startPulse returns a pulse that beats while the loop does not rest.
func startPulse(k *Maker) *pulse {
	return &pulse{calls: k.calls, observer: k.observer, end: make(chan struct{})}
}

// stop ends the goroutine of the pulse and waits for it.
func (p *pulse) stop() {
	close(p.end)
	p.joined.Wait()
	p.observer.Observe(HeldUp{})
}

// enter notes what the loop does from now on. The returned function notes that the loop goes on with what it did
// before. Only the loop calls the two.
func (p *pulse) enter(ph phase) (back func()) {
	before := p.busy.Load()
	p.serial++
	p.busy.Store(p.serial*uint64(phases) + uint64(ph))
	if ph != resting && !p.beating.Load() && p.beating.CompareAndSwap(false, true) {
		p.joined.Go(p.run)
	}
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
		if beats >= slowBeats && phase(now%uint64(phases)) == resting && told == "" && p.rests() {
			return
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

// rests ends the beats, unless the loop has begun to do something meanwhile.
func (p *pulse) rests() bool {
	p.beating.Store(false)
	return phase(p.busy.Load()%uint64(phases)) == resting || !p.beating.CompareAndSwap(false, true)
}

// cause returns the state of a run whose loop has been in a phase for long. In phase taking, the lock tells whether the
// decoder runs or the writer.
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
