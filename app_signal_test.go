package jetcapture

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/internal/stopsignal"
)

// signalSelf sends an interrupt to this process, which must have asked to be notified.
func signalSelf(t *testing.T) {
	t.Helper()
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if err := self.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
}

func TestUntilSignalReturnsWhatRunReturns(t *testing.T) {
	cause := errors.New("stream not found")
	err := untilSignal(t.Context(), slog.New(slog.DiscardHandler), func(context.Context) error { return cause })
	if !errors.Is(err, cause) {
		t.Errorf("got %v", err)
	}
}

func TestUntilSignalFirstStopsSecondGivesUp(t *testing.T) {
	held := make(chan os.Signal, 1) // catches a signal that comes late, which would end the process
	signal.Notify(held, os.Interrupt)
	defer signal.Stop(held)
	stopping, stuck, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
	result := make(chan error, 1)
	started := make(chan struct{})
	go func() {
		result <- untilSignal(t.Context(), slog.New(slog.DiscardHandler), func(ctx context.Context) error {
			defer close(ended)
			close(started)
			<-ctx.Done()
			close(stopping)
			<-stuck // a store that does not answer
			return ctx.Err()
		})
	}()
	<-started
	signalSelf(t)
	<-stopping
	signalSelf(t) // an echo
	select {
	case err := <-result:
		t.Fatalf("the first signal gave up: %v", err)
	default:
	}
	<-time.After(2 * stopsignal.Echo) // a signal that comes now is not an echo
	signalSelf(t)
	err := <-result
	var exit interface{ ExitCode() int } // cli.ExitCoder
	if !errors.As(err, &exit) || exit.ExitCode() != 130 {
		t.Errorf("got %v, want exit code 130", err)
	}
	close(stuck)
	<-ended
}
