package stopsignal

import (
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestSort(t *testing.T) {
	for name, tt := range map[string]struct {
		second os.Signal
		after  time.Duration
		want   bool // the second channel has it
	}{
		"an echo":                      {os.Interrupt, Echo - 1, false},
		"the same signal, later":       {os.Interrupt, Echo, true},
		"another signal, soon":         {syscall.SIGTERM, 0, true},
		"another signal, much later":   {syscall.SIGTERM, time.Hour, true},
		"the same signal, much later":  {os.Interrupt, time.Hour, true},
		"an echo at the same instant.": {os.Interrupt, 0, false},
		"a terminal that closes":       {syscall.SIGHUP, time.Hour, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				signals, done := make(chan os.Signal), make(chan struct{})
				one, two := make(chan os.Signal, 1), make(chan os.Signal, 1)
				go sort(signals, one, two, done)
				signals <- os.Interrupt
				if got := <-one; got != os.Interrupt {
					t.Errorf("the first signal is %v, want %v", got, os.Interrupt)
				}
				<-time.After(tt.after)
				signals <- tt.second
				synctest.Wait()
				if got := len(two) == 1; got != tt.want {
					t.Errorf("it is a second signal: %v, want %v", got, tt.want)
				}
				close(done)
			})
		})
	}
}

// TestHangUpComesWithOthers: systemd may send SIGHUP and SIGTERM in either order.
func TestHangUpComesWithOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		signals, done := make(chan os.Signal), make(chan struct{})
		one, two := make(chan os.Signal, 1), make(chan os.Signal, 1)
		go sort(signals, one, two, done)
		signals <- syscall.SIGHUP
		signals <- syscall.SIGTERM
		synctest.Wait()
		if got := <-one; got != syscall.SIGHUP || len(two) != 0 {
			t.Errorf("the first signal is %v, second ones: %d", got, len(two))
		}
		<-time.After(Echo)
		signals <- syscall.SIGTERM
		synctest.Wait()
		if len(two) != 1 {
			t.Error("a signal that came later is no second one")
		}
		close(done)
	})
}

func TestNotify(t *testing.T) {
	first, second, end := Notify()
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		signal os.Signal
		from   <-chan os.Signal
	}{{os.Interrupt, first}, {syscall.SIGTERM, second}} {
		if err := self.Signal(step.signal); err != nil {
			t.Fatal(err)
		}
		if got := <-step.from; got != step.signal {
			t.Errorf("got %v, want %v", got, step.signal)
		}
	}
	end()
}
