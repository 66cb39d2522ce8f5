package main

import (
	"context"
	"errors"
	"net"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jetcapture/jetcapture"
)

// supervisor is systemd, which has started the process with Type=notify: it wants to know when the captures read, what
// they do, and that the process is not stuck. See sd_notify(3). Any goroutine may call its methods. Nil is none.
type supervisor struct {
	socket   net.Conn
	watchdog time.Duration // it wants to hear of the process within this time; 0: it does not care
	ready    atomic.Bool   // it has heard that the process is ready
}

// supervisorEvery is how often the supervisor gets the status.
const supervisorEvery = 5 * time.Second

// newSupervisor connects to the supervisor that the environment names. Without one it returns nil.
func newSupervisor(ctx context.Context, getenv func(string) string) (*supervisor, error) {
	path := getenv("NOTIFY_SOCKET")
	if path == "" {
		return nil, nil //nolint:nilnil // nil stands for none
	}
	socket, err := (&net.Dialer{}).DialContext(ctx, "unixgram", path) // a leading @ is an abstract one, for net as well
	if err != nil {
		return nil, errors.New("NOTIFY_SOCKET: " + err.Error())
	}
	s := &supervisor{socket: socket}
	if pid := getenv("WATCHDOG_PID"); pid == "" || pid == strconv.Itoa(os.Getpid()) {
		if us, err := strconv.ParseInt(getenv("WATCHDOG_USEC"), 10, 64); err == nil && us > 0 {
			s.watchdog = time.Duration(us) * time.Microsecond
		}
	}
	return s, nil
}

// supervisorPatience is how long it may take to take a message. It takes none while it is stuck itself.
const supervisorPatience = time.Second

// say tells the supervisor assignments, and reports whether it has taken them. What it does not take is lost: the
// captures matter more.
func (s *supervisor) say(assignments ...string) bool {
	_ = s.socket.SetWriteDeadline(time.Now().Add(supervisorPatience)) // it fails for a closed socket, as Write does
	_, err := s.socket.Write([]byte(strings.Join(assignments, "\n")))
	return err == nil
}

// reloading says that the configuration is being read again. The caller calls done when it was.
func (s *supervisor) reloading() (done func()) {
	if s == nil || !s.ready.Load() {
		return func() {}
	}
	s.say("RELOADING=1", reloadStart())
	return func() { s.say("READY=1") }
}

// every is how often it wants to hear of the process: at least twice within the time of the watchdog.
func (s *supervisor) every() time.Duration {
	if s.watchdog > 0 {
		return min(supervisorEvery, s.watchdog/2)
	}
	return supervisorEvery
}

// close ends the connection.
func (s *supervisor) close() {
	if s != nil {
		_ = s.socket.Close() // nothing waits in it
	}
}

// supervise starts a goroutine that tells the supervisor how the captures are, once that they are ready, and that they
// are stopping when ctx ends. stop ends it and waits for it.
func (r *runner) supervise(ctx context.Context, s *supervisor, ready func() bool) (stop func()) {
	if s == nil {
		return func() {}
	}
	ended, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(s.every())
		defer ticker.Stop()
		stopping := ctx.Done()
		for {
			if !s.ready.Load() && ready() {
				s.ready.Store(s.say("READY=1"))
			}
			// Counters that nobody can read, since a capture holds their lock for good, stop the watchdog as well.
			s.say("STATUS="+supervisorStatus(r.overview.stats()), "WATCHDOG=1")
			select {
			case <-ended:
				return
			case <-stopping:
				stopping = nil
				s.say("STOPPING=1")
			case <-ticker.C:
			}
		}
	}()
	return func() {
		close(ended)
		<-done
	}
}

// supervisorStatus is a line for systemctl status.
func supervisorStatus(state string, s jetcapture.Stats) string {
	return state + ", " + counted(s.Messages, "message") + " read, " + thousands(int64(left(s))) + " to come"
}
