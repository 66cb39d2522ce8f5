package crashtest_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture"
	"github.com/jetcapture/jetcapture/bucket"
	"github.com/jetcapture/jetcapture/internal/crashtest"
	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	clusterStream = "TROIKA"
	clusterRate   = 300
	stepDowns     = 15 // of each mode in the short form
)

// cluster is a capture of a replicated stream, over connections that can be cut.
type cluster struct {
	*testing.T
	*natstest.Cluster
	rand    *rand.Rand
	mode    mode
	nc      *nats.Conn // of the test, past the proxies
	proxies []*natstest.Proxy
	r       *running
	counts  *tally
}

// TestCluster captures a replicated stream under load while leaders step down, servers are killed and started again,
// and connections are cut or held up: everything that was published is there once.
func TestCluster(t *testing.T) {
	t.Parallel()
	n := max(*seeds, 1)
	counts := newTally()
	t.Run("seeds", func(t *testing.T) {
		for seed := *fromSeed; seed < *fromSeed+n; seed++ {
			for _, m := range []mode{modes()[0], modes()[3]} {
				t.Run(fmt.Sprintf("%d-%s", seed, m.name), func(t *testing.T) {
					t.Parallel()
					testCluster(t, m, seed, counts)
				})
			}
		}
	})
	counts.report(t, "step-downs of streams", "step-downs of consumers", "servers killed", "all but one server killed",
		"cuts of connections", "stalls", "ends")
}

func testCluster(t *testing.T, m mode, seed uint64, counts *tally) {
	c := &cluster{
		T: t, Cluster: natstest.StartCluster(t, 3), rand: rand.New(rand.NewPCG(seed, 2)), mode: m, counts: counts,
	}
	c.nc = c.Connect()
	// On disk: two of three servers that have forgotten everything would outvote the third.
	natstest.CreateStream(t, c.nc, jetstream.StreamConfig{Name: clusterStream, Replicas: 3, Retention: m.retention})
	var urls []string
	for _, s := range c.Servers {
		p := natstest.NewProxy(t, s.Addr())
		c.proxies = append(c.proxies, p)
		urls = append(urls, p.URL())
	}
	load := crashtest.StartLoad(t, c.Connect(), clusterRate, func(i int) string { return fmt.Sprintf("troika.%d", i%4) })
	b := bucket.NewMem()
	proxied := natstest.Connect(t, strings.Join(urls, ","))
	c.r = run(t, proxied, clusterStream, b, func(o *options) { o.NATSConsumerName, o.MaxAge = m.consumer(), time.Second })
	c.r.until("the first cut", func(s jetcapture.Stats) bool { return s.Cuts > 0 })
	for _, e := range c.events() {
		e(c)
	}
	all := load.Stop()
	c.r.stored(all[len(all)-1].Seq)
	c.r.stop()
	a := crashtest.ReadBucket(t, b, clusterStream)
	crashtest.ExactlyOnce(t, a, all)
	if lost := a.Lost(); len(lost) > 0 || a.Absent() > 0 || len(a.Incarnations()) != 1 {
		t.Errorf("lost %v, absent %d, incarnations %v: the stream has lost nothing", lost, a.Absent(), a.Incarnations())
	}
	st := c.r.capture.Stats()
	counts.add("messages", len(all))
	counts.add("cuts", int(st.Cuts))
	counts.add("reading started again", int(st.Repositions)+strings.Count(c.r.said(), "positioning the reader again"))
	counts.add("ends", 1)
}

// events are the things that happen, in an order that the seed decides.
func (c *cluster) events() (all []func(*cluster)) {
	for i := range stepDowns {
		all = append(all, (*cluster).stepDown)
		if i%5 == 0 {
			all = append(all, (*cluster).cut, (*cluster).stall)
		}
	}
	all = append(all, (*cluster).killOne, (*cluster).killTwo)
	c.rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// progress waits until the capture has stored more messages.
func (c *cluster) progress() {
	c.Helper()
	stored := c.r.capture.Stats().StoredSeq
	c.r.until("progress", func(s jetcapture.Stats) bool { return s.StoredSeq > stored })
}

// stepDown makes the leader of the stream or, where there is a durable one, of the consumer step down. An ordered
// consumer has one replica.
func (c *cluster) stepDown() {
	if c.mode.durable && c.rand.IntN(2) == 0 {
		natstest.StepDownConsumer(c, c.nc, clusterStream, c.mode.consumer())
		c.counts.add("step-downs of consumers", 1)
		return
	}
	natstest.StepDownStream(c, c.nc, clusterStream)
	c.counts.add("step-downs of streams", 1)
}

// cut resets every connection of the capture.
func (c *cluster) cut() {
	for _, p := range c.proxies {
		p.Cut()
	}
	c.counts.add("cuts of connections", 1)
	c.progress()
}

// stall holds back every byte to and from the capture for a while.
func (c *cluster) stall() {
	for _, p := range c.proxies {
		p.Stall()
	}
	<-time.After(time.Duration(c.rand.IntN(1500)) * time.Millisecond)
	for _, p := range c.proxies {
		p.Resume()
	}
	c.counts.add("stalls", 1)
}

// killOne stops a server and starts it again. Its peers go on meanwhile.
func (c *cluster) killOne() {
	s := c.Servers[c.rand.IntN(len(c.Servers))]
	s.Stop()
	c.counts.add("servers killed", 1)
	c.progress()
	s.Restart()
}

// killTwo stops two of three servers: nothing goes on until one is back.
func (c *cluster) killTwo() {
	i := c.rand.IntN(len(c.Servers))
	one, two := c.Servers[i], c.Servers[(i+1)%len(c.Servers)]
	one.Stop()
	two.Stop()
	c.counts.add("all but one server killed", 1)
	<-time.After(time.Second)
	one.Restart()
	two.Restart()
	c.progress()
}
