//go:build unix

package crashtest_test

import (
	"slices"
	"syscall"
	"time"

	"github.com/jetcapture/jetcapture/internal/crashtest"
	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/nats-io/nats.go/jetstream"
)

// fleetBlow is something that happens to the workers of a fleet, or to its servers.
type fleetBlow struct {
	name string
	deal func(*crew)
}

// fleetBlows returns all kinds.
func fleetBlows() []fleetBlow {
	return []fleetBlow{
		{"kill", (*crew).kill},
		{"freeze", (*crew).freeze},
		{"stop", (*crew).stop},
		{"cut off", (*crew).cutOff},
		{"restart", (*crew).restart},
		{"isolate", (*crew).isolate},
		{"step down", (*crew).stepDown},
		{"both", (*crew).both},
	}
}

// suffer deals so many blows. The seed decides their order; each kind comes equally often.
func (c *crew) suffer(blows int) {
	var all []fleetBlow
	for kinds := fleetBlows(); len(all) < blows; {
		all = append(all, kinds...)
	}
	c.rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	for i, blow := range all {
		c.blow = blow.name
		c.Logf("%s blow %d: %s", time.Now().Format(time.TimeOnly), i+1, blow.name)
		blow.deal(c)
	}
}

// anyone picks a machine whose worker has a task.
func (c *crew) anyone() *machine {
	var busy []*machine
	natstest.Eventually(c, crashtest.Patience, "worker with a task", func() bool {
		members, err := c.fleets[c.eye].Workers(c.Context(), false)
		if err != nil {
			return false
		}
		for _, m := range members {
			if i := slices.IndexFunc(c.machines, func(on *machine) bool { return on.name == m.ID }); i >= 0 && len(m.Tasks) > 0 {
				busy = append(busy, c.machines[i])
			}
		}
		return len(busy) > 0
	})
	return busy[c.rand.IntN(len(busy))]
}

// rest lets a fault last: up to two leases, and now and then as long as a worker needs to look for another server.
func (c *crew) rest() {
	most := 2 * fleetLease
	if c.rand.IntN(4) == 0 {
		most = 8 * fleetLease
	}
	<-time.After(time.Duration(c.rand.Int64N(int64(most))))
}

// workersHeld waits until each task is held again after a blow to a worker. The servers are well meanwhile, so that
// takes three leases at most: one until the queue grants the tasks again, the rest for a busy machine and the looks of
// the test. In the short form other tests run beside it, and say nothing about times.
func (c *crew) workersHeld() {
	c.Helper()
	took := c.awaitHeld()
	c.times.workers = append(c.times.workers, took)
	if limit := 3 * fleetLease; took > limit && *seeds > 0 {
		c.Errorf("%s: a task was held again only after %v, want %v at most", c.blow, took, limit)
	}
}

// serversHeld waits until each task is held after a blow to servers, whose elections take their time.
func (c *crew) serversHeld() {
	c.Helper()
	began := time.Now()
	c.awaitHeld()
	c.times.servers = append(c.times.servers, time.Since(began))
}

// back waits until a worker that is back has found out what others have.
func (c *crew) back() {
	c.Helper()
	c.times.once = append(c.times.once, c.awaitOnce())
}

func (c *crew) kill() {
	m := c.anyone()
	m.worker.Kill()
	c.hire(m)
	c.counts.add("workers killed", 1)
	c.workersHeld()
}

// freeze stops a worker until others have its tasks and longer, and lets it go on.
func (c *crew) freeze() {
	w := c.anyone().worker
	w.Signal(syscall.SIGSTOP)
	c.counts.add("workers frozen", 1)
	c.workersHeld()
	c.rest()
	w.Signal(syscall.SIGCONT)
	c.back()
}

// stop ends a worker as a rolling update does.
func (c *crew) stop() {
	m := c.anyone()
	natstest.Eventually(c, crashtest.Patience, "worker that works",
		func() bool { return m.worker.Said("working for") > 0 })
	m.worker.Signal(syscall.SIGTERM)
	if code := m.worker.Wait(); code != 0 {
		c.Errorf("a worker that was stopped ended with code %d", code)
	}
	c.hire(m)
	c.counts.add("workers stopped", 1)
	c.workersHeld()
}

// cutOff cuts a worker off from all servers, or from the one that leads the queue.
func (c *crew) cutOff() {
	m := c.anyone()
	links := m.links
	if c.rand.IntN(3) == 0 {
		leader := slices.Index(c.Servers, c.StreamLeader(c.fleets[0].Stream()))
		links = links[leader : leader+1]
		c.counts.add("workers cut off from the leader", 1)
	}
	c.cut(links)
	c.counts.add("workers cut off", 1)
	c.workersHeld()
	c.rest()
	c.resume(links)
	c.back()
}

// cut cuts links: silently, or by resets.
func (c *crew) cut(links []*natstest.Proxy) {
	silently := c.rand.IntN(2) == 0
	for _, p := range links {
		if silently {
			p.Stall()
		} else {
			p.Refuse()
		}
	}
}

func (c *crew) resume(links []*natstest.Proxy) {
	for _, p := range links {
		p.Resume()
	}
}

func (c *crew) restart() {
	c.Servers[c.rand.IntN(len(c.Servers))].Restart()
	c.counts.add("servers restarted", 1)
	c.serversHeld()
	c.caughtUp()
}

// isolate cuts a server off from its peers, with the workers that are connected to it.
func (c *crew) isolate() {
	c.loseServer()
	c.serversHeld()
	c.rest()
	c.regain()
}

// loseServer cuts a server off, every other time the one that leads the queue.
func (c *crew) loseServer() {
	i := c.rand.IntN(len(c.Servers))
	if c.rand.IntN(2) == 0 {
		i = slices.Index(c.Servers, c.StreamLeader(c.fleets[0].Stream()))
	}
	c.eye = (i + 1) % len(c.Servers)
	c.Isolate(i, c.rand.IntN(2) == 0)
	c.counts.add("servers cut off", 1)
}

// regain ends what loseServer has done, and waits until the server has caught up: the next blow may hit another one.
func (c *crew) regain() {
	c.Helper()
	c.Rejoin()
	c.caughtUp()
	c.back()
}

// caughtUp waits until each server is as far as its peers with the queue.
func (c *crew) caughtUp() {
	c.Helper()
	natstest.Eventually(c, crashtest.Patience, "servers that have caught up", func() bool {
		queue, workers := c.queue()
		return allCurrent(queue) && allCurrent(workers)
	})
}

// allCurrent reports whether there is a leader, and the other two are as far as it is.
func allCurrent(group *jetstream.ClusterInfo) bool {
	return group != nil && group.Leader != "" && len(group.Replicas) == 2 &&
		!slices.ContainsFunc(group.Replicas, func(p *jetstream.PeerInfo) bool { return !p.Current || p.Offline })
}

func (c *crew) stepDown() {
	nc := c.Connect()
	natstest.StepDownStream(c, nc, c.fleets[0].Stream())
	natstest.StepDownConsumer(c, nc, c.fleets[0].Stream(), "workers")
	c.counts.add("step-downs", 1)
	c.serversHeld()
}

// both loses a server, freezes a worker and kills another one at once.
func (c *crew) both() {
	c.loseServer()
	n := c.rand.IntN(len(c.machines))
	frozen, killed := c.machines[n], c.machines[(n+1)%len(c.machines)]
	frozen.worker.Signal(syscall.SIGSTOP)
	killed.worker.Kill()
	c.hire(killed)
	c.counts.add("workers frozen", 1)
	c.counts.add("workers killed", 1)
	c.serversHeld()
	frozen.worker.Signal(syscall.SIGCONT)
	c.regain()
}
