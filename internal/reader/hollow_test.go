package reader_test

import (
	"context"
	"errors"
	"testing"

	"github.com/jetcapture/jetcapture/internal/natstest"
	"github.com/jetcapture/jetcapture/internal/reader"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A Next that is ended while it asks for a message without a payload loses nothing: the next one returns the batch.
func TestHollowMessageAndACancelledNext(t *testing.T) {
	s := natstest.Start(t)
	nc := s.Connect()
	natstest.CreateStream(t, nc, jetstream.StreamConfig{Name: "S"})
	natstest.Publish(t, nc, 100, func(i int) *nats.Msg {
		m := &nats.Msg{Subject: "s.a", Data: []byte("x")}
		if i%2 == 1 {
			m.Header, m.Data = nats.Header{"Nats-Msg-Size": {"17"}}, nil
		}
		return m
	})
	r := openOrdered(t, nc, "S", reader.Position{})
	var got []reader.Message
	for ended := 0; len(got) < 100; {
		ctx, cancel := context.WithCancel(natstest.Context(t))
		if ended < 20 { // before the stream can answer
			ended++
			cancel()
		}
		b, err := r.Next(ctx)
		cancel()
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		got = append(got, b.Messages...)
	}
	wantSeqs(t, got, 1, 100)
	if err := r.Check(natstest.Context(t)); err != nil {
		t.Errorf("check: %v", err)
	}
}
