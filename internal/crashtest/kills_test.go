//go:build unix

package crashtest_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/internal/crashtest"
	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	loadRate = 400
	loadKeys = 8
)

// event is what happens to the processes of a capture.
type event func(k *kills)

// eventsOf are the events of a seed: each kind, in an order and at times that the seed decides.
func eventsOf(r *rand.Rand) []event {
	all := []event{
		(*kills).kill, (*kills).kill, (*kills).kill, (*kills).killInCut, (*kills).killInCut, (*kills).killInCut,
		(*kills).pause, (*kills).pauseInCut, (*kills).twins, (*kills).contend,
	}
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// TestKills kills and pauses the real program at random moments, while messages are published without a pause. In the
// end the archive holds each of them once. A seed decides the moments, as far as the machine allows.
func TestKills(t *testing.T) {
	t.Parallel()
	n := max(*seeds, 1)
	counts := newTally()
	t.Run("seeds", func(t *testing.T) {
		for seed := *fromSeed; seed < *fromSeed+n; seed++ {
			for _, m := range []mode{modes()[0], modes()[3]} {
				t.Run(fmt.Sprintf("%d-%s", seed, m.name), func(t *testing.T) {
					t.Parallel()
					newKills(t, m, seed, counts).play()
				})
			}
		}
	})
	counts.report(t, "kills", "pauses", "twins", "redos", "cuts lost", "stood by", "ends")
}

// tally counts what a proof has covered.
type tally struct {
	mu sync.Mutex
	n  map[string]int
}

func newTally() *tally { return &tally{n: map[string]int{}} }

func (c *tally) add(what string, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n[what] += n
}

// report prints the counts and fails the test if a required one is zero.
func (c *tally) report(t *testing.T, needed ...string) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, what := range slices.Sorted(maps.Keys(c.n)) {
		t.Logf("%s: %d", what, c.n[what])
	}
	for _, what := range needed {
		if c.n[what] == 0 && !t.Failed() {
			t.Errorf("the proof has covered no %s", what)
		}
	}
}

// process is a running program and the name of its instance.
type process struct {
	*crashtest.Child
	instance string
}

// kills is one stream under load, and the processes that capture it.
type kills struct {
	*testing.T
	rand   *rand.Rand
	mode   mode
	srv    *natstest.Server
	folder string
	load   *crashtest.Load
	acks   *crashtest.AckWatch
	files  *crashtest.Immutable
	main   process
	counts *tally
	maxAge string
}

const killsStream = "LOAD"

func newKills(t *testing.T, m mode, seed uint64, counts *tally) *kills {
	t.Helper()
	// A client that is paused for longer than a second is dropped, as after minutes in production.
	srv := natstest.Start(t, func(o *server.Options) { o.PingInterval, o.MaxPingsOut = 400*time.Millisecond, 2 })
	nc := srv.Connect()
	natstest.CreateStream(t, nc,
		jetstream.StreamConfig{Name: killsStream, Retention: m.retention, Storage: jetstream.MemoryStorage})
	k := &kills{
		T: t, rand: rand.New(rand.NewPCG(seed, 1)), mode: m, srv: srv, folder: t.TempDir(), counts: counts,
		maxAge: []string{"2s", "1h"}[seed%2],
	}
	k.files = crashtest.NewImmutable(k.folder)
	k.load = crashtest.StartLoad(t, srv.Connect(), loadRate,
		func(i int) string { return fmt.Sprintf("load.key-%d.x", i%loadKeys) })
	if m.durable {
		k.acks = crashtest.StartAckWatch(t, natstest.JetStream(t, nc), killsStream, m.consumer(), k.folder)
	}
	return k
}

// start starts the program. An instance finishes its own unfinished cut at once, and that of another one after ten
// seconds.
func (k *kills) start(instance string, more ...string) process {
	k.Helper()
	args := []string{
		"run", "-s", killsStream, "-o", k.folder, "--nats-server", k.srv.URL(), "--key", "subject[2]",
		"--instance", instance, "--max-messages", "10", "--max-idle", "200ms", "--max-age", k.maxAge,
	}
	if k.mode.durable {
		args = append(args, "--consumer-name", k.mode.consumer())
	}
	return process{crashtest.Start(k, must(k.T, built.command), []string{"TMPDIR=" + k.TempDir()},
		append(args, more...)...), instance}
}

// play lets the events happen and judges the archive.
func (k *kills) play() {
	k.main = k.start("one")
	for _, e := range eventsOf(k.rand) {
		e(k)
		if k.main.Ended() {
			k.Fatalf("the process has ended by itself, with code %d", k.main.Wait())
		}
		k.files.Look(k)
	}
	published := k.load.Stop()
	// Before that, a signal ends the process as it ends any other.
	natstest.Eventually(k, crashtest.Patience, "process that has started",
		func() bool { return k.main.Said("capturing, each message") > 0 })
	k.main.Signal(syscall.SIGTERM)
	// A process that was paused may notice only now that others went on without it, or may be in the middle of a redo.
	if code := k.main.Wait(); code != 0 && k.main.Said("left to the next start") == 0 {
		k.Errorf("after SIGTERM the exit code is %d", code)
	}
	k.note(k.main)
	last := k.start("once", "--once")
	if code := last.Wait(); code != 0 {
		k.Errorf("the last run ended with code %d", code)
	}
	k.note(last)
	k.files.Look(k)
	if k.acks != nil {
		k.counts.add("looks at the ack floor", int(k.acks.Stop()))
	}
	a := crashtest.ReadArchive(k, k.folder, killsStream)
	crashtest.ExactlyOnce(k, a, published)
	if lost := a.Lost(); len(lost) > 0 || a.Absent() > 0 || len(a.Incarnations()) != 1 {
		k.Errorf("lost %v, absent %d, incarnations %v: the stream has lost nothing", lost, a.Absent(), a.Incarnations())
	}
	if left := crashtest.State(k, k.srv.Connect(), killsStream).Msgs; k.mode.deletes() && left > 0 {
		k.Errorf("%d messages are left in the stream", left)
	}
	k.counts.add("ends", 1)
	k.counts.add("messages", len(published))
	k.counts.add("cuts", len(a.Cuts))
}

// note counts what the log of an ended process says.
func (k *kills) note(c process) {
	k.counts.add("starts", 1)
	k.counts.add("redos", c.Said("finishing a cut that was planned before"))
	k.counts.add("cuts lost", c.Said("another writer was first"))
	k.counts.add("stood by", c.Said("standing by"))
	k.counts.add("disturbed", c.Said("the consumer is not where this reader left it"))
}

// doom kills a process and notes what it said.
func (k *kills) doom(c process) {
	k.Helper()
	c.Kill()
	k.counts.add("kills", 1)
	k.note(c)
}

// wait waits for a random time of 50 to 1500 ms.
func (k *kills) wait() {
	timer := time.NewTimer(50*time.Millisecond + time.Duration(k.rand.IntN(1450))*time.Millisecond)
	defer timer.Stop()
	<-timer.C
}

// kill kills the process at a random moment and starts it again.
func (k *kills) kill() {
	k.wait()
	k.doom(k.main)
	k.main = k.start(k.main.instance)
}

// killInCut kills it between a plan and its done record, if it catches such a moment.
func (k *kills) killInCut() {
	k.wait()
	k.untilCut()
	k.doom(k.main)
	k.main = k.start(k.main.instance)
}

// untilCut waits until there is a plan without done, but not for ever, because a process may be standing by.
func (k *kills) untilCut() {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); <-tick.C {
		if crashtest.Unfinished(k.folder, killsStream) {
			return
		}
	}
}

// free returns a name that no process has.
func (k *kills) free() string {
	if k.main.instance == "one" {
		return "two"
	}
	return "one"
}

func (k *kills) pause() {
	k.wait()
	k.zombie()
}

func (k *kills) pauseInCut() {
	k.wait()
	k.untilCut()
	k.zombie()
}

// zombie pauses the process, lets another one capture what is there, and wakes the first. Then both go on together
// until one is killed.
func (k *kills) zombie() {
	k.Helper()
	k.main.Signal(syscall.SIGSTOP)
	k.counts.add("pauses", 1)
	other := k.start("once", "--once")
	if code := other.Wait(); code != 0 {
		k.Errorf("beside a paused process, another one ended with code %d", code)
	}
	k.note(other)
	next := k.start(k.free())
	k.wait()
	k.main.Signal(syscall.SIGCONT)
	k.wait()
	k.survive(next)
}

// twins lets two processes capture the same stream until one is killed.
func (k *kills) twins() {
	k.counts.add("twins", 1)
	other := k.start(k.free())
	k.wait()
	k.wait()
	k.survive(other)
}

// contend lets two processes capture the same stream until one has noticed the other: it has lost a cut, or stands by.
func (k *kills) contend() {
	k.counts.add("twins", 1)
	other := k.start(k.free())
	sign := "another writer was first"
	if k.mode.durable {
		sign = "standing by"
	}
	natstest.Eventually(k, crashtest.Patience, "meeting of two processes", func() bool {
		return other.Said(sign) > 0 || k.main.Said(sign) > 0
	})
	k.wait()
	k.survive(other)
}

// survive kills one of two processes.
func (k *kills) survive(other process) {
	k.Helper()
	if other.Ended() {
		k.Fatalf("the other process has ended by itself, with code %d", other.Wait())
	}
	if k.rand.IntN(2) == 0 {
		k.main, other = other, k.main
	}
	k.doom(other)
}
