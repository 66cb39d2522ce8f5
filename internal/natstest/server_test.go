package natstest

import (
	"errors"
	"net"
	"testing"
	"time"
)

// TestPortsOfOthers: a server whose port somebody else has waits for it. One that has not run yet takes another.
func TestPortsOfOthers(t *testing.T) {
	s := Start(t)
	was := s.Addr()
	s.Stop()
	l, err := net.Listen("tcp", was)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.try(time.Now().Add(ready)); !errors.Is(err, errNoPort) {
		t.Fatalf("a port of somebody else: %v", err)
	}
	closed := make(chan error)
	go func() { closed <- l.Close() }()
	s.Restart()
	if err := <-closed; err != nil || s.Addr() != was {
		t.Fatalf("the server was on %s and is on %s: %v", was, s.Addr(), err)
	}

	fresh := &Server{tb: t, opts: s.opts.Clone(), port: s.opts.Port}
	fresh.opts.StoreDir = t.TempDir()
	t.Cleanup(fresh.Stop)
	fresh.run()
	if fresh.Addr() == was {
		t.Fatalf("two servers are on %s", was)
	}
	fresh.Connect()
}
