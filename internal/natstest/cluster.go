package natstest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// Cluster is a group of servers with clustered JetStream.
type Cluster struct {
	tb      testing.TB
	Servers []*Server
	links   []link // empty unless StartProxiedCluster has made it
}

// link is what the routes run through that one server makes to another, both by their place among the servers.
type link struct {
	from, to int
	proxy    *Proxy
}

// StartCluster starts size servers as one cluster and waits for its JetStream leader.
func StartCluster(tb testing.TB, size int, options ...Option) *Cluster {
	tb.Helper()
	c := &Cluster{tb: tb}
	c.start(freePorts(tb, size), func(_ int, port int) string { return loopback(port) }, options)
	return c
}

// StartProxiedCluster is StartCluster with servers that Isolate can cut off from their peers.
func StartProxiedCluster(tb testing.TB, size int, options ...Option) *Cluster {
	tb.Helper()
	c := &Cluster{tb: tb}
	ports := freePorts(tb, size)
	// A server tells its peers where others can reach it, and they would connect past the proxies. So it tells them an
	// address where nobody listens.
	nowhere := func(o *server.Options) { o.Cluster.Advertise = loopback(1) }
	c.start(ports, func(from, port int) string {
		to := slices.Index(ports, port)
		if from == to {
			return loopback(port)
		}
		p := NewProxy(tb, loopback(port))
		c.links = append(c.links, link{from, to, p})
		return p.Addr()
	}, append([]Option{nowhere}, options...))
	return c
}

// start starts a server for each port of a route, and waits for the leader. address is where the server from reaches
// the port of another one.
func (c *Cluster) start(ports []int, address func(from, port int) string, options []Option) {
	c.tb.Helper()
	for i, port := range ports {
		member := func(o *server.Options) {
			o.ServerName = fmt.Sprintf("natstest-%d", i+1)
			o.Cluster = server.ClusterOpts{Name: "natstest", Host: "127.0.0.1", Port: port, NoAdvertise: true}
			for _, other := range ports {
				o.Routes = append(o.Routes, &url.URL{Scheme: "nats", Host: address(i, other)})
			}
		}
		c.Servers = append(c.Servers, Start(c.tb, append([]Option{member}, options...)...))
	}
	c.waitForLeader()
}

// loopback is the address of a port of this machine.
func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// Isolate cuts server i off from its peers until Rejoin: silently, as a network does that loses every packet, or by
// resetting the connections. Its clients reach it as before.
func (c *Cluster) Isolate(i int, silently bool) {
	for _, l := range c.links {
		switch {
		case l.from != i && l.to != i:
		case silently:
			l.proxy.Stall()
		default:
			l.proxy.Refuse()
		}
	}
}

// Rejoin ends all that Isolate does.
func (c *Cluster) Rejoin() {
	for _, l := range c.links {
		l.proxy.Resume()
	}
}

// URL names every server of the cluster, as nats.Connect takes it.
func (c *Cluster) URL() string {
	urls := make([]string, len(c.Servers))
	for i, s := range c.Servers {
		urls[i] = s.URL()
	}
	return strings.Join(urls, ",")
}

// Connect connects a client to one of the servers. It is closed at the end of the test.
func (c *Cluster) Connect(options ...nats.Option) *nats.Conn {
	c.tb.Helper()
	return Connect(c.tb, c.URL(), options...)
}

// StreamLeader returns the server that leads the stream.
func (c *Cluster) StreamLeader(stream string) *Server {
	c.tb.Helper()
	var leader *Server
	Eventually(c.tb, ready, "a leader of stream "+stream, func() bool {
		for _, s := range c.Servers {
			if s.srv != nil && s.srv.JetStreamIsStreamLeader(server.DEFAULT_GLOBAL_ACCOUNT, stream) {
				leader = s
			}
		}
		return leader != nil
	})
	return leader
}

// waitForLeader waits until one server leads JetStream and knows all others.
func (c *Cluster) waitForLeader() {
	c.tb.Helper()
	Eventually(c.tb, ready, "a JetStream leader", func() bool {
		for _, s := range c.Servers {
			if s.srv != nil && s.srv.JetStreamIsLeader() {
				return len(s.srv.JetStreamClusterPeers()) == len(c.Servers)
			}
		}
		return false
	})
}

// Ports of servers are below those that the system gives to outgoing connections (on Linux from 32768 on). Otherwise
// such a connection could take the port of a server that is stopped for a while, and the server could not come back.
const firstPort, lastPort = 10_000, 32_000

// freePorts finds free ports. It listens on all of them at the same time, so that they differ, and then closes them.
func freePorts(tb testing.TB, n int) []int {
	tb.Helper()
	ports := make([]int, 0, n)
	for try := 0; len(ports) < n; try++ {
		port := firstPort + rand.IntN(lastPort-firstPort)
		l, err := net.Listen("tcp", loopback(port))
		if err != nil && try > 1000 {
			tb.Fatalf("find a free port: %v", err)
		}
		if err != nil {
			continue
		}
		defer l.Close()
		ports = append(ports, port)
	}
	return ports
}

// Eventually polls until done returns true, and fails the test if it does not within the limit. what names the
// condition in the failure.
func Eventually(tb testing.TB, limit time.Duration, what string, done func() bool) {
	tb.Helper()
	deadline := time.Now().Add(limit)
	for !done() {
		if time.Now().After(deadline) {
			tb.Fatalf("no %s within %v", what, limit)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
