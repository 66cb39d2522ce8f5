package main

import (
	"context"
	"errors"
	"testing"

	"go.uber.org/goleak"
)

// Users of the same thing share it, as many as may. The last one closes it, and what has failed is not shared.
func TestSharing(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	opened, closed := 0, 0
	var broken error
	c := &sharing[string, int]{
		most:  2,
		open:  func(context.Context, string) (int, error) { opened++; return opened, broken },
		close: func(int) error { closed++; return nil },
	}
	var leave []func() error
	for i, want := range []int{1, 1, 2} {
		got, done, err := c.take(t.Context(), "a")
		if err != nil || got != want {
			t.Fatalf("user %d has %d, %v, want %d", i, got, err, want)
		}
		leave = append(leave, done)
	}
	if got, done, err := c.take(t.Context(), "b"); err != nil || got != 3 || done() != nil || closed != 1 {
		t.Errorf("another key has %d, %v; %d are closed", got, err, closed)
	}
	broken = errors.New("no server")
	if _, _, err := c.take(t.Context(), "c"); !errors.Is(err, broken) {
		t.Errorf("got %v, want that there is no server", err)
	}
	broken = nil
	if got, done, err := c.take(t.Context(), "c"); err != nil || got != 5 || done() != nil {
		t.Errorf("after a failure: %d, %v, want another one", got, err)
	}
	for _, done := range leave {
		if err := done(); err != nil {
			t.Fatal(err)
		}
	}
	if closed != 4 || len(c.all) > 0 {
		t.Errorf("%d are closed and %d left, want 4 and none", closed, len(c.all))
	}
}

// A user that gives up does not end the attempt for the others; the last one does.
func TestSharingGivesUp(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	ended := make(chan struct{})
	c := &sharing[string, int]{open: func(ctx context.Context, _ string) (int, error) {
		<-ctx.Done()
		close(ended)
		return 0, ctx.Err()
	}}
	first, second := c.join("a"), c.join("a")
	if first != second {
		t.Fatal("two users make two attempts")
	}
	_ = c.leave(first)
	select {
	case <-ended:
		t.Fatal("the attempt has ended with the first user")
	default:
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := c.take(ctx, "a"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that it was cancelled", err)
	}
	_ = c.leave(second)
	<-ended
}
