package reader_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/nats-io/nats.go/jetstream"
)

func TestOrderedStreamRecreated(t *testing.T) {
	nc := natstest.Start(t).Connect()
	natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "S"})
	natstest.PublishN(t, nc, "s.a", 10)
	r := openOrdered(t, nc, "S", reader.Position{})
	wantSeqs(t, readUntil(t, r, 10), 1, 10)
	was := created(t, reader.NewSource(nc, "", "S"))
	if err := natstest.JetStream(t, nc).DeleteStream(natstest.Context(t), "S"); err != nil {
		t.Fatal(err)
	}
	natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "S"})
	natstest.PublishN(t, nc, "s.a", 20)
	got, err := readError(t, r)
	var diverged *reader.DivergedError
	if !errors.As(err, &diverged) || diverged.RolledBack || !diverged.Was.Equal(was) || diverged.Info.LastSeq != 20 {
		t.Fatalf("got error %v", err)
	}
	wantSeqs(t, got, 1, 0)
	if _, second := readError(t, r); !errors.Is(second, err) {
		t.Fatalf("a second call says %v", second)
	}
	if err := r.Close(natstest.Context(t)); err != nil {
		t.Fatal(err)
	}
	again := openOrdered(t, nc, "S", reader.Position{Created: diverged.Is})
	wantSeqs(t, readUntil(t, again, 20), 1, 20)
}

func TestOrderedStreamGone(t *testing.T) {
	nc := natstest.Start(t).Connect()
	natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "S"})
	wait := openOrdered(t, nc, "S", reader.Position{})
	fail := openOrdered(t, nc, "S", reader.Position{},
		func(c *reader.OrderedConfig) { c.FailWhenGone, c.Name = true, "other" })
	if err := natstest.JetStream(t, nc).DeleteStream(natstest.Context(t), "S"); err != nil {
		t.Fatal(err)
	}
	if _, err := readError(t, fail); !errors.Is(err, reader.ErrStreamNotFound) {
		t.Fatalf("with FailWhenGone: %v", err)
	}
	short, cancel := context.WithTimeout(t.Context(), 400*time.Millisecond)
	defer cancel()
	if _, err := wait.Next(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("without FailWhenGone: %v", err)
	}
	natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "S"})
	var diverged *reader.DivergedError
	if _, err := readError(t, wait); !errors.As(err, &diverged) {
		t.Fatalf("the stream came back: %v", err)
	}
}

func TestOrderedRolledBack(t *testing.T) {
	s := natstest.Start(t)
	nc := s.Connect()
	natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "S"})
	natstest.PublishN(t, nc, "s.a", 50)
	s.Stop()
	copied := t.TempDir()
	s.CopyStore(copied)
	for name, regrown := range map[string]int{"shorter": 10, "regrown": 60} {
		t.Run(name, func(t *testing.T) {
			s.Restart()
			nc := s.Connect()
			natstest.PublishN(t, nc, "s.a", 50)
			r := openOrdered(t, nc, "S", reader.Position{})
			wantSeqs(t, readUntil(t, r, 100), 1, 100)
			s.Stop()
			s.RestoreStore(copied)
			s.Restart()
			natstest.PublishN(t, s.Connect(), "s.b", regrown)
			_, err := readError(t, r)
			var diverged *reader.DivergedError
			if !errors.As(err, &diverged) || !diverged.RolledBack {
				t.Fatalf("got error %v", err)
			}
			s.Stop()
			s.RestoreStore(copied)
		})
	}
}

// A message between the anchor and the position, which was not there before, proves a rollback even where the anchor
// still matches.
func TestOrderedRolledBackBehindAnchor(t *testing.T) {
	nc := natstest.Start(t).Connect()
	natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "S"})
	natstest.PublishN(t, nc, "s.a", 50)
	src := reader.NewSource(nc, "", "S")
	stored, err := src.Get(natstest.Context(t), 30)
	if err != nil {
		t.Fatal(err)
	}
	r := openOrdered(t, nc, "S", reader.Position{After: 40, Created: created(t, src), Anchor: stored.Anchor()})
	_, err = readError(t, r)
	var diverged *reader.DivergedError
	if !errors.As(err, &diverged) || !diverged.RolledBack {
		t.Fatalf("got error %v", err)
	}
}
