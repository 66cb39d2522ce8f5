package exactlyonce

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jetcapture/jetcapture/internal/engine"
)

// Scenarios are stories that schedules have told, without their other faults.

// tell plays a story in worlds without faults at random, in which operations take different times. In the end one
// process must find or make everything.
func tell(t *testing.T, story func(w *world)) {
	for seed := range uint64(6) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, seed, sound)
			w.calm.Store(true)
			story(w)
			if err := errors.Join(w.settle(), w.end()); err != nil {
				t.Errorf("seed %d: %v", seed, err)
			}
		})
	}
}

// until waits until something was met so many times.
func (w *world) until(what string, times int) {
	for range 1000 {
		w.mu.Lock()
		met := w.met[what]
		w.mu.Unlock()
		if met >= times {
			return
		}
		w.wait(100 * time.Millisecond)
	}
	w.t.Errorf("nobody met %q", what)
}

// What two consumers have passed over is read from the stream itself. Then the stream loses its newest message, and
// gets another one at its place, before a message has come through the third consumer.
func TestLoopSimulationOfARollbackBehindADoubt(t *testing.T) {
	tell(t, func(w *world) {
		w.mu.Lock()
		w.blind = 2
		w.mu.Unlock()
		w.publish(7)
		w.launch("a")
		w.until("Unwitnessed", 2)
		w.wait(5 * time.Second) // a cut comes when nothing was published for longer
		w.rollBack(1)
		w.publish(5)
		w.wait(2 * time.Minute)
	})
}

// The stream is rolled back while that part is read: some of it is older, and some newer.
func TestLoopSimulationOfARollbackAmidADoubt(t *testing.T) {
	for at := 2; at <= 7; at++ {
		tell(t, func(w *world) {
			w.mu.Lock()
			w.blind = 2
			w.mu.Unlock()
			w.publish(7)
			w.launch("a")
			w.until("Unwitnessed", 2)
			w.mu.Lock()
			w.before = map[string]func(){fmt.Sprint("get ", at): func() {
				w.rollBack(6)
				w.publish(10)
			}}
			w.mu.Unlock()
			w.procs[0].dieAt(engine.AfterDone) // what its reader has found is forgotten
			w.until("rollback", 1)
			w.wait(2 * time.Minute)
		})
	}
}

// The stream is recreated between the look at it and the question about what a consumer has passed over. The new stream
// knows nothing of that.
func TestLoopSimulationOfAWitnessOfAnotherStream(t *testing.T) {
	tell(t, func(w *world) {
		w.mu.Lock()
		w.blind = 1
		recreate := func() {
			w.recreate()
			w.publish(1)
		}
		w.before = map[string]func(){"deleted": recreate}
		for seq := range 7 { // with a filter, the witness is asked like this
			w.before[fmt.Sprint("next from ", seq+1)] = recreate
		}
		w.mu.Unlock()
		w.publish(7)
		w.launch("a")
		w.until("Diverged", 1)
	})
}

// The stream is rolled back before a redo reads it. What it has now at a planned sequence could not be written.
func TestLoopSimulationOfARollbackAmidARedo(t *testing.T) {
	tell(t, func(w *world) {
		w.publish(15)
		w.launch("a")
		w.until("Entered", 1)
		w.procs[0].dieAt(engine.AfterPlan)
		w.until("death "+engine.AfterPlan, 1)
		w.mu.Lock()
		w.before = map[string]func(){"consumer": func() {
			w.rollBack(14)
			w.publish(15) // the second of them is one that the decoder leaves out
		}}
		w.mu.Unlock()
		w.launch("a")
		w.until("Diverged", 1)
	})
}

// A process dies after its plan, and the consumer of the redo passes over a message of it.
func TestLoopSimulationOfARedoInDoubt(t *testing.T) {
	tell(t, func(w *world) {
		w.publish(7)
		w.launch("a")
		w.until("Entered", 1)
		w.procs[0].dieAt(engine.AfterPlan)
		w.until("death "+engine.AfterPlan, 1)
		w.mu.Lock()
		w.blind = 1
		w.mu.Unlock()
		w.launch("a")
		w.until("Redone", 1)
		w.until("Recovered", 1)
	})
}

// A steady stream is captured for an hour, by a process and by one that follows it when it is killed. Only the ends of
// windows make cuts. Each directory stands for a key and a window, and has one file in the end.
func TestLoopSimulationOfOneFileForEachKeyAndWindow(t *testing.T) {
	for seed := range uint64(6) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, seed, sound)
			w.calm.Store(true)
			w.fair = true
			w.launch("a")
			for range 60 * 60 / 4 {
				w.publish(1 + w.rng.IntN(5))
				w.wait(time.Duration(w.rng.IntN(8000)) * time.Millisecond)
			}
			if err := errors.Join(w.settle(), w.end()); err != nil {
				t.Errorf("seed %d: %v", seed, err)
			}
			files := w.filesByDirectory()
			for dir, names := range files {
				if len(names) != 1 {
					t.Errorf("seed %d: %s has the files %v, want one", seed, dir, names)
				}
			}
			if len(files) < 100 || w.met["cut at the boundary for window"] < 10 {
				t.Errorf("seed %d: %d directories, %v", seed, len(files), w.met)
			}
		})
	}
}

// filesByDirectory returns the names of all files, dead letters included.
func (w *world) filesByDirectory() map[string][]string {
	files := map[string][]string{}
	for info, err := range w.objects.List(context.Background(), "", "") {
		if err != nil {
			w.t.Error(err)
			break
		}
		if !strings.HasPrefix(info.Name, "_jetcapture/") {
			dir, name := path.Split(info.Name)
			files[dir] = append(files[dir], name)
		}
	}
	return files
}
