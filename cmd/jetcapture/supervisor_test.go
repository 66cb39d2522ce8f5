package main

import (
	"bytes"
	"context"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestSupervisor: systemd hears that the capture reads, how far it is, that the process is not stuck, and that it
// stops.
func TestSupervisor(t *testing.T) {
	srv, _ := orders(t, "1", "2")
	folder := t.TempDir()
	path := filepath.Join(folder, "notify")
	socket, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "unixgram", path)
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	env := environment{"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "100000"}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	code := make(chan int, 1)
	go func() {
		args := []string{"jetcapture", "run", "-s", "ORDERS", "-o", filepath.Join(folder, "a"), "--nats-server", srv.URL()}
		var out bytes.Buffer
		code <- execute(ctx, args, console{&out, &out, func(name string) string { return env[name] }, new(atomic.Bool), nil})
	}()
	hear(t, socket, "READY=1")
	hear(t, socket, "STATUS=reading, 2 messages read, 0 to come")
	hear(t, socket, "WATCHDOG=1")
	stop()
	hear(t, socket, "STOPPING=1")
	if got := <-code; got != exitDone {
		t.Errorf("exit code %d", got)
	}
}

// hear reads messages to a supervisor until one has a line.
func hear(t *testing.T, socket net.PacketConn, line string) {
	t.Helper()
	if err := socket.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	var heard []string
	for b := make([]byte, 4096); !slices.Contains(heard, line); {
		n, _, err := socket.ReadFrom(b)
		if err != nil {
			t.Fatalf("no %s: %v; it said %q", line, err, heard)
		}
		heard = append(heard, strings.Split(string(b[:n]), "\n")...)
	}
}

func TestNoSupervisor(t *testing.T) {
	s, err := newSupervisor(t.Context(), environment{}.get)
	if s != nil || err != nil {
		t.Errorf("without NOTIFY_SOCKET there is %v, %v", s, err)
	}
	_, err = newSupervisor(t.Context(), environment{"NOTIFY_SOCKET": filepath.Join(t.TempDir(), "none")}.get)
	if err == nil || !strings.Contains(err.Error(), "NOTIFY_SOCKET") {
		t.Errorf("a socket that is not there: %v", err)
	}
}

func TestWatchdogOfAnother(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	socket, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "unixgram", path)
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	for pid, want := range map[string]time.Duration{"1": supervisorEvery, "": time.Second} {
		s, err := newSupervisor(t.Context(),
			environment{"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "2000000", "WATCHDOG_PID": pid}.get)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.every(); got != want {
			t.Errorf("WATCHDOG_PID=%s: every %v, want %v", pid, got, want)
		}
		if err := s.socket.Close(); err != nil {
			t.Error(err)
		}
	}
}

// get is os.Getenv of the environment.
func (e environment) get(name string) string { return e[name] }

// TestStuckSupervisor: one that reads nothing holds up nobody.
func TestStuckSupervisor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	socket, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "unixgram", path)
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	s, err := newSupervisor(t.Context(), environment{"NOTIFY_SOCKET": path}.get)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	for range 10_000 { // the system keeps a few
		if !s.say("WATCHDOG=1") {
			return
		}
	}
	t.Error("it has taken everything")
}
