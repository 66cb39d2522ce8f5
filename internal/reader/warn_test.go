package reader_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/nats-io/nats.go/jetstream"
)

// warnings counts the warnings of a logger.
type warnings struct {
	slog.Handler
	n *int
}

func (w warnings) Handle(_ context.Context, r slog.Record) error {
	if r.Level >= slog.LevelWarn {
		*w.n++
	}
	return nil
}

func (w warnings) Enabled(context.Context, slog.Level) bool { return true }

func (w warnings) WithAttrs([]slog.Attr) slog.Handler { return w }

// A stream that stays away is looked up again and again, with one warning.
func TestOneWarningOfAStreamThatIsGone(t *testing.T) {
	nc := natstest.Start(t).Connect()
	natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "S"})
	n := 0
	r := openOrdered(t, nc, "S", reader.Position{}, func(c *reader.OrderedConfig) {
		c.Logger = slog.New(warnings{slog.DiscardHandler, &n})
		c.Timing.Retry = 10 * time.Millisecond
	})
	if err := natstest.JetStream(t, nc).DeleteStream(natstest.Context(t), "S"); err != nil {
		t.Fatal(err)
	}
	before := nc.Stats().OutMsgs
	for nc.Stats().OutMsgs < before+10 { // requests for the stream
		if _, err := r.Next(short(t)); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("next: %v", err)
		}
	}
	if n != 1 {
		t.Errorf("%d warnings, want 1", n)
	}
}
