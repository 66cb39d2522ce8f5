package exactlyonce

import (
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/internal/capture"
)

// The simulation of the loop. Processes run the real capture.Run and Keeper side by side, in a bubble of
// testing/synctest. The store and the stream are in memory, and each operation on them takes a drawn time and may
// fail. Everything else is real: feed, decoders, pulse, spool, retries, tickers. In the end internal/oracle reads the
// archive.
//
// Durable consumers are left to the tests with a server.

var errFault = errors.New("injected fault")

// world is what the processes of one schedule share.
type world struct {
	t       *testing.T
	seed    uint64
	mutant  mutant
	filter  []string
	rng     *rand.Rand // owned by the goroutine that plays the schedule
	began   time.Time
	traced  bool
	objects *bucket.Mem
	calm    atomic.Bool    // the faults are over
	late    sync.WaitGroup // joins requests that are carried out later
	procs   []*process     // owned by the goroutine that plays the schedule
	fair    bool           // nothing but the end of a window makes a cut

	mu       sync.Mutex // guards the fields below
	cur      *branch
	branches []*branch
	changed  chan struct{} // closed when something is published, or the stream is another one
	vals     int           // messages published so far
	clock    time.Duration // of the stream's leader, compared with ours
	inFlight int           // requests of late
	met      map[string]int
	cuts     int // cuts that were reported as done

	// Of a scenario:
	blind  int               // so many of the next consumers pass over messages for sure
	before map[string]func() // what happens just before somebody asks the stream something
}

// newWorld returns a world with an empty store and an empty stream.
func newWorld(t *testing.T, seed uint64, m mutant) *world {
	w := &world{
		t: t, seed: seed, mutant: m, rng: rand.New(rand.NewPCG(seed, 0x6c6f6f70)), began: time.Now(), traced: *traced,
		objects: bucket.NewMem(), met: map[string]int{},
	}
	if seed%3 == 0 {
		w.filter = []string{"k.>"}
	}
	w.recreate()
	return w
}

// trace tells what happens.
func (w *world) trace(format string, args ...any) {
	if w.traced {
		w.t.Logf("%9.3f "+format, append([]any{time.Since(w.began).Seconds()}, args...)...)
	}
}

// meet counts something that a schedule should go through.
func (w *world) meet(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.met[what]++
}

// wait lets time pass.
func (w *world) wait(d time.Duration) { <-time.After(d) }

// later carries out a request when d has passed.
func (w *world) later(d time.Duration, request func()) {
	w.mu.Lock()
	w.inFlight++
	w.mu.Unlock()
	w.late.Go(func() {
		w.wait(d)
		request()
		w.mu.Lock()
		w.inFlight--
		w.mu.Unlock()
	})
}

// quiet reports whether no request is still to be carried out.
func (w *world) quiet() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.inFlight == 0
}

// dice draws what the operations of a process meet. A draw depends on the seed, the process, the operation and how
// often it was tried before, and not on what other goroutines draw. Otherwise a schedule would not be a function of
// its seed: among goroutines that run at the same instant, nobody knows which is first.
type dice struct {
	seed  uint64
	owner string

	mu     sync.Mutex
	thrown map[string]int // how often was drawn for an operation
}

// draw returns a number from [0, n).
func (d *dice) draw(operation string, n int) int {
	d.mu.Lock()
	d.thrown[operation]++
	times := d.thrown[operation]
	d.mu.Unlock()
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%d/%s/%s/%d", d.seed, d.owner, operation, times)
	return rand.New(rand.NewPCG(h.Sum64(), d.seed)).IntN(n)
}

// jitter draws a duration from [0, n).
func (d *dice) jitter(operation string, n time.Duration) time.Duration {
	return time.Duration(d.draw("jitter of "+operation, int(n)))
}

// eyes is the capture.Observer of a process.
type eyes struct{ p *process }

// Observe implements capture.Observer. Nobody hears what a dead process says.
func (e eyes) Observe(event capture.Event) {
	if e.p.isDead() {
		return
	}
	w := e.p.w
	switch event := event.(type) {
	case capture.Changed:
		e.p.reads.Store(true) // it tells no state before that
		return
	case capture.Taken, capture.Used, capture.HeldUp:
		return
	case capture.CutDone:
		w.mu.Lock()
		w.cuts++
		w.mu.Unlock()
		w.meet("cut for " + event.Reason)
		if event.Redone {
			w.meet("Redone")
		}
	case capture.Lost:
		w.meet("Lost " + event.Reason)
	}
	w.meet(fmt.Sprintf("%T", event)[len("capture."):])
	w.trace("%s: %T%+v", e.p.name, event, event)
}
