// Package natstest starts real nats-servers inside the test process, breaks their connections, and fills their streams.
// Every server, connection and proxy ends with the test that started it.
package natstest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// ready is how long a server may take to accept clients. It has been more than 20 seconds where a whole suite shares
// few cores and one disk.
const ready = time.Minute

// Option changes the options of a server before it starts.
type Option func(*server.Options)

// Server is one nats-server with JetStream, which can be stopped and started again on the same port and store.
type Server struct {
	tb   testing.TB
	opts *server.Options
	srv  *server.Server

	port int // the client port that Start has chosen, until the server has run on it
}

// Start starts a server with JetStream whose store is a temporary directory of the test, on a free port of the loopback
// interface.
func Start(tb testing.TB, options ...Option) *Server {
	tb.Helper()
	port := freePorts(tb, 1)[0]
	opts := &server.Options{
		ServerName: "natstest",
		Host:       "127.0.0.1",
		Port:       port,
		JetStream:  true,
		StoreDir:   tb.TempDir(),
		NoLog:      true,
		NoSigs:     true,
	}
	for _, option := range options {
		option(opts)
	}
	s := &Server{tb: tb, opts: opts, port: port}
	tb.Cleanup(s.Stop)
	s.run()
	return s
}

// run starts the server, and again while somebody else has one of its ports: between the choice of a port and its use,
// or while the server was stopped. A server that has not run yet takes another client port.
func (s *Server) run() {
	s.tb.Helper()
	deadline := time.Now().Add(ready)
	err := s.try(deadline)
	for errors.Is(err, errNoPort) && time.Now().Before(deadline) {
		time.Sleep(100 * time.Millisecond)
		if s.opts.Port == s.port {
			s.port = freePorts(s.tb, 1)[0]
			s.opts.Port = s.port
		}
		err = s.try(deadline)
	}
	if err != nil {
		s.tb.Fatal(err)
	}
}

// errNoPort says that a server could not listen.
var errNoPort = errors.New("the nats-server cannot listen")

// try starts the server and waits until it accepts clients.
func (s *Server) try(deadline time.Time) error {
	srv, err := server.NewServer(s.opts.Clone())
	if err != nil {
		return fmt.Errorf("make a nats-server: %w", err)
	}
	said := &complaints{}
	srv.SetLogger(said, false, false)
	srv.Start()
	for !srv.ReadyForConnections(100 * time.Millisecond) {
		last, fatal := said.last()
		if !fatal && time.Now().Before(deadline) {
			continue
		}
		srv.Shutdown()
		srv.WaitForShutdown()
		if fatal && strings.Contains(last, "listening on") {
			return fmt.Errorf("%w: %s", errNoPort, last)
		}
		return fmt.Errorf("nats-server accepts no connection within %v; its last error: %q", ready, last)
	}
	s.srv, s.port = srv, 0
	return nil
}

// Stop shuts down the server and waits for it. It may be called again.
func (s *Server) Stop() {
	if s.srv == nil {
		return
	}
	s.srv.Shutdown()
	s.srv.WaitForShutdown()
	s.srv = nil
}

// Restart stops the server if it runs, and starts it on the same port and store.
func (s *Server) Restart() {
	s.tb.Helper()
	s.Stop()
	s.run()
}

// Addr is the host and port for clients. It stays the same over a restart.
func (s *Server) Addr() string { return net.JoinHostPort(s.opts.Host, strconv.Itoa(s.opts.Port)) }

// URL is the address for clients. It stays the same over a restart.
func (s *Server) URL() string { return "nats://" + s.Addr() }

// StoreDir is the directory with the server's streams. Copy it only while the server is stopped.
func (s *Server) StoreDir() string { return s.opts.StoreDir }

// Running returns the server itself, or nil while it is stopped.
func (s *Server) Running() *server.Server { return s.srv }

// Connect connects a client that reconnects for ever. It is closed at the end of the test.
func (s *Server) Connect(options ...nats.Option) *nats.Conn {
	s.tb.Helper()
	return Connect(s.tb, s.URL(), options...)
}

// Connect connects a client to url that reconnects quickly, for ever, and without a log. It is closed at the end of the
// test.
func Connect(tb testing.TB, url string, options ...nats.Option) *nats.Conn {
	tb.Helper()
	all := append([]nats.Option{
		nats.MaxReconnects(-1),
		nats.ReconnectWait(20 * time.Millisecond),
		nats.ReconnectJitter(10*time.Millisecond, 10*time.Millisecond),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}),
	}, options...)
	nc, err := nats.Connect(url, all...)
	for deadline := time.Now().Add(limit); overtaken(err) && time.Now().Before(deadline); {
		nc, err = nats.Connect(url, all...)
	}
	if err != nil {
		tb.Fatalf("connect to %s: %v", url, err)
	}
	tb.Cleanup(nc.Close)
	return nc
}

// overtaken reports whether the server's own PING came before its answer to the client's. That happens when the server
// is slow, and the client does not accept it (nats.go, sendConnect).
func overtaken(err error) bool {
	return err != nil && strings.Contains(err.Error(), "expected 'PONG', got 'PING'")
}

// CopyStore copies the store of a stopped server into the directory to, which must be missing or empty.
func (s *Server) CopyStore(to string) {
	s.tb.Helper()
	if s.srv != nil {
		s.tb.Fatal("copy the store of a running server")
	}
	if err := os.CopyFS(to, os.DirFS(s.opts.StoreDir)); err != nil {
		s.tb.Fatalf("copy the store: %v", err)
	}
}

// RestoreStore replaces the store of a stopped server by the copy in the directory from: the server goes back in time.
func (s *Server) RestoreStore(from string) {
	s.tb.Helper()
	if s.srv != nil {
		s.tb.Fatal("restore the store of a running server")
	}
	if err := os.RemoveAll(s.opts.StoreDir); err != nil {
		s.tb.Fatalf("remove the store: %v", err)
	}
	if err := os.CopyFS(s.opts.StoreDir, os.DirFS(from)); err != nil {
		s.tb.Fatalf("restore the store: %v", err)
	}
}

// Configured adds a configuration as its text stands in a file of nats-server.
func Configured(tb testing.TB, text string) Option {
	return func(o *server.Options) {
		if err := o.ProcessConfigString(text); err != nil {
			tb.Fatalf("configure a nats-server: %v", err)
		}
	}
}
