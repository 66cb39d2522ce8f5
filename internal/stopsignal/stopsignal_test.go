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
				go sort(signals, one, two, done, nil)
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
		go sort(signals, one, two, done, nil)
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
	first, second, end := Notify(nil)
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

// TestHangUpsThatAreTaken stop nothing; one that nobody takes does.
func TestHangUpsThatAreTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		signals, done := make(chan os.Signal), make(chan struct{})
		one, two := make(chan os.Signal, 1), make(chan os.Signal, 1)
		var hangUps HangUps
		go sort(signals, one, two, done, &hangUps)
		taken, release := hangUps.Take()
		signals <- syscall.SIGHUP
		signals <- syscall.SIGHUP
		synctest.Wait()
		if len(taken) != 1 || len(one) != 0 || len(two) != 0 {
			t.Errorf("%d are taken, %d stop, %d stop at once; want 1, 0 and 0", len(taken), len(one), len(two))
		}
		signals <- syscall.SIGTERM
		signals <- syscall.SIGHUP
		synctest.Wait()
		if len(one) != 1 || len(two) != 0 {
			t.Errorf("%d stop, %d stop at once; want 1 and 0", len(one), len(two))
		}
		release()
		if hangUps.pass(syscall.SIGHUP) {
			t.Error("a signal is taken by nobody")
		}
		close(done)
	})
}
