package jetcapture

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"testing"
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
	select {
	case err := <-result:
		t.Fatalf("the first signal gave up: %v", err)
	default:
	}
	signalSelf(t)
	var exit interface{ ExitCode() int } // cli.ExitCoder
	if err := <-result; !errors.As(err, &exit) || exit.ExitCode() != 130 {
		t.Errorf("got %v, want exit code 130", err)
	}
	close(stuck)
	<-ended
}
