//go:build unix

package crashtest_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/internal/crashtest"
	"github.com/jetcapture/jetcapture/internal/fleet"
	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/nats-io/nats.go/jetstream"
)

// fleetLease is the lease of TestFleet.
const fleetLease = 2 * time.Second

// crew is a fleet of processes over three servers that can be cut off from one another.
type crew struct {
	*testing.T
	*natstest.Cluster
	rand     *rand.Rand
	folder   string // an archive for each stream
	tmp      string // of all workers, as on one machine: they choose different names there
	streams  []string
	loads    []*crashtest.Load
	fleets   []*fleet.Fleet // the fleet as the test sees it through each of the servers
	js       []jetstream.JetStream
	eye      int // the server through which the test looks now
	machines []*machine
	blow     string // that is dealt now
	counts   *tally
	times    *heldAgain
}

// machine is where a worker runs. It reaches each server through a proxy of its own.
type machine struct {
	name   string // of the worker: that of the machine, and how many came before
	hired  int
	links  []*natstest.Proxy
	worker *crashtest.Child
}

// heldAgain has the times until each task was held again: after a blow to workers, and after one to servers, whose
// elections take some seconds. once has those until, after a worker has come back, each task was held once.
type heldAgain struct{ workers, servers, once []time.Duration }

// TestFleet kills, freezes and stops the workers of a fleet, cuts them off, restarts its servers and cuts those off,
// while messages are published to all of its streams: in the end each archive holds each message of its stream once.
// After each blow every task is held again.
func TestFleet(t *testing.T) {
	t.Parallel()
	counts, times := newTally(), &heldAgain{}
	n, streams, rate, blows := *seeds, 50, 10, 40
	if n == 0 {
		n, streams, rate, blows = 1, 4, 50, len(fleetBlows())
	}
	t.Run("seeds", func(t *testing.T) {
		for seed := *fromSeed; seed < *fromSeed+n; seed++ {
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				c := newCrew(t, seed, counts, times)
				c.begin(streams, rate)
				c.suffer(blows)
				c.judge()
				counts.add("ends", 1)
			})
		}
	})
	times.report(t)
	counts.report(t, "workers killed", "workers frozen", "workers stopped", "workers cut off", "servers restarted",
		"servers cut off", "step-downs", "ends")
}

// newCrew starts the servers.
func newCrew(t *testing.T, seed uint64, counts *tally, times *heldAgain) *crew {
	c := &crew{
		T: t, Cluster: natstest.StartProxiedCluster(t, 3), rand: rand.New(rand.NewPCG(seed, 3)), counts: counts,
		times: times, folder: t.TempDir(), tmp: t.TempDir(),
	}
	for _, s := range c.Servers {
		nc := s.Connect()
		f, err := fleet.New(nc, "", "")
		if err != nil {
			t.Fatal(err)
		}
		c.fleets, c.js = append(c.fleets, f), append(c.js, natstest.JetStream(t, nc))
	}
	for _, name := range []string{"ann", "ben", "cid", "dan"} {
		m := &machine{name: name}
		for _, s := range c.Servers {
			m.links = append(m.links, natstest.NewProxy(t, s.Addr()))
		}
		c.machines = append(c.machines, m)
	}
	return c
}

// begin makes streams under load, a fleet with a task for each of them, and its workers.
func (c *crew) begin(streams, rate int) {
	c.Helper()
	nc := c.Connect()
	var file strings.Builder
	file.WriteString("max_age: 1s\nmax_idle: 500ms\ncaptures:\n")
	for i := range streams {
		name := fmt.Sprintf("CREW-%d", i)
		c.streams = append(c.streams, name)
		natstest.CreateStream(c, nc, jetstream.StreamConfig{Name: name, Replicas: 3})
		subject := strings.ToLower(name) + ".x"
		c.loads = append(c.loads, crashtest.StartLoad(c, c.Connect(), rate, func(int) string { return subject }))
		fmt.Fprintf(&file, "  %s: {stream_name: %s, output: %q}\n", name, name, filepath.Join(c.folder, name))
	}
	path := filepath.Join(c.TempDir(), "captures.yaml")
	if err := os.WriteFile(path, []byte(file.String()), 0o600); err != nil {
		c.Fatal(err)
	}
	for _, args := range [][]string{
		{"fleet", "init", "--replicas", "3", "--lease", fleetLease.String()}, {"fleet", "apply", "-f", path},
	} {
		if child := c.command(c.URL(), args...); child.Wait() != 0 {
			c.Fatalf("%v: %s", args, child.Log())
		}
	}
	for _, m := range c.machines {
		c.hire(m)
	}
	c.awaitHeld()
}

// command starts jetcapture.
func (c *crew) command(url string, args ...string) *crashtest.Child {
	c.Helper()
	return crashtest.Start(c, must(c, built.command), []string{"NATS_URL=" + url, "TMPDIR=" + c.tmp}, args...)
}

// hire starts a worker on a machine.
func (c *crew) hire(m *machine) {
	urls := make([]string, len(m.links))
	for i, p := range m.links {
		urls[i] = p.URL()
	}
	m.hired++
	m.name = fmt.Sprintf("%s-%d", strings.TrimRight(m.name, "-0123456789"), m.hired)
	m.worker = c.command(strings.Join(urls, ","), "worker", "--worker", m.name)
}

// awaitHeld waits until each task is held by a worker that answers, and returns how long that took.
func (c *crew) awaitHeld() time.Duration {
	c.Helper()
	return c.await("worker for each task", func(n int) bool { return n > 0 })
}

// awaitOnce waits until each task is held by one worker alone, and returns how long that took.
func (c *crew) awaitOnce() time.Duration {
	c.Helper()
	return c.await("worker alone with each task", func(n int) bool { return n == 1 })
}

// await waits until the number of its workers is good for each task. It returns how long that took while the queue had
// its leaders and answered within a third of the lease. Otherwise nobody can take a task, or renew one, and time begins
// again: NATS elects a leader, or the machine is too busy for a lease of two seconds.
func (c *crew) await(what string, good func(n int) bool) time.Duration {
	c.Helper()
	began, led := time.Now(), c.leaders()
	natstest.Eventually(c, crashtest.Patience, what, func() bool {
		held := c.held()
		if !slices.ContainsFunc(c.streams, func(name string) bool { return !good(held[name]) }) {
			return true
		}
		asked := time.Now()
		if now := c.leaders(); now == "" || now != led || time.Since(asked) > fleetLease/3 {
			c.counts.add("elections and slow answers while waiting", 1)
			began, led = time.Now(), now
		}
		return false
	})
	return time.Since(began)
}

// held says how many workers have each task.
func (c *crew) held() map[string]int {
	held := map[string]int{}
	members, err := c.fleets[c.eye].Workers(c.Context(), false)
	if err != nil {
		return held
	}
	for _, m := range members {
		for _, t := range m.Tasks {
			if t.Ending == "" {
				held[t.Name]++
			}
		}
	}
	return held
}

// leaders names the servers that lead the queue and its consumer; empty if the queue does not answer.
func (c *crew) leaders() string {
	queue, workers := c.queue()
	if queue == nil || workers == nil || queue.Leader == "" || workers.Leader == "" {
		return ""
	}
	return queue.Leader + " " + workers.Leader
}

// queue returns the groups of servers that have the queue and its consumer, nil if they do not answer.
func (c *crew) queue() (queue, workers *jetstream.ClusterInfo) {
	ctx, cancel := context.WithTimeout(c.Context(), fleetLease)
	defer cancel()
	s, err := c.js[c.eye].Stream(ctx, c.fleets[0].Stream())
	if err != nil {
		return nil, nil
	}
	consumer, err := s.Consumer(ctx, "workers")
	if err != nil {
		return s.CachedInfo().Cluster, nil
	}
	return s.CachedInfo().Cluster, consumer.CachedInfo().Cluster
}

// report prints the times.
func (h *heldAgain) report(t *testing.T) {
	t.Helper()
	for _, one := range []struct {
		after string
		times []time.Duration
	}{
		{"each task was held again after a blow to a worker", h.workers},
		{"each task was held again after a blow to servers", h.servers},
		{"each task was held once after a worker was back", h.once},
	} {
		if n := len(one.times); n > 0 {
			slices.Sort(one.times)
			t.Logf("%s: %d times, median %v, longest %v; the lease is %v", one.after, n,
				one.times[n/2].Round(10*time.Millisecond), one.times[n-1].Round(10*time.Millisecond), fleetLease)
		}
	}
}

// judge waits until everything is stored, stops the workers, and judges each archive.
func (c *crew) judge() {
	c.Helper()
	published := 0
	for i, name := range c.streams {
		all := c.loads[i].Stop()
		published += len(all)
		last := all[len(all)-1].Seq
		natstest.Eventually(c, crashtest.Patience, "stored capture "+name, func() bool {
			to, err := crashtest.StoredTo(filepath.Join(c.folder, name), name)
			return err == nil && to >= last
		})
		defer func() {
			a := crashtest.ReadArchive(c, filepath.Join(c.folder, name), name)
			crashtest.ExactlyOnce(c, a, all)
			if lost := a.Lost(); len(lost) > 0 || len(a.Incarnations()) != 1 {
				c.Errorf("%s: lost %v, incarnations %v: the stream has lost nothing", name, lost, a.Incarnations())
			}
		}()
	}
	for _, m := range c.machines {
		m.worker.Signal(syscall.SIGTERM)
	}
	for _, m := range c.machines {
		if code := m.worker.Wait(); code != 0 {
			c.Errorf("a worker ended with code %d", code)
		}
	}
	c.counts.add("messages", published)
}
