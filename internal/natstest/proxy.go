package natstest

import (
	"net"
	"sync"
	"testing"
)

// Proxy is a TCP proxy in front of a server. It can cut, refuse or stall the connections through it. Its methods may be
// called from any goroutine.
type Proxy struct {
	tb       testing.TB
	target   string
	listener net.Listener
	wg       sync.WaitGroup

	mu      sync.Mutex
	flows   *sync.Cond // signalled when stalled or closed changes
	stalled bool
	refuses bool
	closed  bool
	conns   map[net.Conn]struct{}
}

// NewProxy starts a proxy to the address target ("host:port"). It ends with the test.
func NewProxy(tb testing.TB, target string) *Proxy {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("listen for the proxy: %v", err)
	}
	p := &Proxy{tb: tb, target: target, listener: l, conns: map[net.Conn]struct{}{}}
	p.flows = sync.NewCond(&p.mu)
	p.wg.Go(p.accept)
	tb.Cleanup(p.close)
	return p
}

// Addr is the host and port where the proxy listens.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// URL is the address for clients that go through the proxy.
func (p *Proxy) URL() string { return "nats://" + p.Addr() }

// Cut resets every connection at once: with RST, so that what is under way is lost. New connections are accepted.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut()
}

// Refuse resets every connection, and each new one, until Resume.
func (p *Proxy) Refuse() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuses = true
	p.cut()
}

// Stall holds back every byte in both directions, without closing anything, until Resume.
func (p *Proxy) Stall() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stalled = true
}

// Resume lets the bytes flow again, and new connections come.
func (p *Proxy) Resume() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stalled, p.refuses = false, false
	p.flows.Broadcast()
}

// cut closes all connections with linger 0. The caller holds the lock.
func (p *Proxy) cut() {
	for c := range p.conns {
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // the connection may be gone already
		}
		_ = c.Close()
		delete(p.conns, c)
	}
}

// close ends the proxy and joins its goroutines.
func (p *Proxy) close() {
	_ = p.listener.Close()
	p.mu.Lock()
	p.closed, p.stalled = true, false
	p.cut()
	p.flows.Broadcast()
	p.mu.Unlock()
	p.wg.Wait()
}

// accept connects each client to the server, until the listener is closed.
func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		upstream, err := net.Dial("tcp", p.target)
		if err != nil { // the server is down: so is the proxy, to this client
			_ = client.Close()
			continue
		}
		if !p.keep(client, upstream) {
			continue
		}
		p.wg.Go(func() { p.copy(upstream, client) })
		p.wg.Go(func() { p.copy(client, upstream) })
	}
}

// keep registers a pair of connections, or resets it while the proxy refuses and when it is closed.
func (p *Proxy) keep(pair ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range pair {
		p.conns[c] = struct{}{}
	}
	if p.closed || p.refuses {
		p.cut()
		return false
	}
	return true
}

// copy moves bytes one way until either side ends, then ends both.
func (p *Proxy) copy(to, from net.Conn) {
	defer p.drop(to, from)
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		p.wait()
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

// wait blocks while the proxy is stalled.
func (p *Proxy) wait() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.stalled && !p.closed {
		p.flows.Wait()
	}
}

// drop forgets and closes a pair of connections.
func (p *Proxy) drop(pair ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range pair {
		_ = c.Close()
		delete(p.conns, c)
	}
}
