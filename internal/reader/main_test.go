package reader_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, natstest.IgnoreServer()...)
}

// quick holds intervals that suit a server in the same process.
var quick = reader.Timing{
	Expires:    2 * time.Second,
	Heartbeat:  500 * time.Millisecond,
	Tick:       20 * time.Millisecond,
	SecondLook: 100 * time.Millisecond,
	Retry:      50 * time.Millisecond,
	StandBy:    50 * time.Millisecond,
	Glance:     200 * time.Millisecond,
}

func logger(t testing.TB) *slog.Logger {
	return slog.New(slog.NewTextHandler(testWriter{t}, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

type testWriter struct{ t testing.TB }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Logf("%s", p)
	return len(p), nil
}

// readUntil reads until a message or the mark has reached the stream sequence to, and checks the order on the way.
func readUntil(t testing.TB, r reader.Reader, to uint64) []reader.Message {
	t.Helper()
	var all []reader.Message
	var last, through uint64
	ctx := natstest.Context(t)
	for last < to && through < to {
		b, err := r.Next(ctx)
		if err != nil {
			t.Fatalf("after %d messages, last %d, through %d: %v", len(all), last, through, err)
		}
		for _, m := range b.Messages {
			if m.Seq <= last {
				t.Fatalf("stream sequence %d after %d", m.Seq, last)
			}
			last = m.Seq
		}
		if b.Through != 0 && b.Through < max(last, through) {
			t.Fatalf("through %d went back, was %d, last message %d", b.Through, through, last)
		}
		through = b.Through
		all = append(all, b.Messages...)
	}
	return all
}

// readError reads until Next fails, and returns what came before, and the error.
func readError(t testing.TB, r reader.Reader) ([]reader.Message, error) {
	t.Helper()
	var all []reader.Message
	ctx := natstest.Context(t)
	for {
		b, err := r.Next(ctx)
		if err != nil {
			if errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("no error within the time, %d messages", len(all))
			}
			return all, err
		}
		all = append(all, b.Messages...)
	}
}

// wantSeqs checks that exactly the sequences from first to last came, but those left out.
func wantSeqs(t testing.TB, got []reader.Message, first, last uint64, without ...uint64) {
	t.Helper()
	missing := map[uint64]bool{}
	for _, seq := range without {
		missing[seq] = true
	}
	i := 0
	for seq := first; seq <= last; seq++ {
		if missing[seq] {
			continue
		}
		if i >= len(got) {
			t.Fatalf("stream sequence %d is missing, %d messages came", seq, len(got))
		}
		if got[i].Seq != seq {
			t.Fatalf("message %d has stream sequence %d, want %d", i, got[i].Seq, seq)
		}
		i++
	}
	if i != len(got) {
		t.Fatalf("got %d messages, want %d", len(got), i)
	}
}

// created returns when the stream was created, for positions.
func created(t testing.TB, src *reader.Source) time.Time {
	t.Helper()
	info, err := src.Info(natstest.Context(t))
	if err != nil {
		t.Fatal(err)
	}
	return info.Created
}

// source names a stream, with a request timeout that suits elections in a test.
func source(nc *nats.Conn, stream string) *reader.Source {
	src := reader.NewSource(nc, "", stream)
	src.SetTimeout(2 * time.Second)
	return src
}
